using System.Globalization;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>What happens to the daemon, one thing after the other, each kind at least once per round, in an order that the seed decides.</summary>
internal sealed class Weather(TestedDaemon daemon, Ledger ledger, Action cut, string disk, bool ownsDisk, Random random, Func<bool> hasEnough, Action<string> say) : IDisposable
{
    /// <summary>Until the collector has something: the writers may have been slow to do away with it.</summary>
    private const int CollectionsMax = 20;

    /// <summary>A machine that is this busy will not get further.</summary>
    private const int RoundsMaxAfterTime = 6;

    private readonly Admin _admin = new(daemon.AdminSocket);
    private Upkeep? _upkeep;
    private Task _beside = Task.CompletedTask;
    private int _troubles;
    private int _hours;

    public Upkeep Upkeep => _upkeep ??= new Upkeep(daemon, () => Volatile.Read(ref _troubles), ledger);

    public Dictionary<string, int> Counts { get; } = [];

    public long ResidentMost { get; private set; }

    /// <summary>At least one whole round, then more until the time is over and enough was acknowledged to mean something.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var late = 0;
        while (late == 0 || (!hasEnough() && late < RoundsMaxAfterTime))
        {
            string[] round = ["kill", "restart", "upgrade", "reload", "full disk", "clock", "cut", "pause", "kill", "upkeep", "kill in gc", "gc"];
            random.Shuffle(round);
            foreach (var what in round)
            {
                if (late > 0 && hasEnough())
                {
                    break;
                }

                await Calm(random.Next(500, 3000));
                ResidentMost = Math.Max(ResidentMost, daemon.ResidentBytes);
                if (await DoAsync(what))
                {
                    Counts[what] = Counts.GetValueOrDefault(what) + 1;
                    say(what);
                }
            }

            late += ct.IsCancellationRequested ? 1 : 0;
        }

        await _beside;
    }

    public void Dispose() => _admin.Dispose();

    private async Task<bool> DoAsync(string what)
    {
        switch (what)
        {
            case "kill":
                await TroubleAsync(() => daemon.RestartAsync("KILL"));
                return true;
            case "restart":
                await TroubleAsync(() => daemon.RestartAsync("TERM"));
                return true;
            case "upgrade":
                await TroubleAsync(UpgradeAsync);
                return true;
            case "reload":
                await daemon.SignalAsync("HUP");
                return true;
            case "full disk":
                await TroubleAsync(ownsDisk ? FillAsync : () => Task.CompletedTask);
                return ownsDisk;
            case "clock" when TestedDaemon.CanMoveClock:
                _hours = random.Next(-40, 40);
                await daemon.MoveClockAsync(_hours);
                return true;
            case "cut":
                for (var i = 0; i < 5; i++)
                {
                    cut();
                    await Calm(random.Next(50, 400));
                }

                return true;
            case "pause":
                await daemon.SignalAsync("STOP");
                await Calm(1500);
                await daemon.SignalAsync("CONT");
                return true;
            case "upkeep":
                await _beside;
                _beside = Upkeep.RunAllAsync();
                return true;
            case "kill in gc":
                await KillInCollectionAsync();
                return true;
            case "gc":
                await CollectAsync();
                return true;
            default:
                return false;
        }
    }

    /// <summary>What fails meanwhile does so because of it.</summary>
    private async Task TroubleAsync(Func<Task> trouble)
    {
        Interlocked.Increment(ref _troubles);
        await trouble();
        Interlocked.Increment(ref _troubles);
    }

    private async Task UpgradeAsync()
    {
        var before = daemon.Version;
        await daemon.RestartAsync("TERM", upgrade: true);
        if (daemon.Version == before)
        {
            throw new InvalidOperationException($"the upgrade started {before} again");
        }
    }

    private async Task KillInCollectionAsync()
    {
        await _beside;
        var collecting = Upkeep.RunAsync("gc");
        while (!collecting.IsCompleted && !await _admin.IsBusyAsync(CancellationToken.None))
        {
            await Calm(10);
        }

        await Calm(random.Next(200));
        await TroubleAsync(() => daemon.RestartAsync("KILL"));
        await collecting;
    }

    /// <summary>Nothing else happens, all writers are at it: each part must succeed now, and the collector give something back.</summary>
    private async Task CollectAsync()
    {
        await _beside;
        await Upkeep.RunAllAsync();
        var freed = Upkeep.BytesFreed;
        for (var tries = 0; tries < CollectionsMax && Upkeep.BytesFreed == freed; tries++)
        {
            await Calm(1000);
            await Upkeep.RunAsync("gc");
        }
    }

    /// <summary>First only the keep-free bound refuses, then nothing is left at all; also a kill in that state.</summary>
    private async Task FillAsync()
    {
        var filler = Path.Combine(disk, "filler");
        for (var left = 64L << 20; left > 0; left = left > 100_000 ? 40_000 : 0)
        {
            var free = new DriveInfo(disk).AvailableFreeSpace - left;
            if (free > 0)
            {
                await Tool.RunAsync(TimeSpan.FromMinutes(1), null, null, "fallocate", "-l", (free + Length(filler)).ToString(CultureInfo.InvariantCulture), filler);
            }

            await Calm(1500);
        }

        if (random.Next(2) == 0)
        {
            await daemon.SignalAsync("KILL");
            File.Delete(filler);
            await daemon.RestartAsync("KILL");
            return;
        }

        File.Delete(filler);
        if (await _admin.ProblemAsync(CancellationToken.None) is { } problem)
        {
            say($"  a restart, as the store asks for it: {problem}");
            await daemon.RestartAsync("TERM");
        }
    }

    private static long Length(string file) => File.Exists(file) ? new FileInfo(file).Length : 0;

    /// <summary>Time for the writers; nothing is measured by it.</summary>
    private static Task Calm(int milliseconds) => Task.Delay(milliseconds, CancellationToken.None);
}

using System.Globalization;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>What happens to the daemon, one thing after the other, each kind at least once per round, in an order that the seed decides.</summary>
internal sealed class Weather(TestedDaemon daemon, Action cut, string disk, bool ownsDisk, Random random, Func<bool> hasEnough, Action<string> say)
{
    /// <summary>A machine that is this busy will not get further.</summary>
    private const int RoundsMaxAfterTime = 6;

    private int _hours;

    public Dictionary<string, int> Counts { get; } = [];

    public long ResidentMost { get; private set; }

    /// <summary>At least one whole round, then more until the time is over and enough was acknowledged to mean something.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var (upkeep, late) = (Task.CompletedTask, 0);
        while (late == 0 || (!hasEnough() && late < RoundsMaxAfterTime))
        {
            string[] round = ["kill", "restart", "upgrade", "reload", "full disk", "clock", "cut", "pause", "kill", "upkeep", "kill in upkeep"];
            random.Shuffle(round);
            foreach (var what in round)
            {
                if (late > 0 && hasEnough())
                {
                    break;
                }

                await Calm(random.Next(500, 3000));
                ResidentMost = Math.Max(ResidentMost, daemon.ResidentBytes);
                if (what is "upkeep" or "kill in upkeep")
                {
                    await upkeep;
                    upkeep = UpkeepAsync();
                }

                if (await DoAsync(what == "kill in upkeep" ? "kill" : what))
                {
                    Counts[what] = Counts.GetValueOrDefault(what) + 1;
                    say(what);
                }
            }

            late += ct.IsCancellationRequested ? 1 : 0;
        }

        await upkeep;
    }

    private async Task<bool> DoAsync(string what)
    {
        switch (what)
        {
            case "kill":
                await daemon.RestartAsync("KILL");
                return true;
            case "restart":
                await daemon.RestartAsync("TERM");
                return true;
            case "upgrade":
                await daemon.RestartAsync("TERM", upgrade: true);
                return true;
            case "reload":
                await daemon.SignalAsync("HUP");
                return true;
            case "full disk":
                return ownsDisk && await FillAsync();
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
                return true;
            default:
                return false;
        }
    }

    /// <summary>Scrub, a copy of the catalogue, and the collector where the daemon has one. They may be cut off: that is the point.</summary>
    private async Task UpkeepAsync()
    {
        await daemon.FluxctlAsync("store", "scrub", "--bytes-per-second", "0");
        await daemon.FluxctlAsync("store", "copy");
        await daemon.FluxctlAsync("store", "gc");
    }

    /// <summary>First only the keep-free bound refuses, then nothing is left at all; also a kill in that state.</summary>
    private async Task<bool> FillAsync()
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
            return true;
        }

        File.Delete(filler);
        return true;
    }

    private static long Length(string file) => File.Exists(file) ? new FileInfo(file).Length : 0;

    /// <summary>Time for the writers; nothing is measured by it.</summary>
    private static Task Calm(int milliseconds) => Task.Delay(milliseconds, CancellationToken.None);
}

using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Disk;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Store.Upkeep.Scrub;
using Fluxd.Testing.Disk;
using Fluxd.Tests.Store.Content;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.CrashLab;

/// <summary>
/// Every operation of the disk under a user's whole life with the store fails: once, or from then on; and under a
/// collector that moves, folds and drops. Callers get an answer in words, nothing that was acknowledged is lost, and when
/// the disk is well again so is the store (at once, or after a restart where it said that it is read-only).
/// </summary>
public sealed class DiskFaultTests(ITestOutputHelper output)
{
    private const int TimeoutMs = 1_200_000;
    private const int Shares = 3;

    private static readonly Life s_user = new(
        async (store, ledger) =>
        {
            var life = await TreeLife.BeginAsync(store, ledger);
            return life.Live;
        },
        TreeLife.VerifyNames, TreeLife.Verify);

    private static readonly Life s_collector = new(
        (store, ledger) => Task.FromResult<Func<Task>>(() => CollectedAsync(store, ledger)), CrashLab.Check, CheckWithCollector);

    private static readonly Fault[] s_faults = [Fault.Failed, Fault.Full, Fault.Torn, Fault.TornFull, Fault.LostPages, Fault.DoneButFailed];

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public Task One_operation_fails(int share) => FailEverywhere(s_user, share, Shares, Once(0));

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public Task All_operations_fail_from_some_moment_on(int share) => FailEverywhere(s_user, share, Shares, Ever);

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public Task The_disk_is_full_from_some_moment_on(int share) => FailEverywhere(s_user, share, Shares, Full);

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(3)]
    public Task One_operation_fails_while_the_collector_runs(int kind) => FailEverywhere(s_collector, 0, 1, Once(kind));

    [Fact(Timeout = TimeoutMs)]
    public Task All_operations_fail_from_some_moment_on_while_the_collector_runs() => FailEverywhere(s_collector, 0, 1, Ever);

    [Fact(Timeout = TimeoutMs)]
    public Task The_disk_is_full_from_some_moment_on_while_the_collector_runs() => FailEverywhere(s_collector, 0, 1, Full);

    [Fact(Timeout = TimeoutMs)]
    public async Task One_look_at_the_disk_fails_while_the_collector_runs()
    {
        var looks = 0;
        var counting = new FaultyDisk(new ModelDisk()) { Plan = (number, _, _) => { looks += number == 0 ? 1 : 0; return null; } };
        await using (var store = TestStore.Create(counting))
        {
            looks = 0;
            await Steps.Collected(store, new Ledger());
        }

        output.WriteLine($"{looks} looks");
        Assert.True(looks > 5, $"{looks}");
        for (var at = 1; at <= looks; at++)
        {
            await FailOne(s_collector, at, 0, (disk, _, last) =>
            {
                var seen = 0;
                disk.Plan = (number, _, _) => number == 0 && Interlocked.Increment(ref seen) == last ? Fault.Failed : null;
            });
        }
    }

    private Action<FaultyDisk, ModelDisk, int> Once(int kind)
    {
        // Other kinds at each place in the next run.
        var turn = Random.Shared.Next(s_faults.Length);
        output.WriteLine($"turn {turn}");
        return (disk, _, at) => disk.FailAt(disk.Changes + at, s_faults[(at + turn + kind) % s_faults.Length]);
    }

    private static void Ever(FaultyDisk disk, ModelDisk model, int at) => disk.FailFrom(disk.Changes + at, Fault.Failed);

    private static void Full(FaultyDisk disk, ModelDisk model, int at)
    {
        var last = disk.Changes + at;
        disk.Plan = (number, _, _) =>
        {
            if (number == last)
            {
                model.Capacity = model.UsedBytes;
            }

            return null;
        };
    }

    private async Task FailEverywhere(Life life, int share, int shares, Action<FaultyDisk, ModelDisk, int> arm)
    {
        var seed = Random.Shared.Next(1_000_000);
        var operations = await CrashLab.CountOperations(async (store, ledger) => await (await life.Begin(store, ledger))());
        output.WriteLine($"seed {seed}: {operations} operations");
        for (var at = 1 + share; at <= operations; at += shares)
        {
            await FailOne(life, at, seed, arm);
        }
    }

    private static async Task FailOne(Life life, int at, int seed, Action<FaultyDisk, ModelDisk, int> arm)
    {
        var where = $"operation {at}, seed {seed}";
        var model = new ModelDisk();
        var disk = new FaultyDisk(model);
        await using var store = TestStore.Create(disk);
        var ledger = new Ledger();
        var run = await life.Begin(store, ledger);
        arm(disk, model, at);
        try
        {
            await run();
        }
        catch (FluxException)
        {
            // An answer in words. Anything else is a fault of this test's subject.
        }

        disk.Plan = (_, _, _) => null;
        model.Capacity = long.MaxValue;
        if (store.Catalog.Fault is null)
        {
            // What failed is over. A write whose answer was an error has not happened, or happened whole: see for all names.
            await life.VerifyRunning(store, ledger, where);
        }

        var random = new Random(HashCode.Combine(seed, at));
        await using var again = await store.RestartAfterCut(model.AfterPowerCut(random), random.NextDouble());
        Assert.True(again.Catalog.Fault is null, $"{where}: {again.Catalog.Fault}");
        await life.Verify(again, ledger, where);
    }

    /// <summary>The collector by itself: where it stops for a fault of the disk, its caller goes on.</summary>
    private static async Task CollectedAsync(TestStore store, Ledger ledger)
    {
        try
        {
            await Steps.Collected(store, ledger);
        }
        catch (DiskException)
        {
            // The house puts it in words for whoever asked.
        }
    }

    private static async Task CheckWithCollector(TestStore store, Ledger ledger, string where)
    {
        await CrashLab.Check(store, ledger, where);

        // And a collector does what the one before left undone; what it held to be damaged for the moment's sake is well again.
        await new Scrubber(store.Catalog, store.Packs, TimeProvider.System, bytesPerSecond: 0).RunAsync(FileTime.Now(TimeProvider.System), long.MaxValue, _ => { }, CancellationToken.None);
        await Steps.Collect(store);
        await CrashLab.Check(store, ledger, where);
        var report = await new StoreCheck(store.Path, store.Packs).RunAsync(readData: true, CancellationToken.None);
        Assert.True(!report.HasDamage, $"{where}: {string.Join("; ", report.Findings.Where(finding => finding.IsDamage).Select(finding => finding.What))}");
    }

    /// <summary>What is done while the disk fails.</summary>
    /// <param name="Begin">With a disk that is well; gives what comes then.</param>
    private sealed record Life(Func<TestStore, Ledger, Task<Func<Task>>> Begin, Verifier VerifyRunning, Verifier Verify);
}

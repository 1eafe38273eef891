using Fluxd.Core;
using Fluxd.Testing.Disk;
using Fluxd.Tests.Store.Content;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.CrashLab;

/// <summary>
/// Every operation of the disk under a user's whole life with the store fails: once, or from then on. Callers get an
/// answer in words, nothing that was acknowledged is lost, and when the disk is well again so is the store (at once,
/// or after a restart where it said that it is read-only).
/// </summary>
public sealed class DiskFaultTests(ITestOutputHelper output)
{
    private const int TimeoutMs = 1_200_000;
    private const int Shares = 3;

    private static readonly Fault[] s_faults = [Fault.Failed, Fault.Full, Fault.Torn, Fault.TornFull, Fault.LostPages, Fault.DoneButFailed];

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task One_operation_fails(int share)
    {
        // Two of the six kinds at each place; other ones in the next run.
        var turn = Random.Shared.Next(s_faults.Length);
        output.WriteLine($"turn {turn}");
        await FailEverywhere(share, (disk, _, at) => disk.FailAt(disk.Changes + at, s_faults[(at + turn) % s_faults.Length]));
        await FailEverywhere(share, (disk, _, at) => disk.FailAt(disk.Changes + at, s_faults[(at + turn + 3) % s_faults.Length]));
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public Task All_operations_fail_from_some_moment_on(int share) => FailEverywhere(
        share, (disk, _, at) => disk.FailFrom(disk.Changes + at, Fault.Failed));

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public Task The_disk_is_full_from_some_moment_on(int share) => FailEverywhere(share, (disk, model, at) =>
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
    });

    private async Task FailEverywhere(int share, Action<FaultyDisk, ModelDisk, int> arm)
    {
        var seed = Random.Shared.Next(1_000_000);
        var operations = await CrashLab.CountOperations(TreeLife.Run);
        output.WriteLine($"seed {seed}: {operations} operations");
        for (var at = 1 + share; at <= operations; at += Shares)
        {
            await FailOne(at, seed, (disk, model) => arm(disk, model, at));
        }
    }

    private static async Task FailOne(int at, int seed, Action<FaultyDisk, ModelDisk> arm)
    {
        var where = $"operation {at}, seed {seed}";
        var model = new ModelDisk();
        var disk = new FaultyDisk(model);
        await using var store = TestStore.Create(disk);
        var ledger = new Ledger();
        var life = await TreeLife.BeginAsync(store, ledger);
        arm(disk, model);
        try
        {
            await life.Live();
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
            await TreeLife.VerifyNames(store, ledger, where);
        }

        var random = new Random(HashCode.Combine(seed, at));
        await using var again = await store.RestartAfterCut(model.AfterPowerCut(random), random.NextDouble());
        Assert.True(again.Catalog.Fault is null, $"{where}: {again.Catalog.Fault}");
        await TreeLife.Verify(again, ledger, where);
    }
}

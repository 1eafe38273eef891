using System.Globalization;
using Fluxd.Tests.Store.Content;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.CrashLab;

/// <summary>
/// The power goes at every disk operation of a workload, and each cut is looked at on several disks that it may leave:
/// together at least 1,200 power cuts a run. FLUXD_CRASH_POINTS asks for more.
/// </summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int TimeoutMs = 1_200_000;

    private static int PointsEach =>
        int.TryParse(Environment.GetEnvironmentVariable("FLUXD_CRASH_POINTS"), NumberStyles.None, CultureInfo.InvariantCulture, out var set) ? set / 4 : 300;

    private static async Task OneAfterTheOther(TestStore store, Ledger ledger)
    {
        await Steps.Put(store, ledger, "tiny", Steps.Noise(1, 100));
        await Steps.Put(store, ledger, "small", Steps.Noise(2, 20_000));
        await Steps.Put(store, ledger, "small", Steps.Noise(3, 21_000));
        await Steps.Upload(store, ledger, Steps.Noise(4, 900_000));
        await Steps.Put(store, ledger, "big", Steps.Noise(5, 5_000_000));
        await Steps.Remove(store, ledger, "small");
        await Steps.Put(store, ledger, "same", Steps.Noise(5, 5_000_000));
        await Steps.Put(store, ledger, "big", Steps.Noise(6, 300_000));
        await Steps.Put(store, ledger, "last", Steps.Noise(7, 3_000));
    }

    private static async Task ManyAtOnce(TestStore store, Ledger ledger)
    {
        // Each has a ledger of its own until all have ended: the lab's is not for many threads.
        var own = Enumerable.Range(0, 6).Select(_ => new Ledger()).ToList();
        try
        {
            await Task.WhenAll(own.Select((mine, i) => Task.Run(async () =>
            {
                await Steps.Put(store, mine, $"a{i}", Steps.Noise(10 + i, 40_000 * (i + 1)));
                await Steps.Put(store, mine, $"b{i}", Steps.Noise(20 + i, 3_000));
                await Steps.Remove(store, mine, $"a{i}");
            })));
        }
        finally
        {
            foreach (var mine in own)
            {
                mine.Acknowledged.ToList().ForEach(entry => ledger.Acknowledged.Add(entry.Key, entry.Value));
                ledger.Asked.AddRange(mine.Asked);
            }
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public Task Nothing_acknowledged_is_lost_wherever_the_power_goes() => CutEverywhere(OneAfterTheOther);

    [Fact(Timeout = TimeoutMs)]
    public Task Nothing_acknowledged_is_lost_wherever_the_power_goes_while_the_collector_runs() => CutEverywhere(Steps.Collected);

    [Fact(Timeout = TimeoutMs)]
    public Task Nothing_acknowledged_is_lost_when_many_write_at_once() => CutEverywhere(ManyAtOnce);

    /// <summary>In shares, so that none takes long on a busy machine.</summary>
    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public Task Trees_and_uploads_are_as_acknowledged_wherever_the_power_goes(int share) => CutEverywhere(TreeLife.Run, TreeLife.Verify, share, shares: 4);

    private async Task CutEverywhere(Workload workload, Verifier? verify = null, int share = 0, int shares = 1)
    {
        var seed = Random.Shared.Next();
        var operations = await CrashLab.CountOperations(workload);
        Assert.True(operations > 10);
        var outcomes = (PointsEach + operations - 1) / operations;
        output.WriteLine($"seed {seed}: {operations} operations, {outcomes} disks each, share {share} of {shares}");
        for (var at = 1 + share; at <= operations; at += shares)
        {
            await CrashLab.CutPower(workload, at, outcomes, seed, verify);
        }
    }
}

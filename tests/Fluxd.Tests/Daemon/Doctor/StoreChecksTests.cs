using Fluxd.Core.Admin;
using Fluxd.Daemon.Doctor;
using Fluxd.Store.Upkeep;
using Fluxd.Tests.Store.Upkeep;
using Xunit;

namespace Fluxd.Tests.Daemon.Doctor;

public sealed class StoreChecksTests : UpkeepFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task The_age_of_the_last_copy_and_of_the_last_scrub_is_told()
    {
        await Put("/big", Noise(7, 9_000_000));
        using var upkeep = new StoreUpkeep(Store);
        var checks = new StoreChecks(upkeep, TimeProvider.System);

        Assert.Equal((CheckState.Good, CheckState.Warning), (await StateAsync(checks, "store.state"), await StateAsync(checks, "store.copy")));
        await upkeep.CopyAsync(Ct);
        Assert.Equal(CheckState.Good, await StateAsync(checks, "store.copy"));
        File.SetLastWriteTimeUtc(Copies.List()[0].Path, TimeProvider.System.GetUtcNow().UtcDateTime - TimeSpan.FromDays(3));
        Assert.Equal(CheckState.Warning, await StateAsync(checks, "store.copy"));

        Assert.True((await upkeep.StatAsync(Ct)).Packs > 1);
        Assert.Equal(CheckState.Warning, await StateAsync(checks, "store.scrub"));
        await upkeep.ScrubAsync(0, Ct);
        Assert.Equal(CheckState.Good, await StateAsync(checks, "store.scrub"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_figures_of_the_store_are_those_of_its_files()
    {
        await Put("/one", Noise(7, 300_000));
        await Put("/same", Noise(7, 300_000));
        await Put("/tiny", Noise(8, 10));
        using var upkeep = new StoreUpkeep(Store);

        var stat = await upkeep.StatAsync(Ct);

        Assert.Equal((3, 600_010), (stat.CurrentFiles, stat.CurrentBytes));
        Assert.InRange(stat.PackBytes, 300_000, 500_000);
        Assert.InRange(stat.Chunks, 1, 40);
    }

    private static async Task<CheckState> StateAsync(StoreChecks checks, string name) => (await checks.RunAsync(Ct)).Single(check => check.Name == name).State;
}

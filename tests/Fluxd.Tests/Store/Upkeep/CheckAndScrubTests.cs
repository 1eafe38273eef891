using Fluxd.Core;
using Fluxd.Store.Packs;
using Fluxd.Store.Upkeep.Check;
using Xunit;

namespace Fluxd.Tests.Store.Upkeep;

public sealed class CheckAndScrubTests : UpkeepFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task A_store_after_a_days_work_has_no_findings_open_or_opened_again()
    {
        await Work();
        await IsClean();
        await Reopen();
        await IsClean();
        var scrubbed = await Scrub();
        Assert.True(scrubbed.Packs > 1);
        Assert.Equal(0, scrubbed.NewlyBad);
        Assert.Equal(0, (await Scrub()).StillBad);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_flipped_byte_is_found_with_the_files_path_and_nothing_is_removed()
    {
        await Work();
        await Flip("/docs/middle");
        await IsClean(readData: false);
        var report = await Check(readData: true);
        var finding = Assert.Single(report.Findings);
        Assert.Equal(FindingKind.ChunkDamaged, finding.Kind);
        Assert.Contains(finding.Paths, path => path.EndsWith("/docs/middle", StringComparison.Ordinal));
        Assert.Contains(finding.Paths, path => path.EndsWith("/docs/double", StringComparison.Ordinal));

        Assert.Equal(1, (await Scrub()).NewlyBad);
        Assert.Equal(1, (await Scrub()).StillBad);
        Assert.Equal(FindingKind.ChunkDamaged, Assert.Single((await Check(readData: false)).Findings).Kind);
        Assert.Equal(FluxError.Corrupt, (await Assert.ThrowsAsync<FluxException>(() => Get("/docs/middle"))).Error);
        Written.Remove("/docs/middle");
        Written.Remove("/docs/double");
        await EverythingReads();
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("/docs/middle", "/again")]
    [InlineData("/docs/middle", "/docs/middle")]
    [InlineData("/big", "/again")]
    public async Task What_was_damaged_is_whole_after_the_same_bytes_were_uploaded_anywhere(string damaged, string uploaded)
    {
        await Work();
        await Flip(damaged);
        Assert.Equal(1, (await Scrub()).NewlyBad);
        await Put(uploaded, Written[damaged]);
        await Scrub();
        await EverythingReads();
        await Reopen();
        await EverythingReads();
        await Scrub();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_byte_that_is_right_again_clears_the_flag()
    {
        await Work();
        await Flip("/big");
        Assert.Equal(1, (await Scrub()).NewlyBad);
        await Flip("/big");
        Assert.Equal(1, (await Scrub()).Healed);
        await IsClean();
        await EverythingReads();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Missing_and_strange_packs_are_named()
    {
        await Work();
        await Reopen();
        var first = Path.Combine(Home, PackLayout.PathOf(1));
        File.Move(first, At("aside"));
        var report = await Check(readData: false);
        Assert.Contains(report.Findings, finding => finding.Kind == FindingKind.PackMissing && finding.What.Contains("0000000000000001", StringComparison.Ordinal));
        Assert.True(report.HasDamage);
        File.Move(At("aside"), first);
        File.Copy(first, Path.Combine(Home, PackLayout.PathOf(0x99)));
        var stray = Assert.Single((await Check(readData: false)).Findings);
        Assert.Equal(FindingKind.PackUnknown, stray.Kind);
        Assert.False(stray.IsDamage);
        Assert.True(File.Exists(Path.Combine(Home, PackLayout.PathOf(0x99))));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_wrong_sum_in_the_catalogue_is_found()
    {
        await Work();
        await Store.Catalog.WriteAsync(transaction => transaction.Run("UPDATE usage SET bytes = bytes + 1"), Ct);
        Assert.Equal(FindingKind.UsageWrong, Assert.Single((await Check(readData: false)).Findings).Kind);
        await Store.Catalog.WriteAsync(transaction => transaction.Run("UPDATE content SET size = size + 1 WHERE id = (SELECT max(id) FROM content)"), Ct);
        Assert.Contains((await Check(readData: false)).Findings, finding => finding.Kind == FindingKind.ContentBroken);
    }
}

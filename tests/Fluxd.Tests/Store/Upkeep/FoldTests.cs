using Fluxd.Store.Files;
using Fluxd.Store.Packs.Codecs;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Store.Upkeep.Gc;
using Xunit;

namespace Fluxd.Tests.Store.Upkeep;

/// <summary>
/// What two owners wrote each for themselves is kept once after a collection; everybody keeps what is theirs, nobody
/// learns of it. And many short packs become few.
/// </summary>
public sealed class FoldTests : UpkeepFixture
{
    private const int Much = 64 << 20;

    [Fact(Timeout = 2 * TimeoutMs)]
    public async Task The_same_64_MiB_of_two_users_take_64_MiB_after_a_collection()
    {
        var bytes = Noise(1, Much);
        await Put("/image", bytes);
        await Put("bert:/image", bytes);
        Assert.True(PackFileBytes > 2L * Much, $"{PackFileBytes}");

        var dry = await Gc(dryRun: true);
        var report = await Gc();

        Assert.True(dry.BytesDouble > Much / 2 && dry.BytesFolded == 0, dry.ToString());

        // A pack where one's end lies before the other's beginning may have too little that is double to be worth it.
        Assert.True(report.BytesFolded > Much * 7L / 8 && report.PacksWaiting == 0, report.ToString());
        Assert.True(PackFileBytes < Much + (Much / 8), $"{PackFileBytes}: {report}");
        await IsWholeAlsoAfterAReopening();
        var again = await Gc();
        Assert.True(again is { BytesFolded: 0, BytesMoved: 0 }, again.ToString());
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("/a")]
    [InlineData("bert:/a")]
    public async Task When_one_of_them_removes_it_the_other_still_has_it(string first)
    {
        var bytes = Noise(2, 3_000_000);
        await Put("/a", bytes);
        await Put("bert:/a", bytes);
        Assert.True((await Gc()).BytesFolded > 0);

        await Remove(first);
        await ForgetThePast();
        await Put("/waste", Noise(3, 4_000_000));
        await Remove("/waste");
        await ForgetThePast();
        await Gc();
        await EverythingReads();
        await IsClean();

        foreach (var rest in Written.Keys.ToList())
        {
            await Remove(rest);
        }

        await ForgetThePast();
        await Gc();
        Assert.True(PackFileBytes < 500_000, $"{PackFileBytes}");
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Each_still_finds_its_own_and_a_third_writes_all_of_it()
    {
        var bytes = Noise(4, 2_000_000);
        await Put("/a", bytes);
        await Put("bert:/a", bytes);
        Assert.True((await Gc()).BytesFolded > 0);
        var before = await ChunksAsync();
        await Put("/again", bytes);
        await Put("bert:/again", bytes);
        Assert.Equal(before, await ChunksAsync());

        await Remove("/a");
        await Remove("/again");
        await ForgetThePast();
        await Gc();
        await new OwnSweep(Store.Catalog).RunAsync(Ct);
        before = await ChunksAsync();
        await Put("/anew", bytes);
        Assert.True(await ChunksAsync() - before > 10, "what only Bert has is written as new");
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Nothing_is_folded_onto_a_damaged_place_and_the_damage_is_healed_from_the_other()
    {
        var bytes = Noise(5, 200_000);
        await Put("/a", bytes);
        await Put("/filler", Noise(6, 6_000_000));
        await Reopen();
        await Put("bert:/a", bytes);
        await Flip("/a");

        await Gc();
        Assert.True((await Check(readData: true)).HasDamage);
        Assert.Equal(bytes, await Get("bert:/a"));
        Assert.True((await Scrub()).Healed > 0);
        await EverythingReads();
        await IsClean();
        await Gc();
        await EverythingReads();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Compressed_and_raw_copies_of_the_same_bytes_fold()
    {
        var bytes = new byte[3_000_000];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)"etaoin shrdlu\n"[(int)((uint)(i * 2654435761) >> 16) % 14];
        }

        await Reopen(compression: CompressionMode.Off);
        await Put("/raw", bytes);
        await Reopen(compression: CompressionMode.On);
        await Put("bert:/packed", bytes);
        Assert.True((await Gc()).BytesFolded > 0);
        await IsWholeAlsoAfterAReopening();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_old_copy_and_the_log_give_everything_back_after_folding()
    {
        var bytes = Noise(7, 9_000_000);
        await Put("/a", bytes);
        await Put("bert:/a", bytes);
        await Reopen();
        var copy = await Copies.MakeAsync(Ct);
        await Put("/b", Noise(8, 3_000_000));
        await Put("bert:/b", Noise(8, 3_000_000));
        await Reopen();
        var report = await Gc(hurry: false);
        Assert.True(report is { BytesFolded: > 0, PacksUnlinked: > 0 }, report.ToString());
        foreach (var newer in Copies.List().Where(other => other.Group > copy.Group))
        {
            File.Delete(newer.Path);
        }

        await Store.DisposeAsync();
        File.Delete(Path.Combine(Home, "catalog.db"));
        StoreRestore.Rebuild(Path.Combine(Home, "catalog.db"), new CatalogCopies(Path.Combine(Home, "catalog.db"), Path.Combine(Home, "snap")));
        await OpenAsync(Home);
        Assert.True(Store.Fault is null, Store.Fault?.ToString());
        await EverythingReads();
        await IsClean();
        await Gc();
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_place_that_two_share_counts_once_when_its_pack_is_judged()
    {
        await Put("/a", Noise(9, 4_000_000));
        await Put("/waste", Noise(10, 6_000_000));
        await Reopen();
        await Put("bert:/a", Noise(9, 4_000_000));
        Assert.True((await Gc()).BytesFolded > 0);

        // Two names for each place, a bit more than half of the pack dead: counted twice it would look full.
        await Remove("/waste");
        await ForgetThePast();
        var report = await Gc();
        Assert.True(report.PacksCompacted > 0, report.ToString());
        Assert.True(PackFileBytes < 5_000_000, $"{PackFileBytes}: {report}");
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Folding_needs_no_room_of_its_own()
    {
        await Put("/a", Noise(11, 6_000_000));
        await Put("bert:/a", Noise(11, 6_000_000));
        await Store.Catalog.SealPacksAsync(Ct);
        var parts = GcParts with { RequireRoom = bytes => Assert.True(bytes < 200_000, $"{bytes} bytes of room") };
        var report = await new GarbageCollector(parts, new GcRequest { Hurry = true, MoveBytesPerSecond = 0 }).RunAsync(Ct);
        Assert.True(report.BytesFolded > 0, report.ToString());
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Many_short_packs_become_few_and_stay_so()
    {
        for (var i = 0; i < 12; i++)
        {
            await Put($"/f{i}", Noise(20 + i, 60_000));
            await Put($"bert:/f{i}", Noise(40 + i, 60_000));
            await Reopen();
        }

        var before = Store.Packs.List().Count;
        Assert.True(before >= 12, $"{before} packs");
        var report = await Gc();

        Assert.True(report.PacksMerged >= 8, report.ToString());
        Assert.True(Store.Packs.List().Count <= before - 8, $"{Store.Packs.List().Count} packs: {report}");
        await IsWholeAlsoAfterAReopening();
        var again = await Gc();
        Assert.True(again is { PacksMerged: 0, BytesMoved: 0 }, again.ToString());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task One_round_folds_and_moves_no_more_than_it_may()
    {
        for (var i = 0; i < 3; i++)
        {
            await Put($"/f{i}", Noise(60 + i, 17_000_000));
            await Put($"bert:/f{i}", Noise(60 + i, 17_000_000));
        }

        await Reopen();
        var request = new GcRequest { Hurry = true, MoveBytesPerSecond = 0, MoveBytesMax = 1 << 20 };
        for (var round = 0; ; round++)
        {
            var report = await new GarbageCollector(GcParts, request).RunAsync(Ct);
            Assert.True(report.BytesFolded + report.BytesMoved < 20_000_000, report.ToString());
            if (report.BytesFolded + report.BytesMoved == 0)
            {
                Assert.True(round >= 3, $"{round}");
                break;
            }
        }

        Assert.True(PackFileBytes < 55_000_000, $"{PackFileBytes}");
        await EverythingReads();
        await IsClean();
    }

    private ValueTask<long> ChunksAsync() => Store.Catalog.ReadAsync(reader => reader.Scalar("SELECT count(*) FROM chunk") ?? 0, Ct);
}

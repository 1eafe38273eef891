using Fluxd.Core.Files;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Store.Upkeep;

/// <summary>What nothing refers to goes, everything else stays, whatever is open, copied or restored meanwhile.</summary>
public sealed class GcTests : UpkeepFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task What_nothing_refers_to_gives_its_space_back_and_all_else_stays()
    {
        await Work();
        await Put("/waste", Noise(50, 12_000_000));
        await Remove("/waste");
        await ForgetThePast();
        var before = PackFileBytes;

        var report = await Gc();

        Assert.True(report.ContentsRemoved >= 2, report.ToString());
        Assert.True(report.PacksUnlinked > 0 && report.PacksWaiting == 0, report.ToString());
        Assert.True(PackFileBytes < before - 11_000_000, $"{before} before, {PackFileBytes} after: {report}");
        await EverythingReads();
        await IsClean();
        await Put("/new", Noise(51, 700_000));
        await Reopen();
        Assert.Null(Store.Fault);
        await EverythingReads();
        await IsClean();
        Assert.Equal(0, (await Gc()).ContentsRemoved);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_file_whose_chunks_lie_between_dead_ones_is_moved_whole()
    {
        for (var i = 0; i < 40; i++)
        {
            await Put($"/f{i}", Noise(100 + i, 400_000));
        }

        for (var i = 0; i < 40; i++)
        {
            if (i % 5 != 0)
            {
                await Remove($"/f{i}");
            }
        }

        await ForgetThePast();
        var report = await Gc();

        Assert.True(report.PacksCompacted > 0 && report.BytesMoved > 0, report.ToString());
        Assert.True(PackFileBytes < 8_000_000, $"{PackFileBytes}: {report}");
        await IsWholeAlsoAfterAReopening();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_dry_run_tells_and_changes_nothing()
    {
        await Work();
        await Remove("/big");
        await ForgetThePast();
        await Reopen();
        var (before, group) = (PackFileBytes, Store.Catalog.AppliedGroup);

        var report = await Gc(dryRun: true);

        Assert.True(report.ContentsWaiting > 0, report.ToString());
        Assert.Equal((before, group), (PackFileBytes, Store.Catalog.AppliedGroup));
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_open_handle_reads_its_file_to_the_end_though_all_names_of_it_are_gone()
    {
        await Work();
        var bytes = Written["/big"];
        var file = await Trees.Files.OpenAsync(People.Anna, FilePath.Parse("/big"), new OpenRequest { Access = OpenAccess.Read }, Ct);
        await Remove("/big");
        await ForgetThePast();

        await Gc();
        await Gc();
        Assert.Equal(bytes, await ReadAll(file, bytes.Length));
        await file.DisposeAsync();

        Assert.True((await Gc()).ContentsRemoved > 0);
        await IsClean();
        await EverythingReads();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_a_handle_committed_and_nobody_else_has_stays_while_it_is_open()
    {
        await Work();
        var (first, second) = (Noise(60, 3_000_000), Noise(61, 2_000_000));
        var request = new OpenRequest { Access = OpenAccess.Write | OpenAccess.Read, Create = true };
        await using var file = await Trees.Files.OpenAsync(People.Anna, FilePath.Parse("/mine"), request, Ct);
        await file.WriteAsync(0, first, Ct);
        await file.FsyncAsync(Ct);
        await Trees.Files.RemoveFileAsync(People.Anna, FilePath.Parse("/mine"), Precondition.None, Ct);
        await ForgetThePast();
        await Gc();
        Assert.Equal(first, await ReadAll(file, first.Length));

        // A draft over it: what lies below is held too.
        await file.WriteAsync(1_000_000, second, Ct);
        await Gc();
        var expected = first.ToArray();
        second.CopyTo(expected, 1_000_000);
        Assert.Equal(expected, await ReadAll(file, expected.Length));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_upload_that_is_under_way_keeps_what_it_has()
    {
        await Work();
        var bytes = Noise(62, 9_000_000);
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true };
        await using (var file = await Trees.Files.OpenAsync(People.Anna, FilePath.Parse("/slow"), request, Ct))
        {
            for (var at = 0; at < bytes.Length; at += 3_000_000)
            {
                await file.WriteAsync(at, bytes.AsMemory(at, 3_000_000), Ct);
                await Gc();
            }

            await file.CloseAsync(Ct);
        }

        Written["/slow"] = bytes;
        await Gc();
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_copy_made_before_a_run_and_the_log_give_back_everything()
    {
        await Work();
        await Put("/old", Noise(63, 9_000_000));
        await Reopen();
        var copy = await Copies.MakeAsync(Ct);
        await Put("/later", Noise(64, 3_000_000));
        await Remove("/old");
        await Remove("/docs/double");
        await Remove("/docs/middle");
        await ForgetThePast();
        await Reopen();

        // Not in haste: one more copy is made, and the older one stays good as well.
        var report = await Gc(hurry: false);
        Assert.True(report.PacksUnlinked > 0, report.ToString());
        await Put("/last", Noise(65, 200_000));
        foreach (var newer in Copies.List().Where(other => other.Group > copy.Group))
        {
            File.Delete(newer.Path);
        }

        await Store.DisposeAsync();
        File.Delete(Path.Combine(Home, "catalog.db"));
        var used = StoreRestore.Rebuild(Path.Combine(Home, "catalog.db"), new CatalogCopies(Path.Combine(Home, "catalog.db"), Path.Combine(Home, "snap")));
        Assert.Equal(copy.Path, used.Path);
        await OpenAsync(Home);
        Assert.True(Store.Fault is null, Store.Fault?.ToString());
        await EverythingReads();
        await IsClean();
        await Gc();
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_young_pack_waits_until_both_copies_are_newer()
    {
        await Work();
        await Copies.MakeAsync(Ct);
        await Put("/young", Noise(66, 17_000_000));
        await Remove("/young");
        await ForgetThePast();

        var patient = await Gc(hurry: false);
        Assert.True(patient.PacksDropped > 0 && patient.PacksWaiting > 0, patient.ToString());
        await EverythingReads();
        await IsClean();

        // The copy knows these packs as open, or not at all; the log dooms them all the same.
        await Store.DisposeAsync();
        File.Delete(Path.Combine(Home, "catalog.db"));
        StoreRestore.Rebuild(Path.Combine(Home, "catalog.db"), new CatalogCopies(Path.Combine(Home, "catalog.db"), Path.Combine(Home, "snap")));
        await OpenAsync(Home);
        Assert.True(Store.Fault is null, Store.Fault?.ToString());
        await EverythingReads();
        await IsClean();

        var hasty = await Gc();
        Assert.True(hasty.PacksUnlinked >= patient.PacksWaiting && hasty.PacksWaiting == 0, hasty.ToString());
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_backup_of_a_collected_store_restores()
    {
        await Work();
        await Remove("/big");
        await ForgetThePast();
        await Gc();
        await Backup("backup");
        StoreRestore.Run(At("backup"), At("restored"));
        await Reopen(At("restored"));
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Space_of_mere_metadata_comes_back()
    {
        await Put("/small", Noise(67, 50_000));
        for (var i = 0; i < 300; i++)
        {
            await Trees.Files.SetAttributesAsync(People.Anna, FilePath.Parse("/small"), new AttributeChange { Mode = 0x100 + (i % 64) }, true, Ct);
        }

        var before = PackFileBytes;
        Assert.True(before > 300 * 4096);
        await Gc();
        Assert.True(PackFileBytes < before / 4, $"{before} before, {PackFileBytes} after");
        await IsWholeAlsoAfterAReopening();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Healed_chunks_that_share_a_place_stay_whole_whichever_of_their_files_goes()
    {
        var bytes = Noise(68, 200_000);
        await Put("/one", bytes);
        await Flip("/one");
        await Scrub();
        await Put("/two", bytes);
        await Reopen();
        Assert.True((await Scrub()).Healed > 0);
        await Put("/filler", Noise(69, 3_000_000));
        await Remove("/filler");
        await Remove("/two");
        await ForgetThePast();

        await Gc();
        await EverythingReads();
        await IsClean();
        await Put("/three", bytes);
        await Remove("/one");
        await ForgetThePast();
        await Gc();
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_pack_with_a_damaged_piece_that_somebody_needs_is_left_alone()
    {
        await Put("/hurt", Noise(70, 300_000));
        await Put("/waste", Noise(71, 6_000_000));
        await Remove("/waste");
        await ForgetThePast();
        await Flip("/hurt");

        var report = await Gc();
        Assert.True(report.PacksKeptForDamage == 1, report.ToString());
        Assert.True((await Check(readData: true)).HasDamage);
        await Put("/hurt", Noise(70, 300_000));
        await EverythingReads();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_reader_with_an_old_plan_finds_the_chunks_where_they_went()
    {
        await Put("/kept", Noise(72, 1_000_000));
        await Put("/waste", Noise(73, 6_000_000));
        await using var file = await Trees.Files.OpenAsync(People.Anna, FilePath.Parse("/kept"), new OpenRequest { Access = OpenAccess.Read }, Ct);
        var half = new byte[400_000];
        await file.ReadAsync(0, half, Ct);
        await Remove("/waste");
        await ForgetThePast();

        var report = await Gc(seam: async _ => Assert.Equal(Written["/kept"], await ReadAll(file, Written["/kept"].Length)));
        Assert.True(report.PacksCompacted > 0 && report.PacksUnlinked > 0, report.ToString());
        Assert.Equal(Written["/kept"], await ReadAll(file, Written["/kept"].Length));
    }

    private static async Task<byte[]> ReadAll(IOpenFile file, int length)
    {
        var bytes = new byte[length];
        for (var got = 0; got < length;)
        {
            var more = await file.ReadAsync(got, bytes.AsMemory(got), Ct);
            Assert.True(more > 0, $"ends at {got} of {length}");
            got += more;
        }

        return bytes;
    }
}

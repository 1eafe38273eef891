using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Store.Upkeep;

public sealed class BackupTests : UpkeepFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task A_backup_that_is_restored_holds_every_byte_and_takes_new_ones()
    {
        await Work();
        await Backup("backup");
        await Put("/later", Noise(77, 400_000));
        Written.Remove("/later");
        StoreRestore.Run(At("backup"), At("restored"));
        await Reopen(At("restored"));
        Assert.Null(Store.Fault);
        Assert.Equal(2, Store.Manifest.Generation);
        await IsClean();
        await EverythingReads();
        await Put("/new", Noise(78, 500_000));
        await Reopen(At("restored"));
        await EverythingReads();
        await IsClean();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_second_backup_copies_only_what_is_new()
    {
        await Work();
        await Reopen();
        var first = await Backup("backup");
        Assert.True(first.PacksCopied > 1);
        await Put("/more", Noise(70, 1_000_000));
        var second = await Backup("backup");
        Assert.InRange(second.PacksKept, first.PacksCopied, int.MaxValue);
        Assert.InRange(second.BytesCopied, 1_000_000, first.BytesCopied / 4);
        StoreRestore.Run(At("backup"), At("restored"));
        await Reopen(At("restored"));
        await EverythingReads();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_backup_made_while_clients_write_is_a_whole_store()
    {
        await Work();
        var writer = WriteOn();
        await Backup("backup");
        await writer;
        Written.Clear();
        StoreRestore.Run(At("backup"), At("restored"));
        await Reopen(At("restored"));
        Assert.Null(Store.Fault);
        await IsClean();

        async Task WriteOn()
        {
            for (var i = 0; i < 20; i++)
            {
                await Put($"/w{i}", Noise(1_000 + i, 150_000));
            }
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Commits_that_came_while_packs_were_copied_leave_no_gap_in_the_backups_log()
    {
        // Two uploads large enough for lanes of their own, so that packs of several lanes are open.
        await using (var one = await Begin("/one"))
        await using (var two = await Begin("/two"))
        {
            await Extend(one, 27 << 20);
            await Extend(two, 27 << 20);
            Assert.InRange(await Store.Catalog.ReadAsync(db => db.Scalar("SELECT count(*) FROM pack WHERE state = 0") ?? 0, Ct), 2, 5);

            // Between the copies of two packs both get a commit: one copy is from before it, the other from after.
            var copied = 0;
            await new StoreBackup(Home, Store.CatalogFile).RunAsync(
                At("backup"),
                (_, _) =>
                {
                    copied++;
                    Extend(one, 50_000).GetAwaiter().GetResult();
                    Extend(two, 50_000).GetAwaiter().GetResult();
                },
                Ct);
            Assert.InRange(copied, 2, int.MaxValue);
        }

        StoreRestore.Run(At("backup"), At("restored"));
        await Reopen(At("restored"));
        Assert.Null(Store.Fault);
        await IsClean();

        async Task<IUploadWriter> Begin(string path)
        {
            var upload = await Trees.Uploads.CreateAsync(People.Anna, new UploadRequest { Target = FilePath.Parse(path) }, Ct);
            return await Trees.Uploads.OpenAsync(People.Anna, upload.Id, Ct);
        }

        static async Task Extend(IUploadWriter upload, int count)
        {
            await upload.WriteAsync(Noise((int)upload.Offset + count, count), Ct);
            await upload.FlushAsync(Ct);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_backup_goes_neither_into_the_store_nor_over_other_things()
    {
        await Work();
        Assert.Equal(FluxError.Invalid, (await Assert.ThrowsAsync<FluxException>(() => Backup("store/backup"))).Error);
        Directory.CreateDirectory(At("other"));
        await File.WriteAllTextAsync(At("other/letter"), "dear");
        Assert.Equal(FluxError.Exists, (await Assert.ThrowsAsync<FluxException>(() => Backup("other"))).Error);
        await FluxdStore.InitAsync(new StoreOptions { Path = At("second") });
        Assert.Equal(FluxError.Exists, (await Assert.ThrowsAsync<FluxException>(() => Backup("second"))).Error);
        await Backup("store-2");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(At("store-2/catalog.db")));
        Assert.Equal(FluxError.Exists, Assert.Throws<FluxException>(() => StoreRestore.Run(At("store-2"), Home)).Error);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_lost_catalogue_comes_back_from_a_copy_and_the_log()
    {
        await Work();
        var copy = await Copies.MakeAsync(Ct);
        await Work(seed: 500);
        await Put("/after", Noise(90, 9_000_000));
        await Reopen();
        await Put("/and-after", Noise(91, 9_000));
        await Store.DisposeAsync();
        File.Delete(Path.Combine(Home, "catalog.db"));
        Assert.Equal(copy.Path, StoreRestore.Rebuild(Path.Combine(Home, "catalog.db"), new CatalogCopies(Path.Combine(Home, "catalog.db"), Path.Combine(Home, "snap"))).Path);
        await OpenAsync(Home);
        Assert.Null(Store.Fault);
        await EverythingReads();
        await IsClean();
        await Put("/new", Noise(92, 9_000));
        await Reopen();
        await EverythingReads();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Two_copies_are_kept_and_a_damaged_one_is_passed_over()
    {
        await Work();
        await Copies.MakeAsync(Ct);
        await Put("/a", [1]);
        var good = await Copies.MakeAsync(Ct);
        await Put("/b", [2]);
        var bad = await Copies.MakeAsync(Ct);
        Assert.Equal([bad.Group, good.Group], Copies.List().Select(copy => copy.Group));
        await Store.DisposeAsync();
        await File.WriteAllTextAsync(bad.Path, "no database");
        Assert.Equal(good.Path, StoreRestore.Rebuild(Path.Combine(Home, "catalog.db"), new CatalogCopies("", Path.Combine(Home, "snap"))).Path);
        Assert.True(File.Exists(Path.Combine(Home, "catalog.db.damaged")));
        await OpenAsync(Home);
        await EverythingReads();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_copy_from_before_a_pack_was_let_go_can_be_played_on()
    {
        await Work();
        await Reopen();
        await Copies.MakeAsync(Ct);

        // A pack that nothing is in: doomed by a logged commit, then its file is removed.
        var empty = Store.Packs.List().Max(file => file.Pack) + 1_000;
        await Store.Catalog.MoveChunksAsync(t => t.Run($"INSERT INTO pack(id, state, len) VALUES ({empty}, 1, 0)"), Ct);
        File.WriteAllBytes(Path.Combine(Home, Fluxd.Store.Packs.PackLayout.PathOf(empty)), [0]);
        await Copies.MakeAsync(Ct);
        await Store.Catalog.MoveChunksAsync(t => t.Run($"UPDATE pack SET state = 2 WHERE id = {empty}"), Ct);
        File.Delete(Path.Combine(Home, Fluxd.Store.Packs.PackLayout.PathOf(empty)));
        await Store.DisposeAsync();
        StoreRestore.Rebuild(Path.Combine(Home, "catalog.db"), new CatalogCopies("", Path.Combine(Home, "snap")));
        await OpenAsync(Home);
        Assert.Null(Store.Fault);
        await EverythingReads();
    }
}

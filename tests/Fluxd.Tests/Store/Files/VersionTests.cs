using Fluxd.Core;
using Fluxd.Core.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

public sealed class VersionTests : TreesFixture
{
    [Fact(Timeout = TimeoutMs)]
    public async Task Replaced_content_can_be_listed_read_and_restored()
    {
        await Put("/a", "one");
        Clock.Advance(TimeSpan.FromHours(1));
        await Put("/a", "two");
        var versions = await Trees.Versions.ListAsync(Anna, P("/a"), Ct);
        Assert.Equal([true, false], versions.Select(version => version.IsCurrent));
        await using (var old = await Trees.Versions.OpenAsync(Anna, P("/a"), versions[1].Version, Ct))
        {
            Assert.Equal("one", await Text(old));
        }

        var restored = await Trees.Versions.RestoreAsync(Anna, P("/a"), versions[1].Version, Ct);
        Assert.Equal("one", await Get("/a"));
        Assert.Equal(versions[1].ModifiedAt, restored.ModifiedAt);
        Assert.Equal(3, (await Trees.Versions.ListAsync(Anna, P("/a"), Ct)).Count);
        await Fails(FluxError.NotFound, () => Trees.Versions.RestoreAsync(Anna, P("/a"), 9999, Ct));
        await Fails(FluxError.NotFound, () => Trees.Versions.ListAsync(Bert, P("/a"), Ct).AsTask());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_editor_that_saves_by_renaming_keeps_the_history()
    {
        await Put("/a", "one");
        var set = FileTime.FromSeconds(1_000_000, 7);
        await Trees.Files.SetAttributesAsync(Anna, P("/a"), new AttributeChange { ModifiedAt = set }, followLink: true, Ct);
        Clock.Advance(TimeSpan.FromHours(1));
        await Put("/a.tmp", "two");
        await Trees.Files.RenameAsync(Anna, P("/a.tmp"), P("/a"), replace: true, Ct);
        Clock.Advance(TimeSpan.FromHours(1));
        await Put("/a.tmp", "three");
        await Trees.Files.RenameAsync(Anna, P("/a.tmp"), P("/a"), replace: true, Ct);
        var versions = await Trees.Versions.ListAsync(Anna, P("/a"), Ct);
        Assert.Equal([5L, 3L, 3L], versions.Select(version => version.Size));
        Assert.Equal(set, versions[2].ModifiedAt);
        await Trees.Versions.RestoreAsync(Anna, P("/a"), versions[2].Version, Ct);
        Assert.Equal("one", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Commits_in_quick_succession_leave_one_version_in_ten_minutes()
    {
        for (var minute = 0; minute < 60; minute++)
        {
            await Put("/a", $"minute {minute}");
            Clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.InRange((await Trees.Versions.ListAsync(Anna, P("/a"), Ct)).Count, 6, 8);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_stood_for_long_is_kept_however_soon_it_came_after_another()
    {
        await Put("/a", "draft");
        Clock.Advance(TimeSpan.FromMinutes(5));
        await Put("/a", "final");
        Clock.Advance(TimeSpan.FromDays(30));
        await Put("/a", "next year's");
        var versions = await Trees.Versions.ListAsync(Anna, P("/a"), Ct);
        Assert.Equal([11L, 5L, 5L], versions.Select(version => version.Size));
        await using var past = await Trees.Versions.OpenAsync(Anna, P("/a"), versions[1].Version, Ct);
        Assert.Equal("final", await Text(past));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Commits_through_one_handle_replace_each_other()
    {
        await Put("/a", "before");
        Clock.Advance(TimeSpan.FromHours(1));
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Write }, Ct))
        {
            for (var hour = 0; hour < 5; hour++)
            {
                await file.WriteAsync(0, new byte[] { (byte)('0' + hour) }, Ct);
                await file.FsyncAsync(Ct);
                Clock.Advance(TimeSpan.FromHours(1));
            }

            await file.CloseAsync(Ct);
        }

        Assert.Equal(2, (await Trees.Versions.ListAsync(Anna, P("/a"), Ct)).Count);
        Assert.Equal("4efore", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Removed_files_and_folders_come_back_from_the_trash()
    {
        await Folder("/d/e");
        await Put("/d/e/f", "f");
        await Put("/g", "g");
        await Remove("/g");
        Clock.Advance(TimeSpan.FromSeconds(1));
        await Trees.Files.RemoveFolderAsync(Anna, P("/d"), recursive: true, Ct);
        var trash = (await Trees.Versions.ListTrashAsync(Anna, null, 10, Ct)).Entries;
        Assert.Equal([P("/d"), P("/g")], trash.Select(entry => entry.Path));
        Assert.Empty((await Trees.Versions.ListTrashAsync(Bert, null, 10, Ct)).Entries);
        await Fails(FluxError.NotFound, () => Trees.Versions.RestoreTrashAsync(Bert, trash[0].NodeId, null, Ct));

        await Trees.Versions.RestoreTrashAsync(Anna, trash[0].NodeId, null, Ct);
        Assert.Equal("f", await Get("/d/e/f"));
        await Put("/g", "another");
        await Fails(FluxError.Exists, () => Trees.Versions.RestoreTrashAsync(Anna, trash[1].NodeId, null, Ct));
        await Trees.Versions.RestoreTrashAsync(Anna, trash[1].NodeId, P("/d/g"), Ct);
        Assert.Equal("g", await Get("/d/g"));
        Assert.Empty((await Trees.Versions.ListTrashAsync(Anna, null, 10, Ct)).Entries);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_was_in_a_removed_folder_needs_another_place()
    {
        await Folder("/d");
        await Put("/d/f", "f");
        await Remove("/d/f");
        await Trees.Files.RemoveFolderAsync(Anna, P("/d"), recursive: false, Ct);
        var file = (await Trees.Versions.ListTrashAsync(Anna, null, 10, Ct)).Entries.Single(entry => entry.Kind == NodeKind.File);
        await Fails(FluxError.NotFound, () => Trees.Versions.RestoreTrashAsync(Anna, file.NodeId, null, Ct));
        await Trees.Versions.RestoreTrashAsync(Anna, file.NodeId, P("/f"), Ct);
        Assert.Equal("f", await Get("/f"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_trash_is_listed_in_pages_and_purged()
    {
        for (var i = 0; i < 5; i++)
        {
            await Put($"/{i}", "x");
            await Remove($"/{i}");
        }

        var first = await Trees.Versions.ListTrashAsync(Anna, null, 3, Ct);
        var rest = await Trees.Versions.ListTrashAsync(Anna, first.Next, 3, Ct);
        Assert.Equal(["/4", "/3", "/2", "/1", "/0"], first.Entries.Concat(rest.Entries).Select(entry => entry.Path.ToString()));
        Assert.Null(rest.Next);
        await Trees.Versions.PurgeTrashAsync(Anna, first.Entries[0].NodeId, Ct);
        await Fails(FluxError.NotFound, () => Trees.Versions.RestoreTrashAsync(Anna, first.Entries[0].NodeId, null, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_snapshot_shows_the_tree_as_it_was()
    {
        await Folder("/d");
        await Put("/d/a", "one");
        await Put("/gone", "gone");
        Clock.Advance(TimeSpan.FromHours(1));
        var snapshot = (await Trees.Versions.ListSnapshotsAsync(Anna, Ct))[0];
        Assert.Equal("2026-03-01T11-00-00Z", snapshot.ToString());
        await Put("/d/a", "two");
        await Trees.Files.RenameAsync(Anna, P("/d"), P("/e"), replace: false, Ct);
        await Remove("/gone");
        await Put("/later", "x");
        var then = $"/.snapshots/{snapshot}";
        Assert.Equal(["d", "gone"], await Names(then));
        Assert.Equal("one", await Get($"{then}/d/a"));
        Assert.Equal("gone", await Get($"{then}/gone"));
        Assert.Equal("two", await Get("/e/a"));
        Assert.Equal(["e", "later"], await Names("/"));
        Assert.Contains(snapshot.ToString(), await Names("/.snapshots"));
        Assert.False((await Trees.Files.StatAsync(Anna, P($"{then}/d"), true, Ct)).CanWrite);
        await Trees.Files.CopyAsync(Anna, P($"{then}/d"), P("/back"), replace: false, Ct);
        Assert.Equal("one", await Get("/back/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Snapshots_are_read_only_and_only_full_hours()
    {
        await Put("/a", "one");
        Clock.Advance(TimeSpan.FromHours(1));
        await Fails(FluxError.Denied, () => Put("/.snapshots/2026-03-01T11-00-00Z/a", "x"));
        await Fails(FluxError.Denied, () => Remove("/.snapshots/2026-03-01T11-00-00Z/a"));
        await Fails(FluxError.NotFound, () => Names("/.snapshots/2026-03-01T11-00-01Z"));
        await Fails(FluxError.NotFound, () => Names("/.snapshots/yesterday"));
        await Fails(FluxError.Denied, () => Trees.Files.MakeFolderAsync(Anna, P("/.snapshots"), null, parents: false, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_past_expires_after_the_retention_and_never_by_a_jumping_clock()
    {
        await Put("/a", "one");
        Clock.Advance(TimeSpan.FromHours(1));
        await Put("/a", "two");
        await Put("/b", "b");
        await Remove("/b");
        await Trees.Keeper.RunAsync(Ct);
        Clock.Advance(TimeSpan.FromDays(31));
        Trees.IsClockSynchronised = false;
        await Trees.Keeper.RunAsync(Ct);
        Assert.Equal(2, (await Trees.Versions.ListAsync(Anna, P("/a"), Ct)).Count);

        Trees.IsClockSynchronised = true;
        var expired = await Trees.Keeper.RunAsync(Ct);
        Assert.Equal((1, 1), (expired.Removed, expired.Versions));
        Assert.Single(await Trees.Versions.ListAsync(Anna, P("/a"), Ct));
        Assert.Empty((await Trees.Versions.ListTrashAsync(Anna, null, 10, Ct)).Entries);
        Assert.Equal("two", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task After_a_jump_nothing_expires_for_a_day()
    {
        var jumping = new JumpingTime(Clock);
        var clock = new Fluxd.Store.Files.ExpiryClock(Trees.Catalog, jumping, () => true);
        Assert.True(await clock.MayExpireAsync(Ct));
        Clock.Advance(TimeSpan.FromHours(5));
        Assert.True(await clock.MayExpireAsync(Ct));
        jumping.Offset = TimeSpan.FromDays(400);
        Assert.False(await clock.MayExpireAsync(Ct));
        Clock.Advance(TimeSpan.FromHours(23));
        Assert.False(await clock.MayExpireAsync(Ct));

        // A restart in between sees the stored time, and no new jump.
        clock = new Fluxd.Store.Files.ExpiryClock(Trees.Catalog, jumping, () => true);
        Clock.Advance(TimeSpan.FromMinutes(30));
        Assert.False(await clock.MayExpireAsync(Ct));
        Clock.Advance(TimeSpan.FromMinutes(31));
        Assert.True(await clock.MayExpireAsync(Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Thinning_keeps_the_newest_of_each_slot()
    {
        for (var hour = 0; hour < 24 * 6; hour++)
        {
            await Put("/a", $"hour {hour}");
            Clock.Advance(TimeSpan.FromMinutes(30));
            await Put("/a", $"hour {hour} and a half");
            Clock.Advance(TimeSpan.FromMinutes(30));
        }

        await Trees.Keeper.RunAsync(Ct);
        var kept = (await Trees.Versions.ListAsync(Anna, P("/a"), Ct)).Select(version => version.CreatedAt.ToDateTimeOffset()).ToList();
        var now = Clock.GetUtcNow();
        Assert.InRange(kept.Count(time => now - time < TimeSpan.FromDays(1)), 46, 48);
        Assert.InRange(kept.Count(time => now - time >= TimeSpan.FromDays(1) && now - time < TimeSpan.FromDays(3)), 46, 50);
        Assert.InRange(kept.Count(time => now - time >= TimeSpan.FromDays(3)), 3, 5);
        Assert.Equal(0, (await Trees.Keeper.RunAsync(Ct)).Thinned);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_past_has_a_budget_of_its_own()
    {
        Trees.Change(Anna, user => user with { QuotaBytes = 10 });
        for (var i = 0; i < 5; i++)
        {
            await Put("/a", "12345");
            Clock.Advance(TimeSpan.FromHours(1));
        }

        await Trees.Keeper.RunAsync(Ct);
        Assert.Equal(3, (await Trees.Versions.ListAsync(Anna, P("/a"), Ct)).Count);
        Assert.Equal(5, (await Trees.Files.SpaceAsync(Anna, P("/"), Ct)).BytesFree);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Unfinished_uploads_expire_and_give_their_room_back()
    {
        Trees.Change(Anna, user => user with { QuotaBytes = 10 });
        var upload = await Trees.Uploads.CreateAsync(Anna, new Fluxd.Core.Uploads.UploadRequest { Target = P("/a"), Size = 10 }, Ct);
        await Trees.Keeper.RunAsync(Ct);
        Clock.Advance(TimeSpan.FromDays(8));
        Assert.Equal(1, (await Trees.Keeper.RunAsync(Ct)).Uploads);
        await Fails(FluxError.NotFound, () => Trees.Uploads.GetAsync(Anna, upload.Id, Ct).AsTask());
        await Put("/b", "0123456789");
    }

    private sealed class JumpingTime(TimeProvider inner) : TimeProvider
    {
        public TimeSpan Offset { get; set; }

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Offset;

        public override long GetTimestamp() => inner.GetTimestamp();
    }
}

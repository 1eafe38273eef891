using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Xunit;

namespace Fluxd.Contracts;

public abstract partial class FilesContract
{
    [Fact(Timeout = TimeoutMs)]
    public async Task What_was_closed_can_be_read_and_has_a_new_version()
    {
        var one = await Put("/a", "one");
        Assert.Equal((3L, NodeKind.File), (one.Size, one.Kind));
        var two = await Put("/a", "two!");
        Assert.Equal(one.Id, two.Id);
        Assert.NotEqual(one.Version, two.Version);
        Assert.NotEqual(one.ContentTag.ToArray(), two.ContentTag.ToArray());
        Assert.Equal("two!", await Get("/a"));
        Assert.Equal(two.Version, (await Stat("/a")).Version);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_empty_file_is_a_file()
    {
        await using (var file = await Files.OpenAsync(Anna, P("/a"), Writing, Ct))
        {
            Assert.Equal(0, (await file.CloseAsync(Ct)).Size);
        }

        Assert.Equal("", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Nobody_else_sees_a_file_before_its_commit()
    {
        await using var file = await Files.OpenAsync(Anna, P("/a"), Writing, Ct);
        await file.WriteAsync(0, B("half"), Ct);
        await Fails(FluxError.NotFound, () => Stat("/a"));
        Assert.Empty(await Names("/"));
        Assert.Equal(["a"], await Names("/", new ListRequest { IncludePartials = true }));
        var partial = await Files.StatWithPartialsAsync(Anna, P("/a"), followLink: true, Ct);
        Assert.Equal((4L, true), (partial.Size, partial.IsPartial));
        await file.CloseAsync(Ct);
        Assert.False((await Stat("/a")).IsPartial);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Others_read_the_old_file_until_the_new_one_is_committed()
    {
        await Put("/a", "old");
        await using var writer = await Files.OpenAsync(Anna, P("/a"), Writing with { Frontend = "sftp" }, Ct);
        await writer.WriteAsync(0, B("new!"), Ct);
        await using var other = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read, Frontend = "http" }, Ct);
        Assert.Equal(3, (await Stat("/a")).Size);
        if (SeparatesFrontends)
        {
            Assert.Equal("old", Encoding.UTF8.GetString(await ReadAll(other)));
        }

        await writer.CloseAsync(Ct);
        Assert.Equal("new!", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_download_that_began_first_changes_nothing_and_hides_nothing()
    {
        await Put("/a", "old");
        await using var download = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read, Frontend = "http" }, Ct);
        await using var writer = await Files.OpenAsync(Anna, P("/a"), Writing with { Frontend = "sftp" }, Ct);
        await writer.WriteAsync(0, B("new!"), Ct);
        await using var reader = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read, Frontend = "sftp" }, Ct);
        Assert.Equal("new!", Encoding.UTF8.GetString(await ReadAll(reader)));
        await Files.SetAttributesAsync(Anna, P("/a"), new AttributeChange { Size = 1 }, followLink: true, Ct);
        Assert.Equal("n", Encoding.UTF8.GetString(await ReadAll(reader)));
        if (SeparatesFrontends)
        {
            Assert.Equal("old", Encoding.UTF8.GetString(await ReadAll(download)));
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Handles_of_one_file_share_what_is_written()
    {
        await Put("/a", "0123456789");
        await using var reader = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read }, Ct);
        await using var writer = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct);
        await writer.WriteAsync(3, B("abc"), Ct);
        Assert.Equal("012abc6789", Encoding.UTF8.GetString(await ReadAll(reader)));
        await writer.TruncateAsync(4, Ct);
        Assert.Equal(4, (await reader.StatAsync(Ct)).Size);
        await writer.CloseAsync(Ct);
        Assert.Equal("012a", Encoding.UTF8.GetString(await ReadAll(reader)));
        Assert.Equal("012a", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Writes_may_come_in_any_order()
    {
        await using (var file = await Files.OpenAsync(Anna, P("/a"), Writing, Ct))
        {
            await file.WriteAsync(6, B("67"), Ct);
            await file.WriteAsync(0, B("01"), Ct);
            await file.WriteAsync(4, B("45"), Ct);
            await file.WriteAsync(2, B("23"), Ct);
            await file.WriteAsync(1, B("X"), Ct);
            await file.WriteAsync(10, B("!"), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("0X234567\0\0!", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_truncation_in_the_middle_of_writing_forgets_what_was_behind()
    {
        await using (var file = await Files.OpenAsync(Anna, P("/a"), Writing with { Access = OpenAccess.ReadWrite }, Ct))
        {
            await file.WriteAsync(0, B("abcdef"), Ct);
            await file.TruncateAsync(2, Ct);
            await file.TruncateAsync(4, Ct);
            Assert.Equal("ab\0\0", Encoding.UTF8.GetString(await ReadAll(file)));
            await file.WriteAsync(4, B("x"), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("ab\0\0x", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Append_writes_at_the_end_whatever_the_offset()
    {
        await Put("/a", "abc");
        await using (var file = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Write, Append = true }, Ct))
        {
            await file.WriteAsync(0, B("d"), Ct);
            await file.WriteAsync(0, B("e"), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("abcde", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_open_flags_mean_what_posix_means()
    {
        await Fails(FluxError.NotFound, () => Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Write }, Ct));
        await Put("/a", "abc");
        await Fails(FluxError.Exists, () => Files.OpenAsync(Anna, P("/a"), Writing with { Exclusive = true }, Ct));
        await using (var file = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Write, Create = true }, Ct))
        {
            await file.WriteAsync(1, B("X"), Ct);
            await Fails(FluxError.Denied, () => file.ReadAsync(0, new byte[1], Ct).AsTask());
            await file.CloseAsync(Ct);
            await Fails(FluxError.Invalid, () => file.WriteAsync(0, B("y"), Ct).AsTask());
        }

        Assert.Equal("aXc", await Get("/a"));
        await using var reader = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read }, Ct);
        await Fails(FluxError.Denied, () => reader.WriteAsync(0, B("y"), Ct).AsTask());
        Assert.Equal(0, await reader.ReadAsync(3, new byte[1], Ct));
        Assert.Equal(0, await reader.ReadAsync(1000, new byte[1], Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Fsync_publishes_and_the_handle_goes_on()
    {
        await using var file = await Files.OpenAsync(Anna, P("/a"), Writing, Ct);
        await file.WriteAsync(0, B("one"), Ct);
        await file.FsyncAsync(Ct);
        Assert.Equal("one", await Get("/a"));
        await file.WriteAsync(3, B(" two"), Ct);
        Assert.Equal(3, (await Stat("/a")).Size);
        await file.CloseAsync(Ct);
        Assert.Equal("one two", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_time_set_before_the_commit_survives_it()
    {
        var time = FileTime.FromSeconds(1_000_000_000, 123_456_789);
        await using (var file = await Files.OpenAsync(Anna, P("/a"), Writing, Ct))
        {
            await file.WriteAsync(0, B("x"), Ct);
            await file.SetAttributesAsync(new AttributeChange { ModifiedAt = time, Mode = 0x180 }, Ct);
            await file.CloseAsync(Ct);
        }

        var node = await Stat("/a");
        Assert.Equal((time, 0x180), (node.ModifiedAt, node.Mode));
        await Put("/a", "y");
        Assert.NotEqual(time, (await Stat("/a")).ModifiedAt);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_dropped_handle_publishes_nothing_and_its_owner_can_go_on()
    {
        await Put("/a", "old");
        await Drop("/a", "new conte");
        Assert.Equal("old", await Get("/a"));
        var partial = await Files.StatWithPartialsAsync(Anna, P("/a"), followLink: true, Ct);
        Assert.Equal((9L, true), (partial.Size, partial.IsPartial));
        await using (var file = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Write, ContinuePartial = true }, Ct))
        {
            await file.WriteAsync(9, B("nt"), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("new content", await Get("/a"));
        Assert.False((await Files.StatWithPartialsAsync(Anna, P("/a"), followLink: true, Ct)).IsPartial);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_dropped_new_file_shows_to_its_owner_only_and_can_be_removed()
    {
        await Drop("/n", "half");
        await Fails(FluxError.NotFound, () => Stat("/n"));
        Assert.Equal(["n"], await Names("/", new ListRequest { IncludePartials = true }));
        await Files.RemoveFileAsync(Anna, P("/n"), Precondition.None, Ct);
        Assert.Empty(await Names("/", new ListRequest { IncludePartials = true }));
        await Fails(FluxError.NotFound, () => Files.RemoveFileAsync(Anna, P("/n"), Precondition.None, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_dropped_new_file_can_be_renamed_and_finished()
    {
        await Drop("/n", "half");
        await Files.RenameAsync(Anna, P("/n"), P("/m"), replace: false, Ct);
        await using (var file = await Files.OpenAsync(Anna, P("/m"), new OpenRequest { Access = OpenAccess.Write, ContinuePartial = true }, Ct))
        {
            await file.WriteAsync(4, B("+half"), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("half+half", await Get("/m"));
        Assert.Equal(["m"], await Names("/", new ListRequest { IncludePartials = true }));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Beginning_anew_drops_what_was_left()
    {
        await Drop("/n", "a long beginning");
        await Put("/n", "new");
        Assert.Equal("new", await Get("/n"));
        Assert.False((await Files.StatWithPartialsAsync(Anna, P("/n"), followLink: true, Ct)).IsPartial);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_created_file_that_was_dropped_empty_leaves_nothing()
    {
        await (await Files.OpenAsync(Anna, P("/n"), Writing, Ct)).DisposeAsync();
        Assert.Empty(await Names("/", new ListRequest { IncludePartials = true }));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Handles_follow_their_node_through_a_rename()
    {
        await Put("/a", "one");
        await using (var file = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct))
        {
            await file.WriteAsync(3, B(" two"), Ct);
            await Files.RenameAsync(Anna, P("/a"), P("/b"), replace: false, Ct);
            await Put("/a", "another");
            await file.CloseAsync(Ct);
        }

        Assert.Equal("one two", await Get("/b"));
        Assert.Equal("another", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Handles_follow_their_node_through_removal()
    {
        await Put("/a", "one");
        await using var reader = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read }, Ct);
        await using (var writer = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Write }, Ct))
        {
            await Files.RemoveFileAsync(Anna, P("/a"), Precondition.None, Ct);
            Assert.Equal("one", Encoding.UTF8.GetString(await ReadAll(reader)));
            await writer.WriteAsync(0, B("x"), Ct);
            await writer.CloseAsync(Ct);
        }

        await Fails(FluxError.NotFound, () => Stat("/a"));
        Assert.Empty(await Names("/"));
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_truncation_by_name_is_seen_by_handles_and_written_on(bool isWriting)
    {
        await Put("/a", "0123456789");
        await using (var reader = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read }, Ct))
        await using (var file = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct))
        {
            if (isWriting)
            {
                await file.WriteAsync(1, B("X"), Ct);
            }

            await Files.SetAttributesAsync(Anna, P("/a"), new AttributeChange { Size = 4 }, followLink: true, Ct);
            var kept = isWriting ? "0X23" : "0123";
            Assert.Equal(kept, await Get("/a"));
            Assert.Equal(kept, Encoding.UTF8.GetString(await ReadAll(reader)));
            Assert.Equal(kept, Encoding.UTF8.GetString(await ReadAll(file)));
            Assert.Equal((4, 4), ((await reader.StatAsync(Ct)).Size, (await file.StatAsync(Ct)).Size));
            await file.WriteAsync(6, B("!"), Ct);
            Assert.Equal(7, (await file.CloseAsync(Ct)).Size);
        }

        Assert.Equal((isWriting ? "0X23" : "0123") + "\0\0!", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_close_with_nothing_to_commit_answers_the_size_of_now()
    {
        await Put("/a", "0123456789");
        await using var file = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct);
        await Files.SetAttributesAsync(Anna, P("/a"), new AttributeChange { Size = 4 }, followLink: true, Ct);
        Assert.Equal(4, (await file.CloseAsync(Ct)).Size);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_written_into_a_removed_file_is_read_until_the_last_close(bool isReplaced)
    {
        await Put("/a", "one");
        await Put("/b", "other");
        await using var reader = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read }, Ct);
        await using var file = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct);
        await using var second = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct);
        await file.WriteAsync(3, B(" two"), Ct);
        await (isReplaced ? Files.RenameAsync(Anna, P("/b"), P("/a"), replace: true, Ct) : Files.RemoveFileAsync(Anna, P("/a"), Precondition.None, Ct));
        await file.FsyncAsync(Ct);
        Assert.Equal("one two", Encoding.UTF8.GetString(await ReadAll(reader)));
        await second.WriteAsync(7, B(" three"), Ct);
        Assert.Equal(13, (await file.CloseAsync(Ct)).Size);
        Assert.Equal("one two three", Encoding.UTF8.GetString(await ReadAll(second)));
        await second.TruncateAsync(5, Ct);
        Assert.Equal(5, (await second.CloseAsync(Ct)).Size);
        Assert.Equal("one t", Encoding.UTF8.GetString(await ReadAll(reader)));
        Assert.Equal(5, (await reader.StatAsync(Ct)).Size);
        Assert.Equal(isReplaced ? ["a"] : ["b"], await Names("/", new ListRequest { IncludePartials = true }));
        Assert.Equal("other", await Get(isReplaced ? "/a" : "/b"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_new_file_that_is_removed_before_its_commit_is_read_until_the_last_close()
    {
        await using var file = await Files.OpenAsync(Anna, P("/n"), Writing with { Access = OpenAccess.ReadWrite }, Ct);
        await file.WriteAsync(0, B("half"), Ct);
        await Files.RemoveFileAsync(Anna, P("/n"), Precondition.None, Ct);
        await file.FsyncAsync(Ct);
        Assert.Equal("half", Encoding.UTF8.GetString(await ReadAll(file)));
        await file.WriteAsync(4, B("+half"), Ct);
        Assert.Equal(9, (await file.CloseAsync(Ct)).Size);
        Assert.Empty(await Names("/", new ListRequest { IncludePartials = true }));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Whatever_takes_the_name_of_a_new_file_is_not_undone_by_its_close()
    {
        await Put("/a", "whole");
        await using (var file = await Files.OpenAsync(Anna, P("/n"), Writing with { Access = OpenAccess.ReadWrite }, Ct))
        {
            await file.WriteAsync(0, B("half"), Ct);
            await Fails(FluxError.Exists, () => Files.RenameAsync(Anna, P("/a"), P("/n"), replace: false, Ct));
            await Fails(FluxError.Exists, () => Files.CopyAsync(Anna, P("/a"), P("/n"), replace: false, Ct));
            await Fails(FluxError.Exists, () => MakeFolder("/n"));
            await Fails(FluxError.Exists, () => Files.MakeSymlinkAsync(Anna, P("/n"), B("a"), Ct));
            await Files.RenameAsync(Anna, P("/a"), P("/n"), replace: true, Ct);
            await file.WriteAsync(4, B("!"), Ct);
            await file.FsyncAsync(Ct);
            Assert.Equal("half!", Encoding.UTF8.GetString(await ReadAll(file)));
            await file.CloseAsync(Ct);
        }

        Assert.Equal(["n"], await Names("/", new ListRequest { IncludePartials = true }));
        Assert.Equal("whole", await Get("/n"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_new_file_takes_the_name_of_another_from_its_handles()
    {
        await Put("/a", "old");
        await using (var old = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.ReadWrite }, Ct))
        await using (var other = await Files.OpenAsync(Anna, P("/m"), Writing, Ct))
        await using (var file = await Files.OpenAsync(Anna, P("/n"), Writing, Ct))
        {
            await other.WriteAsync(0, B("middle"), Ct);
            await file.WriteAsync(0, B("new"), Ct);
            await Files.RenameAsync(Anna, P("/m"), P("/a"), replace: true, Ct);
            await Fails(FluxError.Exists, () => Files.RenameAsync(Anna, P("/n"), P("/a"), replace: false, Ct));
            await Files.RenameAsync(Anna, P("/n"), P("/a"), replace: true, Ct);
            Assert.Equal("old", Encoding.UTF8.GetString(await ReadAll(old)));
            await file.CloseAsync(Ct);
            await other.CloseAsync(Ct);
            await old.WriteAsync(3, B("er"), Ct);
            Assert.Equal("older", Encoding.UTF8.GetString(await ReadAll(old)));
            await old.CloseAsync(Ct);
        }

        Assert.Equal(["a"], await Names("/", new ListRequest { IncludePartials = true }));
        Assert.Equal("new", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_folder_with_a_new_file_is_not_empty()
    {
        await MakeFolder("/d");
        await MakeFolder("/e");
        await using (var file = await Files.OpenAsync(Anna, P("/d/n"), Writing, Ct))
        {
            await file.WriteAsync(0, B("new"), Ct);
            await Fails(FluxError.NotEmpty, () => Files.RemoveFolderAsync(Anna, P("/d"), recursive: false, Ct));
            await Fails(FluxError.NotEmpty, () => Files.RenameAsync(Anna, P("/e"), P("/d"), replace: true, Ct));
            await file.CloseAsync(Ct);
        }

        Assert.Equal("new", await Get("/d/n"));
        await using (var file = await Files.OpenAsync(Anna, P("/d/m"), Writing, Ct))
        {
            await file.WriteAsync(0, B("new"), Ct);
            await Files.RemoveFolderAsync(Anna, P("/d"), recursive: true, Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal(["e"], await Names("/", new ListRequest { IncludePartials = true }));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_file_that_is_being_written_can_be_renamed()
    {
        await using (var file = await Files.OpenAsync(Anna, P("/.part"), Writing, Ct))
        {
            await file.WriteAsync(0, B("x"), Ct);
            await Files.RenameAsync(Anna, P("/.part"), P("/whole"), replace: false, Ct);
            await file.WriteAsync(1, B("y"), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal(["whole"], await Names("/", new ListRequest { IncludePartials = true }));
        Assert.Equal("xy", await Get("/whole"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_quota_stops_a_write_in_words()
    {
        SetQuota(10);
        await Put("/a", "12345678");
        await Fails(FluxError.QuotaExceeded, () => Put("/b", "123"));
        await Put("/a", "1234567890");
        Assert.Equal(0, (await Files.SpaceAsync(Anna, FilePath.Root, Ct)).BytesFree);
        await Fails(FluxError.QuotaExceeded, () => Put("/a", "12345678901"));
        Assert.Equal("1234567890", await Get("/a"));
        await Files.RemoveFileAsync(Anna, P("/a"), Precondition.None, Ct);
        await Put("/b", "123");
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_range_is_copied_between_open_files()
    {
        await Put("/a", "0123456789");
        await using (var from = await Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read }, Ct))
        await using (var to = await Files.OpenAsync(Anna, P("/b"), Writing, Ct))
        {
            Assert.Equal(4, await Files.CopyRangeAsync(from, 2, to, 1, 4, Ct));
            Assert.Equal(3, await Files.CopyRangeAsync(from, 7, to, 5, 0, Ct));
            await to.CloseAsync(Ct);
        }

        Assert.Equal("\0" + "2345789", await Get("/b"));
    }

    /// <summary>Does a reader of another frontend not see uncommitted bytes of the same user?</summary>
    protected virtual bool SeparatesFrontends => true;

    private async Task Drop(string path, string text)
    {
        var file = await Files.OpenAsync(Anna, P(path), Writing, Ct);
        await file.WriteAsync(0, B(text), Ct);
        await file.DisposeAsync();
    }
}

using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

/// <summary>Handles that stay open while others change the file, its name or the folder above.</summary>
public sealed class OpenHandleTests : TreesFixture
{
    private static readonly OpenRequest s_both = new() { Access = OpenAccess.ReadWrite };
    private static readonly OpenRequest s_new = new() { Access = OpenAccess.ReadWrite, Create = true };
    private static readonly OpenRequest s_whole = new() { Access = OpenAccess.Write, Create = true, Truncate = true, Frontend = "http" };

    [Fact(Timeout = TimeoutMs)]
    public async Task The_first_write_lands_in_what_somebody_else_committed_meanwhile()
    {
        Share();
        await Put("/team/a", "0123456789");
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/team/a"), s_both, Ct))
        {
            await Trees.Files.SetAttributesAsync(Bert, P("/team/a"), new AttributeChange { Size = 4 }, followLink: true, Ct);
            await file.WriteAsync(6, "!"u8.ToArray(), Ct);
            Assert.Equal("0123\0\0!", await Text(file));
            Assert.Equal(7, (await file.CloseAsync(Ct)).Size);
        }

        Assert.Equal("0123\0\0!", await Get("/team/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Handles_in_the_middle_of_their_own_work_go_on_with_it()
    {
        Share();
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/team/a"), s_new, Ct))
        {
            await file.WriteAsync(0, "first "u8.ToArray(), Ct);
            await file.FsyncAsync(Ct);
            await Put("/team/a", "quite another", Bert);
            await file.WriteAsync(6, "and last"u8.ToArray(), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("first and last", await Get("/team/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_handle_learns_nothing_new_where_the_right_was_withdrawn()
    {
        Share();
        await Put("/team/a", "known");
        await using var file = await Trees.Files.OpenAsync(Bert, P("/team/a"), s_both, Ct);
        Trees.Share(1, "team", Bert, null);
        await Put("/team/a", "secret");
        await file.WriteAsync(0, "K"u8.ToArray(), Ct);
        Assert.Equal("Known", await Text(file));
        await Fails(FluxError.Denied, () => file.CloseAsync(Ct));
        Assert.Equal("secret", await Get("/team/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_new_file_whose_folder_somebody_else_removed_is_not_said_to_be_there()
    {
        Share();
        await Folder("/team/d");
        await using var file = await Trees.Files.OpenAsync(Anna, P("/team/d/n"), s_new, Ct);
        await file.WriteAsync(0, "new"u8.ToArray(), Ct);
        await Trees.Files.RemoveFolderAsync(Bert, P("/team/d"), recursive: false, Ct);
        await Fails(FluxError.NotFound, () => file.CloseAsync(Ct));
        Assert.Equal("new", await Text(file));
        await file.DisposeAsync();
        var kept = Assert.Single((await Trees.Uploads.ListAsync(Anna, null, 100, Ct)).Entries);
        Assert.Equal(("/team/d/n", 3), (kept.Target.ToString(), kept.DurableOffset));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task All_handles_of_a_new_file_share_it_though_somebody_else_got_the_name_first()
    {
        Share();
        await using (var first = await Trees.Files.OpenAsync(Anna, P("/team/n"), s_new, Ct))
        {
            await first.WriteAsync(0, "mine"u8.ToArray(), Ct);
            await Put("/team/n", "Bert's", Bert);
            await using var second = await Trees.Files.OpenAsync(Anna, P("/team/n"), s_both, Ct);
            Assert.Equal("mine", await Text(second));
            await first.FsyncAsync(Ct);
            await second.WriteAsync(4, " too"u8.ToArray(), Ct);
            await Trees.Files.SetAttributesAsync(Anna, P("/team/n"), new AttributeChange { Size = 6 }, followLink: true, Ct);
            await first.WriteAsync(6, "!"u8.ToArray(), Ct);
            await first.CloseAsync(Ct);
            Assert.Equal("mine t!", await Text(second));
            await second.CloseAsync(Ct);
        }

        Assert.Equal("mine t!", await Get("/team/n"));
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_written_into_a_removed_file_leaves_no_upload_behind(bool isCommitted)
    {
        if (isCommitted)
        {
            await Put("/a", "old");
        }

        var file = await Trees.Files.OpenAsync(Anna, P("/a"), s_new with { Truncate = true }, Ct);
        await Remove("/a");
        var piece = new byte[FilesLimits.KeepFrom / 4];
        for (var i = 0; i < 8; i++)
        {
            Random.Shared.NextBytes(piece);
            await file.WriteAsync(i * piece.Length, piece, Ct);
        }

        Assert.Equal(8 * piece.Length, (await file.StatAsync(Ct)).Size);
        await file.DisposeAsync();
        Assert.Empty((await Trees.Uploads.ListAsync(Anna, null, 100, Ct)).Entries);
        Assert.Empty((await Trees.Files.ListAsync(Anna, FilePath.Root, new ListRequest { IncludePartials = true }, Ct)).Entries);
        await Fails(FluxError.NotFound, () => Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Uploads_of_whole_files_are_not_mixed()
    {
        await Put("/a", "old");
        foreach (var path in new[] { "/a", "/new" })
        {
            await using var one = await Trees.Files.OpenAsync(Anna, P(path), s_whole, Ct);
            await using var two = await Trees.Files.OpenAsync(Anna, P(path), s_whole, Ct);
            await one.WriteAsync(0, "the longer one"u8.ToArray(), Ct);
            await two.WriteAsync(0, "short"u8.ToArray(), Ct);
            Assert.Equal(14, (await one.CloseAsync(Ct)).Size);
            Assert.Equal("the longer one", await Get(path));
            Assert.Equal(5, (await two.CloseAsync(Ct)).Size);
            Assert.Equal("short", await Get(path));
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_download_shows_nothing_of_an_upload_by_the_same_frontend()
    {
        await Put("/a", "old");
        await using var upload = await Trees.Files.OpenAsync(Anna, P("/a"), s_whole, Ct);
        await upload.WriteAsync(0, "half"u8.ToArray(), Ct);
        await using var download = await Trees.Files.OpenAsync(Anna, P("/a"), new OpenRequest { Access = OpenAccess.Read, Frontend = "http" }, Ct);
        Assert.Equal((3L, false), ((await download.StatAsync(Ct)).Size, (await download.StatAsync(Ct)).IsPartial));
        Assert.Equal("old", await Text(download));
        await upload.CloseAsync(Ct);
        Assert.Equal("old", await Text(download));
        Assert.Equal("half", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_close_does_not_say_that_what_another_connection_took_over_is_there()
    {
        await using var file = await Trees.Files.OpenAsync(Anna, P("/a"), s_new, Ct);
        await WriteSome(file, 5);
        var kept = Assert.Single((await Trees.Uploads.ListAsync(Anna, null, 100, Ct)).Entries);
        await using (await Trees.Uploads.OpenAsync(Anna, kept.Id, Ct))
        {
            await Fails(FluxError.Fenced, () => file.FsyncAsync(Ct));
            await Fails(FluxError.Fenced, () => file.CloseAsync(Ct));
        }

        await Fails(FluxError.NotFound, () => Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Who_opens_a_new_name_that_another_file_takes_in_that_moment_opens_that()
    {
        await Put("/x", "the other");
        await Leave("/y", "left behind");
        var kept = Assert.Single((await Trees.Uploads.ListAsync(Anna, null, 100, Ct)).Entries);
        using var hold = await Trees.Sessions.TakeAsync(kept.Id, Ct);
        var step = await hold.StepAsync(Ct);
        var opening = Trees.Files.OpenAsync(Anna, P("/y"), s_new, Ct);
        while (hold.IsCurrent)
        {
            await Task.Delay(1, Ct);
        }

        await Trees.Files.RenameAsync(Anna, P("/x"), P("/y"), replace: false, Ct);
        step.Dispose();
        await using (var file = await opening)
        {
            await file.WriteAsync(0, "mine"u8.ToArray(), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("mineother", await Get("/y"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_was_kept_of_a_file_that_somebody_else_removed_goes_with_it()
    {
        Share();
        await Put("/team/a", "old");
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/team/a"), s_new with { Truncate = true }, Ct))
        {
            await WriteSome(file, 5);
            Assert.Single((await Trees.Uploads.ListAsync(Anna, null, 100, Ct)).Entries);
            await Remove("/team/a", Bert);
            await WriteSome(file, 1);
        }

        Assert.Empty((await Trees.Uploads.ListAsync(Anna, null, 100, Ct)).Entries);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_kept_of_a_new_file_goes_when_another_takes_its_name(bool isNew)
    {
        await using var other = await Trees.Files.OpenAsync(Anna, P("/x"), s_new, Ct);
        await other.WriteAsync(0, "the other"u8.ToArray(), Ct);
        if (!isNew)
        {
            await other.CloseAsync(Ct);
        }

        await using (var file = await Trees.Files.OpenAsync(Anna, P("/y"), s_new, Ct))
        {
            await WriteSome(file, 5);
            await Trees.Files.RenameAsync(Anna, P("/x"), P("/y"), replace: true, Ct);
        }

        Assert.Empty((await Trees.Uploads.ListAsync(Anna, null, 100, Ct)).Entries);
        Assert.Equal(9, Assert.Single((await Trees.Files.ListAsync(Anna, FilePath.Root, new ListRequest { IncludePartials = true }, Ct)).Entries).Size);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_a_dropped_connection_left_is_gone_on_with_under_the_name_that_it_was_given_last()
    {
        await Leave("/a", "the first");
        Clock.Advance(TimeSpan.FromSeconds(1));
        await Leave("/b", "another");
        await Trees.Files.RenameAsync(Anna, P("/a"), P("/b"), replace: true, Ct);
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/b"), s_new with { ContinuePartial = true, Append = true }, Ct))
        {
            await file.WriteAsync(0, " and last"u8.ToArray(), Ct);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("the first and last", await Get("/b"));
        Assert.Equal(18, Assert.Single((await Trees.Files.ListAsync(Anna, FilePath.Root, new ListRequest { IncludePartials = true }, Ct)).Entries).Size);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_first_write_that_was_refused_is_not_committed_over_what_others_wrote()
    {
        Share();
        await Put("/team/a", "old");
        Trees.Share(1, "team", Anna, FolderAccess.Write, quota: 10);
        await using (var file = await Trees.Files.OpenAsync(Anna, P("/team/a"), s_both, Ct))
        {
            await Fails(FluxError.QuotaExceeded, () => file.WriteAsync(0, new byte[20], Ct).AsTask());
            await Fails(FluxError.QuotaExceeded, () => file.TruncateAsync(20, Ct).AsTask());
            await Put("/team/a", "new", Bert);
            await file.CloseAsync(Ct);
        }

        Assert.Equal("new", await Get("/team/a"));
    }

    private async Task Leave(string path, string text)
    {
        await using var file = await Trees.Files.OpenAsync(Anna, P(path), s_new, Ct);
        await file.WriteAsync(0, Encoding.UTF8.GetBytes(text), Ct);
    }

    /// <summary>So many MiB behind what is there: from four on they are kept.</summary>
    private static async Task WriteSome(IOpenFile file, int count)
    {
        var piece = new byte[1 << 20];
        for (var end = (await file.StatAsync(Ct)).Size; count > 0; count--, end += piece.Length)
        {
            Random.Shared.NextBytes(piece);
            await file.WriteAsync(end, piece, Ct);
        }
    }

    private void Share()
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write);
        Trees.Share(1, "team", Bert, FolderAccess.Write);
    }
}

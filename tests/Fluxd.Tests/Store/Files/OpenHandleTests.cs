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

    private void Share()
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write);
        Trees.Share(1, "team", Bert, FolderAccess.Write);
    }
}

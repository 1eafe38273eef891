using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Contracts;

public abstract partial class FilesContract
{
    [Fact(Timeout = TimeoutMs)]
    public async Task The_root_is_an_empty_folder_at_first()
    {
        Assert.Equal(NodeKind.Folder, (await Stat("/")).Kind);
        Assert.Empty(await Names("/"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Names_are_kept_byte_for_byte()
    {
        byte[][] names = [[0xFF, 0xFE], "\u00e9"u8.ToArray(), "e\u0301"u8.ToArray(), "A"u8.ToArray(), "a"u8.ToArray(), " x."u8.ToArray(), new byte[255].Select(_ => (byte)'n').ToArray()];
        foreach (var name in names)
        {
            await Files.MakeFolderAsync(Anna, FilePath.Root.Append(FileName.From(name)), null, parents: false, Ct);
        }

        var listed = (await Files.ListAsync(Anna, FilePath.Root, new ListRequest(), Ct)).Entries.Select(entry => entry.Name).ToList();
        Assert.Equal(names.Select(name => FileName.From(name)).Order(), listed);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_missing_name_is_not_found_and_a_file_is_no_folder()
    {
        await Put("/a", "x");
        await Fails(FluxError.NotFound, () => Stat("/b"));
        await Fails(FluxError.NotFound, () => Stat("/b/c"));
        await Fails(FluxError.NotFolder, () => Stat("/a/c"));
        await Fails(FluxError.NotFolder, () => Names("/a"));
        await Fails(FluxError.NotFound, () => Get("/b"));
        await Fails(FluxError.IsFolder, () => Get("/"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Folders_are_made_once_or_with_their_parents()
    {
        await Fails(FluxError.NotFound, () => MakeFolder("/a/b"));
        await Files.MakeFolderAsync(Anna, P("/a/b/c"), new AttributeChange { Mode = 0x1C0 }, parents: true, Ct);
        Assert.Equal(0x1C0, (await Stat("/a/b/c")).Mode);
        await Fails(FluxError.Exists, () => MakeFolder("/a/b"));
        Assert.Equal(NodeKind.Folder, (await Files.MakeFolderAsync(Anna, P("/a/b"), null, parents: true, Ct)).Kind);
        await Fails(FluxError.Exists, () => MakeFolder("/"));
        await Put("/f", "x");
        await Fails(FluxError.Exists, () => Files.MakeFolderAsync(Anna, P("/f"), null, parents: true, Ct));
        await Fails(FluxError.NotFolder, () => Files.MakeFolderAsync(Anna, P("/f/g"), null, parents: true, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Removing_takes_the_right_kind_only()
    {
        await MakeFolder("/d");
        await Put("/d/f", "x");
        await Fails(FluxError.IsFolder, () => Files.RemoveFileAsync(Anna, P("/d"), Precondition.None, Ct));
        await Fails(FluxError.NotFolder, () => Files.RemoveFolderAsync(Anna, P("/d/f"), recursive: false, Ct));
        await Fails(FluxError.NotEmpty, () => Files.RemoveFolderAsync(Anna, P("/d"), recursive: false, Ct));
        await Fails(FluxError.Denied, () => Files.RemoveFolderAsync(Anna, FilePath.Root, recursive: true, Ct));
        await Files.RemoveFolderAsync(Anna, P("/d"), recursive: true, Ct);
        await Fails(FluxError.NotFound, () => Stat("/d"));
        await Fails(FluxError.NotFound, () => Files.RemoveFileAsync(Anna, P("/d/f"), Precondition.None, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_removal_with_a_precondition_looks_first()
    {
        var node = await Put("/a", "one");
        await Fails(FluxError.Conflict, () => Files.RemoveFileAsync(Anna, P("/a"), new Precondition { Version = node.Version + 1 }, Ct));
        await Fails(FluxError.Conflict, () => Files.RemoveFileAsync(Anna, P("/a"), new Precondition { Tags = [new byte[32]] }, Ct));
        await Files.RemoveFileAsync(Anna, P("/a"), new Precondition { Tags = [node.ContentTag] }, Ct);
        Assert.Empty(await Names("/"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_rename_moves_a_file_and_keeps_what_it_is()
    {
        var before = await Put("/a", "one");
        await MakeFolder("/d");
        var after = await Files.RenameAsync(Anna, P("/a"), P("/d/b"), replace: false, Ct);
        Assert.Equal((before.Id, before.Version, before.ModifiedAt), (after.Id, after.Version, after.ModifiedAt));
        Assert.Equal("one", await Get("/d/b"));
        await Fails(FluxError.NotFound, () => Stat("/a"));
        await Fails(FluxError.NotFound, () => Files.RenameAsync(Anna, P("/a"), P("/c"), replace: true, Ct));
        await Fails(FluxError.NotFound, () => Files.RenameAsync(Anna, P("/d/b"), P("/none/b"), replace: true, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_rename_replaces_only_when_asked_and_only_like_by_like()
    {
        await Put("/a", "a");
        await Put("/b", "b");
        await MakeFolder("/d");
        await MakeFolder("/e");
        await Put("/e/x", "x");
        await Fails(FluxError.Exists, () => Files.RenameAsync(Anna, P("/a"), P("/b"), replace: false, Ct));
        await Fails(FluxError.IsFolder, () => Files.RenameAsync(Anna, P("/a"), P("/d"), replace: true, Ct));
        await Fails(FluxError.NotFolder, () => Files.RenameAsync(Anna, P("/d"), P("/a"), replace: true, Ct));
        await Fails(FluxError.NotEmpty, () => Files.RenameAsync(Anna, P("/d"), P("/e"), replace: true, Ct));
        await Files.RenameAsync(Anna, P("/a"), P("/b"), replace: true, Ct);
        await Files.RenameAsync(Anna, P("/e"), P("/d"), replace: true, Ct);
        Assert.Equal(["b", "d"], await Names("/"));
        Assert.Equal("a", await Get("/b"));
        Assert.Equal("x", await Get("/d/x"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_rename_onto_itself_changes_nothing()
    {
        await Put("/a", "a");
        await Files.RenameAsync(Anna, P("/a"), P("/a"), replace: false, Ct);
        Assert.Equal("a", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_folder_moves_with_all_below_but_never_into_itself()
    {
        await Files.MakeFolderAsync(Anna, P("/a/b/c"), null, parents: true, Ct);
        await Put("/a/b/c/f", "f");
        await Fails(FluxError.Invalid, () => Files.RenameAsync(Anna, P("/a"), P("/a/b/d"), replace: false, Ct));
        await Fails(FluxError.Invalid, () => Files.RenameAsync(Anna, P("/a"), P("/a/x"), replace: false, Ct));
        await Fails(FluxError.Invalid, () => Files.CopyAsync(Anna, P("/a"), P("/a/b/d"), replace: false, Ct));
        await Files.RenameAsync(Anna, P("/a/b"), P("/b"), replace: false, Ct);
        Assert.Equal("f", await Get("/b/c/f"));
        Assert.Empty(await Names("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_copy_is_another_node_with_the_same_content()
    {
        await Files.MakeFolderAsync(Anna, P("/a/b"), null, parents: true, Ct);
        var original = await Put("/a/b/f", "one");
        await Files.CopyAsync(Anna, P("/a"), P("/c"), replace: false, Ct);
        var copy = await Stat("/c/b/f");
        Assert.NotEqual(original.Id, copy.Id);
        Assert.Equal(original.ContentTag.ToArray(), copy.ContentTag.ToArray());
        await Put("/a/b/f", "two");
        Assert.Equal("one", await Get("/c/b/f"));
        await Fails(FluxError.Exists, () => Files.CopyAsync(Anna, P("/a/b/f"), P("/c/b/f"), replace: false, Ct));
        await Files.CopyAsync(Anna, P("/a/b/f"), P("/c/b/f"), replace: true, Ct);
        Assert.Equal("two", await Get("/c/b/f"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Links_are_followed_or_not_as_asked()
    {
        await Files.MakeFolderAsync(Anna, P("/d/e"), null, parents: true, Ct);
        await Put("/d/f", "f");
        await Files.MakeSymlinkAsync(Anna, P("/d/e/up"), B("../f"), Ct);
        await Files.MakeSymlinkAsync(Anna, P("/abs"), B("/d"), Ct);
        await Files.MakeSymlinkAsync(Anna, P("/out"), B("../../../d/f"), Ct);
        Assert.Equal("f", await Get("/d/e/up"));
        Assert.Equal("f", await Get("/abs/e/up"));
        Assert.Equal("f", await Get("/out"));
        var link = await Files.StatAsync(Anna, P("/abs"), followLink: false, Ct);
        Assert.Equal((NodeKind.Symlink, 2L), (link.Kind, link.Size));
        Assert.Equal(NodeKind.Folder, (await Stat("/abs")).Kind);
        Assert.Equal(B("/d"), (await Files.ReadLinkAsync(Anna, P("/abs"), Ct)).ToArray());
        Assert.Equal(P("/d/f"), await Files.ResolveAsync(Anna, P("/abs/e/up"), lastMayBeMissing: false, Ct));
        Assert.Equal(P("/d/new"), await Files.ResolveAsync(Anna, P("/abs/new"), lastMayBeMissing: true, Ct));
        await Fails(FluxError.Invalid, () => Files.ReadLinkAsync(Anna, P("/d/f"), Ct).AsTask());
        await Fails(FluxError.Exists, () => Files.MakeSymlinkAsync(Anna, P("/abs"), B("x"), Ct));
        await Files.RemoveFileAsync(Anna, P("/abs"), Precondition.None, Ct);
        Assert.Equal("f", await Get("/d/f"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Links_in_a_circle_end()
    {
        await Files.MakeSymlinkAsync(Anna, P("/a"), B("b"), Ct);
        await Files.MakeSymlinkAsync(Anna, P("/b"), B("a"), Ct);
        await Fails(FluxError.LinkLoop, () => Stat("/a"));
        await Fails(FluxError.LinkLoop, () => Get("/a/x"));
        Assert.Equal(NodeKind.Symlink, (await Files.StatAsync(Anna, P("/a"), followLink: false, Ct)).Kind);
        for (var i = 0; i < 40; i++)
        {
            await Files.MakeSymlinkAsync(Anna, P($"/l{i}"), B(i == 39 ? "end" : $"l{i + 1}"), Ct);
        }

        await Put("/end", "end");
        Assert.Equal("end", await Get("/l0"));
        await Files.MakeSymlinkAsync(Anna, P("/one-more"), B("l0"), Ct);
        await Fails(FluxError.LinkLoop, () => Stat("/one-more"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_folder_is_listed_in_pages_that_changes_never_shift()
    {
        for (var i = 0; i < 25; i++)
        {
            await MakeFolder($"/{i:d2}");
        }

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await Files.ListAsync(Anna, FilePath.Root, new ListRequest { Count = 7, Cursor = cursor }, Ct);
            seen.AddRange(page.Entries.Select(entry => entry.Name.ToString()));
            cursor = page.Next;
        }
        while (cursor is not null);
        Assert.Equal(Enumerable.Range(0, 25).Select(i => $"{i:d2}"), seen);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_listing_can_be_sorted_and_filtered()
    {
        await Put("/b", "333");
        await Put("/A", "1");
        await Put("/c", "22");
        await MakeFolder("/abc");
        await Files.SetAttributesAsync(Anna, P("/b"), new AttributeChange { ModifiedAt = FileTime.FromSeconds(1) }, followLink: true, Ct);
        await Files.SetAttributesAsync(Anna, P("/c"), new AttributeChange { ModifiedAt = FileTime.FromSeconds(2) }, followLink: true, Ct);
        await Files.SetAttributesAsync(Anna, P("/A"), new AttributeChange { ModifiedAt = FileTime.FromSeconds(3) }, followLink: true, Ct);
        Assert.Equal(["A", "abc", "b", "c"], await Names("/"));
        Assert.Equal(["c", "b", "abc", "A"], await Names("/", new ListRequest { Descending = true }));
        Assert.Equal(["A", "c", "b"], await Names("/", new ListRequest { Sort = ListSort.Size, Kind = NodeKind.File }));
        Assert.Equal(["A", "c", "b"], await Names("/", new ListRequest { Sort = ListSort.ModifiedAt, Descending = true, Kind = NodeKind.File }));
        Assert.Equal(["A", "abc"], await Names("/", new ListRequest { NameContains = "a" }));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Names_are_found_by_a_piece_without_case()
    {
        await Files.MakeFolderAsync(Anna, P("/x/Report"), null, parents: true, Ct);
        await Put("/x/Report/my-REPORTs.txt", "1");
        await Put("/other", "2");
        var found = await Files.SearchAsync(Anna, FilePath.Root, "report", null, 10, Ct);
        Assert.Equal([P("/x/Report"), P("/x/Report/my-REPORTs.txt")], found.Entries.Select(entry => entry.Path).OrderBy(path => path.Names.Length));
        Assert.Empty((await Files.SearchAsync(Anna, P("/x/Report"), "other", null, 10, Ct)).Entries);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Attributes_are_kept_exactly()
    {
        await Put("/a", "x");
        var times = new AttributeChange { Mode = 0xFFF, ModifiedAt = FileTime.FromSeconds(-5, 999_999_999), AccessedAt = FileTime.FromSeconds(1, 1) };
        await Files.SetAttributesAsync(Anna, P("/a"), times, followLink: true, Ct);
        var node = await Stat("/a");
        Assert.Equal((times.Mode, times.ModifiedAt, times.AccessedAt), (node.Mode, node.ModifiedAt, node.AccessedAt));
        await Fails(FluxError.NotFound, () => Files.SetAttributesAsync(Anna, P("/b"), times, followLink: true, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_size_set_by_path_cuts_or_fills_with_zeros()
    {
        await Put("/a", "hello");
        await Files.SetAttributesAsync(Anna, P("/a"), new AttributeChange { Size = 2 }, followLink: true, Ct);
        Assert.Equal("he", await Get("/a"));
        await Files.SetAttributesAsync(Anna, P("/a"), new AttributeChange { Size = 4 }, followLink: true, Ct);
        Assert.Equal("he\0\0", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Each_user_has_a_tree_of_their_own()
    {
        await Put("/a", "anna");
        await Fails(FluxError.NotFound, () => Stat("/a", People.Bert));
        await Put("/a", "bert", People.Bert);
        Assert.Equal("anna", await Get("/a"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_credential_without_the_scope_is_refused()
    {
        await Put("/a", "x");
        var reader = People.Make(Anna.UserId, "anna", Scopes.Read);
        Assert.Equal("x", await Get("/a", reader));
        await Fails(FluxError.Denied, () => Put("/a", "y", reader));
        await Fails(FluxError.Denied, () => Files.RemoveFileAsync(reader, P("/a"), Precondition.None, Ct));
        await Fails(FluxError.Denied, () => Stat("/a", People.Make(Anna.UserId, "anna", Scopes.Write)));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_digest_is_remembered_for_exactly_one_version()
    {
        var node = await Put("/a", "x");
        Assert.Null(await Files.FindDigestAsync(Anna, P("/a"), DigestAlgorithm.Md5, Ct));
        await Files.RememberDigestAsync(Anna, P("/a"), node.Version, new ContentDigest(DigestAlgorithm.Md5, new byte[16]), Ct);
        Assert.Equal(new byte[16], (await Files.FindDigestAsync(Anna, P("/a"), DigestAlgorithm.Md5, Ct))!.Value.ToArray());
        await Put("/a", "y");
        Assert.Null(await Files.FindDigestAsync(Anna, P("/a"), DigestAlgorithm.Md5, Ct));
    }
}

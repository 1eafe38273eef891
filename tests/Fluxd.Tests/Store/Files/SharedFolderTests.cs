using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Files;
using Xunit;

namespace Fluxd.Tests.Store.Files;

public sealed class SharedFolderTests : TreesFixture
{
    private void Share(FolderAccess? bert = FolderAccess.Read)
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write);
        Trees.Share(1, "team", Bert, bert);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_shared_folder_appears_in_the_root_and_shows_one_truth()
    {
        Share();
        await Put("/team/f", "hello");
        Assert.Equal("hello", await Get("/team/f", Bert));
        Assert.Equal(["team"], await Names("/", Bert));
        var top = (await Trees.Files.ListAsync(Bert, FilePath.Root, new ListRequest(), Ct)).Entries[0];
        Assert.Equal((true, false), (top.IsSharedFolder, top.CanWrite));
        await Fails(FluxError.Denied, () => Put("/team/f", "x", Bert));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_withdrawn_right_works_at_once_even_for_an_open_handle()
    {
        Share(FolderAccess.Write);
        await Put("/team/f", "hello", Bert);
        await using var file = await Trees.Files.OpenAsync(Bert, P("/team/f"), new OpenRequest { Access = OpenAccess.Write }, Ct);
        await file.WriteAsync(0, "x"u8.ToArray(), Ct);
        Share(bert: null);
        await Fails(FluxError.NotFound, () => Get("/team/f", Bert));
        await Fails(FluxError.Denied, () => file.CloseAsync(Ct));
        Assert.Equal("hello", await Get("/team/f"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_own_entry_of_that_name_wins()
    {
        await Folder("/team");
        await Put("/team/own", "own");
        Share();
        Trees.Share(2, "other", Anna, FolderAccess.Write);
        await Put("/team (shared)/f", "shared");
        Assert.Equal(["other", "team", "team (shared)"], await Names("/"));
        Assert.Equal("own", await Get("/team/own"));
        Assert.Equal("shared", await Get("/team/f", Bert));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Links_never_lead_out_of_a_shared_folder()
    {
        Share(FolderAccess.Write);
        await Put("/secret", "anna's");
        await Put("/team/secret", "the team's");
        await Folder("/team/d");
        await Trees.Files.MakeSymlinkAsync(Bert, P("/team/d/up"), "../../../secret"u8.ToArray(), Ct);
        await Trees.Files.MakeSymlinkAsync(Bert, P("/team/d/root"), "/secret"u8.ToArray(), Ct);
        await Trees.Files.MakeSymlinkAsync(Anna, P("/into"), "/team/d/up"u8.ToArray(), Ct);
        Assert.Equal("the team's", await Get("/team/d/up"));
        Assert.Equal("the team's", await Get("/team/d/root"));
        Assert.Equal("the team's", await Get("/into"));
        Assert.Equal(P("/team/secret"), await Trees.Files.ResolveAsync(Anna, P("/into"), lastMayBeMissing: false, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_folders_quota_counts_whoever_writes()
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write, quota: 10);
        Trees.Change(Anna, user => user with { QuotaBytes = 5 });
        await Put("/team/f", "12345678");
        await Fails(FluxError.QuotaExceeded, () => Put("/team/g", "123"));
        await Put("/own", "12345");
        await Fails(FluxError.QuotaExceeded, () => Trees.Files.RenameAsync(Anna, P("/own"), P("/team/own"), replace: false, Ct));
        await Remove("/team/f");
        await Trees.Files.RenameAsync(Anna, P("/own"), P("/team/own"), replace: false, Ct);
        Assert.Equal(5, (await Trees.Files.SpaceAsync(Anna, FilePath.Root, Ct)).BytesFree);
        Assert.Equal(5, (await Trees.Files.SpaceAsync(Anna, P("/team"), Ct)).BytesFree);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_an_upload_had_reserved_goes_back_to_the_tree_that_it_was_taken_from()
    {
        Share(FolderAccess.Write);
        Trees.Change(Anna, user => user with { QuotaBytes = 10 });
        await Folder("/home");
        await Folder("/team/folder");
        await Trees.Files.MakeSymlinkAsync(Anna, P("/here"), "/home"u8.ToArray(), Ct);
        var upload = await Trees.Uploads.CreateAsync(Anna, new UploadRequest { Target = P("/here/f"), Size = 8 }, Ct);
        await using (var writer = await Trees.Uploads.OpenAsync(Anna, upload.Id, Ct))
        {
            await writer.WriteAsync(new byte[8], Ct);
            await writer.FlushAsync(Ct);
        }

        Assert.Equal(2, (await Trees.Files.SpaceAsync(Anna, FilePath.Root, Ct)).BytesFree);
        await Remove("/here");
        await Trees.Files.MakeSymlinkAsync(Anna, P("/here"), "/team/folder"u8.ToArray(), Ct);
        await Trees.Uploads.CompleteAsync(Anna, upload.Id, Ct);
        Assert.Equal(["f"], await Names("/team/folder", Bert));
        Assert.Equal(10, (await Trees.Files.SpaceAsync(Anna, FilePath.Root, Ct)).BytesFree);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_tops_themselves_stay()
    {
        Share(FolderAccess.Write);
        await Folder("/d");
        await Fails(FluxError.Denied, () => Trees.Files.RemoveFolderAsync(Anna, P("/team"), recursive: true, Ct));
        await Fails(FluxError.Denied, () => Trees.Files.RenameAsync(Anna, P("/team"), P("/mine"), replace: false, Ct));
        await Fails(FluxError.Exists, () => Trees.Files.RenameAsync(Anna, P("/d"), P("/team"), replace: true, Ct));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_disabled_user_reaches_nothing()
    {
        await Put("/a", "x");
        Trees.Change(Anna, user => user with { State = UserState.Disabled });
        await Fails(FluxError.Denied, () => Get("/a"));
        await Fails(FluxError.Denied, () => Put("/b", "x"));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_path_prefix_shows_only_the_way_to_it_and_what_is_below()
    {
        await Folder("/in/here");
        await Folder("/in/there");
        await Put("/out", "out");
        await Trees.Files.MakeSymlinkAsync(Anna, P("/in/here/link"), "/out"u8.ToArray(), Ct);
        var narrow = Anna with { PathPrefix = P("/in/here") };
        Assert.Equal(["in"], await Names("/", narrow));
        Assert.Equal(["here"], await Names("/in", narrow));
        await Put("/in/here/f", "f", narrow);
        await Fails(FluxError.NotFound, () => Get("/out", narrow));
        await Fails(FluxError.NotFound, () => Get("/in/here/link", narrow));
        await Fails(FluxError.NotFound, () => Put("/in/there/f", "f", narrow));
        await Fails(FluxError.NotFound, () => Trees.Files.RenameAsync(narrow, P("/in/here/f"), P("/f"), replace: false, Ct));
    }

    public static TheoryData<string> Doings => [.. s_doings.Keys];

    /// <summary>
    /// Every operation, as the frontends call it, against each standing: the table is walked whole, so that a new
    /// operation without a row here fails the test below it.
    /// </summary>
    private static readonly Dictionary<string, (Operation Operation, Func<SharedFolderTests, Principal, string, Task> Do)> s_doings = new()
    {
        ["stat"] = (Operation.Stat, (t, who, at) => t.Trees.Files.StatAsync(who, P(at + "/f"), true, Ct).AsTask()),
        ["list"] = (Operation.List, (t, who, at) => t.Trees.Files.ListAsync(who, P(at), new ListRequest(), Ct).AsTask()),
        ["search"] = (Operation.Search, (t, who, at) => t.Trees.Files.SearchAsync(who, P(at), "f", null, 9, Ct).AsTask()),
        ["read"] = (Operation.Read, async (t, who, at) => await t.Get(at + "/f", who)),
        ["readlink"] = (Operation.ReadLink, (t, who, at) => t.Trees.Files.ReadLinkAsync(who, P(at + "/l"), Ct).AsTask()),
        ["resolve"] = (Operation.Resolve, (t, who, at) => t.Trees.Files.ResolveAsync(who, P(at + "/l"), false, Ct).AsTask()),
        ["space"] = (Operation.Space, (t, who, at) => t.Trees.Files.SpaceAsync(who, P(at), Ct).AsTask()),
        ["copy from"] = (Operation.CopyFrom, (t, who, at) => t.Trees.Files.CopyAsync(who, P(at + "/f"), P("/copied"), true, Ct)),
        ["versions"] = (Operation.ListVersions, (t, who, at) => t.Trees.Versions.ListAsync(who, P(at + "/f"), Ct).AsTask()),
        ["remember digest"] = (Operation.RememberDigest, (t, who, at) => t.Trees.Files.RememberDigestAsync(who, P(at + "/f"), 0, new ContentDigest(DigestAlgorithm.Md5, new byte[16]), Ct)),
        ["write"] = (Operation.Write, (t, who, at) => t.Put(at + "/f", "new", who)),
        ["create"] = (Operation.Create, (t, who, at) => t.Put(at + "/new", "new", who)),
        ["mkdir"] = (Operation.MakeFolder, (t, who, at) => t.Trees.Files.MakeFolderAsync(who, P(at + "/new"), null, false, Ct)),
        ["symlink"] = (Operation.MakeSymlink, (t, who, at) => t.Trees.Files.MakeSymlinkAsync(who, P(at + "/new"), "f"u8.ToArray(), Ct)),
        ["remove"] = (Operation.RemoveFile, (t, who, at) => t.Remove(at + "/f", who)),
        ["rmdir"] = (Operation.RemoveFolder, (t, who, at) => t.Trees.Files.RemoveFolderAsync(who, P(at + "/d"), true, Ct)),
        ["rename from"] = (Operation.RenameFrom, (t, who, at) => t.Trees.Files.RenameAsync(who, P(at + "/f"), P("/moved"), false, Ct)),
        ["rename to"] = (Operation.RenameTo, (t, who, at) => t.Trees.Files.RenameAsync(who, P("/own"), P(at + "/new"), false, Ct)),
        ["copy to"] = (Operation.CopyTo, (t, who, at) => t.Trees.Files.CopyAsync(who, P("/own"), P(at + "/new"), false, Ct)),
        ["setstat"] = (Operation.SetAttributes, (t, who, at) => t.Trees.Files.SetAttributesAsync(who, P(at + "/f"), new AttributeChange { Mode = 1 }, true, Ct)),
        ["restore"] = (Operation.RestoreVersion, async (t, who, at) =>
        {
            var version = (await t.Trees.Files.StatAsync(Anna, P("/team/f"), true, Ct)).Version;
            await t.Trees.Versions.RestoreAsync(who, P(at + "/f"), version, Ct);
        }
        ),
        ["upload"] = (Operation.Upload, (t, who, at) => t.Trees.Uploads.CreateAsync(who, new UploadRequest { Target = P(at + "/new") }, Ct)),
    };

    // Digests are kept by whoever may read, see IFiles.
    private static bool Writes(string doing) => Access.RuleOf(s_doings[doing].Operation).Writes && doing != "remember digest";

    [Theory(Timeout = TimeoutMs)]
    [MemberData(nameof(Doings))]
    public async Task Each_operation_needs_its_right(string doing)
    {
        var work = s_doings[doing].Do;
        Task Do(Principal who, string at) => work(this, who, at);
        var writes = Writes(doing);
        await Prepare();
        await Fails(FluxError.NotFound, () => Do(Bert, "/team"));

        Trees.Share(1, "team", Bert, FolderAccess.Read);
        await Expect(writes ? FluxError.Denied : null, () => Do(Bert, "/team"));

        Trees.Share(1, "team", Bert, FolderAccess.Write);
        await Expect(FluxError.Denied, () => Do(Bert with { Scopes = Scopes.None }, "/team"));
        await Expect(writes ? FluxError.Denied : null, () => Do(Bert with { Scopes = Scopes.Read }, "/team"), also: doing == "copy from" ? FluxError.Denied : null);
        await Expect(FluxError.NotFound, () => Do(Bert with { PathPrefix = P("/elsewhere") }, "/team"), orNothing: true);

        Clock.Advance(TimeSpan.FromHours(1));
        await Expect(writes ? FluxError.Denied : null, () => Do(Bert, "/.snapshots/2026-03-01T11-00-00Z/team"));
        Trees.Change(Bert, user => user with { State = UserState.Disabled });
        await Expect(FluxError.Denied, () => Do(Bert, "/team"));
        Trees.Change(Bert, user => user with { State = UserState.Active });
        await Do(Bert, "/team");
    }

    [Fact]
    public void Every_operation_is_in_the_table() =>
        Assert.Equal(Enum.GetValues<Operation>().Order(), s_doings.Values.Select(doing => doing.Operation).Order());

    private async Task Prepare()
    {
        Trees.Share(1, "team", Anna, FolderAccess.Write);
        await Put("/team/f", "f");
        await Folder("/team/d");
        await Trees.Files.MakeSymlinkAsync(Anna, P("/team/l"), "f"u8.ToArray(), Ct);
        await Put("/own", "own", Bert);
    }

    private static async Task Expect(FluxError? error, Func<Task> work, FluxError? also = null, bool orNothing = false)
    {
        var failure = await Record.ExceptionAsync(work);
        if (failure is null)
        {
            Assert.True(error is null || orNothing, $"It worked, and {error} was expected.");
            return;
        }

        var found = Assert.IsType<FluxException>(failure).Error;
        Assert.True(found == error || found == also, $"{found} instead of {error}: {failure.Message}");
    }
}

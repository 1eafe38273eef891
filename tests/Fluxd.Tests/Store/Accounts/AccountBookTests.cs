using System.Net;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Xunit;

namespace Fluxd.Tests.Store.Accounts;

public sealed class AccountBookTests : IAsyncLifetime
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd anna@laptop";

    private House _house = null!;

    private IAccounts Accounts => _house.Accounts;

    public async Task InitializeAsync() => _house = await House.MakeAsync();

    public async Task DisposeAsync() => await _house.DisposeAsync();

    [Fact(Timeout = 60_000)]
    public async Task Everything_about_an_account_survives_a_restart()
    {
        var user = await Accounts.AddUserAsync(
            House.Admin,
            new NewUser { Name = "anna", Password = "correct horse"u8.ToArray(), IsAdmin = true, QuotaBytes = 1L << 40, QuotaFiles = 7, RequiredMethods = AuthMethods.PublicKey },
            default);
        var key = await Accounts.AddSshKeyAsync(House.Admin, "anna", "from=\"10.0.0.0/8\",expires=\"2030-01-01\" " + Key, default);
        var token = await Accounts.CreateTokenAsync(
            House.Admin, new NewToken { UserName = "anna", Scopes = Scopes.Read | Scopes.Admin, Name = "laptop", PathPrefix = FilePath.Parse("/a/b") }, default);
        await Accounts.AddGroupAsync(House.Admin, "family", default);
        await Accounts.SetMemberAsync(House.Admin, "family", "anna", true, default);
        await Accounts.AddFolderAsync(House.Admin, "Fotos", 1000, null, default);
        await Accounts.SetRightAsync(House.Admin, "Fotos", "family", true, FolderAccess.Write, default);
        await _house.RestartAsync();

        Assert.Equal(user, Accounts.FindUser("anna"));
        Assert.Equal(key, Assert.Single(Accounts.SshKeys("anna")));
        Assert.Equal(token.Token, Assert.Single(Accounts.Tokens("anna")));
        Assert.Equal(["anna"], Assert.Single(Accounts.Groups).Members);
        Assert.Equal(new FolderRight("family", true, FolderAccess.Write), Assert.Single(Assert.Single(Accounts.Folders).Rights));
        Assert.Equal(("Fotos", FolderAccess.Write), Accounts.GrantsOf(user.Id).Select(grant => (grant.Name, grant.Access)).Single());
    }

    [Theory(Timeout = 60_000)]
    [InlineData("")]
    [InlineData("Anna")]
    [InlineData("an na")]
    [InlineData("a/b")]
    [InlineData("-rf")]
    [InlineData(".hidden")]
    [InlineData("änna")]
    [InlineData("a\nb")]
    public async Task A_bad_name_is_refused_and_changes_nothing(string name)
    {
        var fault = await Assert.ThrowsAsync<FluxException>(() => Accounts.AddUserAsync(House.Admin, new NewUser { Name = name }, default));

        Assert.Equal(FluxError.Invalid, fault.Error);
        Assert.Empty(Accounts.Users);
    }

    [Theory(Timeout = 60_000)]
    [InlineData("short", "at least 8")]
    [InlineData("with\0null", "NUL")]
    public async Task A_bad_password_is_refused_and_changes_nothing(string password, string expected)
    {
        var fault = await Assert.ThrowsAsync<FluxException>(() => AddAsync("anna", password));

        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.Empty(Accounts.Users);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_password_that_is_no_UTF_8_or_too_long_is_refused()
    {
        foreach (var password in new[] { new byte[] { 0xff, 0xfe, 1, 2, 3, 4, 5, 6, 7, 8 }, new byte[2000] })
        {
            password.AsSpan(8).Fill((byte)'x');
            var fault = await Assert.ThrowsAsync<FluxException>(() => Accounts.AddUserAsync(House.Admin, new NewUser { Name = "anna", Password = password }, default));
            Assert.Equal(FluxError.Invalid, fault.Error);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task A_second_user_of_the_same_name_is_refused()
    {
        await AddAsync("anna", "correct horse");
        var fault = await Assert.ThrowsAsync<FluxException>(() => AddAsync("anna", "another horse"));

        Assert.Equal(FluxError.Exists, fault.Error);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_thousand_adds_at_once_give_each_name_once()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            try
            {
                await Accounts.AddUserAsync(House.Admin, new NewUser { Name = "u" + (i % 50) }, default);
                return true;
            }
            catch (FluxException refused) when (refused.Error == FluxError.Exists)
            {
                return false;
            }
        }));

        Assert.Equal(50, outcomes.Count(made => made));
        Assert.Equal(50, Accounts.Users.Count);
        Assert.Equal(50, Accounts.Users.Select(user => user.Id).Distinct().Count());
    }

    [Fact(Timeout = 60_000)]
    public async Task An_unknown_name_is_told_in_words_everywhere()
    {
        Func<Task>[] calls =
        [
            () => Accounts.RemoveUserAsync(House.Admin, "ghost", default),
            () => Accounts.ChangeUserAsync(House.Admin, "ghost", new UserChange { State = UserState.Disabled }, default),
            () => Accounts.SetPasswordAsync(House.Admin, "ghost", "correct horse"u8.ToArray(), false, default),
            () => Accounts.ChangeUserAsync(House.Admin, "ghost", new UserChange { QuotaBytes = new(1), QuotaFiles = new(1) }, default),
            () => Accounts.AddSshKeyAsync(House.Admin, "ghost", Key, default),
            () => Accounts.RemoveSshKeyAsync(House.Admin, "ghost", "1", default),
            () => Accounts.CreateTokenAsync(House.Admin, new NewToken { UserName = "ghost", Scopes = Scopes.Read }, default),
            () => Accounts.RevokeTokenAsync(House.Admin, "ghost", default),
            () => Accounts.RemoveGroupAsync(House.Admin, "ghost", default),
            () => Accounts.SetMemberAsync(House.Admin, "ghost", "ghost", true, default),
            () => Accounts.RemoveFolderAsync(House.Admin, "ghost", default),
            () => Accounts.SetRightAsync(House.Admin, "ghost", "ghost", false, FolderAccess.Read, default),
        ];
        foreach (var call in calls)
        {
            Assert.Equal(FluxError.NotFound, (await Assert.ThrowsAsync<FluxException>(call)).Error);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task A_quota_below_use_is_refused()
    {
        var user = await AddAsync("anna", "correct horse");
        await _house.Catalog.WriteAsync(
            transaction =>
            {
                using (var tree = transaction.Sql("INSERT INTO tree(kind, holder, node) VALUES (0, ?1, 77)").Bind(user.Id))
                {
                    tree.Run();
                }

                transaction.Run("INSERT INTO usage(root, bytes, files, reserved) VALUES (77, 5000, 3, 0)");
            },
            default);

        Assert.Equal(FluxError.Conflict, (await Assert.ThrowsAsync<FluxException>(() => Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { QuotaBytes = new(4999) }, default))).Error);
        Assert.Equal(FluxError.Conflict, (await Assert.ThrowsAsync<FluxException>(() => Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { QuotaFiles = new(2) }, default))).Error);
        Assert.Null(Accounts.FindUser("anna")!.QuotaBytes);
        Assert.Equal((5000L, 3L), (await Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { QuotaBytes = new(5000), QuotaFiles = new(3) }, default)) is var now ? (now.QuotaBytes!.Value, now.QuotaFiles!.Value) : default);
        Assert.Equal(new Usage(5000, 3), await Accounts.UsageOfAsync("anna", default));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_duplicate_key_is_refused_for_one_user_and_fine_for_another()
    {
        await AddAsync("anna", "correct horse");
        await AddAsync("bert", "correct horse");
        await Accounts.AddSshKeyAsync(House.Admin, "anna", Key, default);
        var fault = await Assert.ThrowsAsync<FluxException>(() => Accounts.AddSshKeyAsync(House.Admin, "anna", "from=\"10.0.0.1\" " + Key, default));
        await Accounts.AddSshKeyAsync(House.Admin, "bert", Key, default);

        Assert.Equal(FluxError.Exists, fault.Error);
        Assert.Single(Accounts.SshKeys("anna"));
    }

    [Fact(Timeout = 60_000)]
    public async Task An_admin_scope_is_for_administrators()
    {
        await AddAsync("anna", "correct horse");
        var fault = await Assert.ThrowsAsync<FluxException>(
            () => Accounts.CreateTokenAsync(House.Admin, new NewToken { UserName = "anna", Scopes = Scopes.Read | Scopes.Admin }, default));

        Assert.Equal(FluxError.Denied, fault.Error);
    }

    [Fact(Timeout = 60_000)]
    public async Task Grants_are_the_best_of_own_and_group_rights_and_go_at_once()
    {
        var anna = await AddAsync("anna", "correct horse");
        await Accounts.AddGroupAsync(House.Admin, "family", default);
        await Accounts.AddFolderAsync(House.Admin, "Fotos", null, null, default);
        await Accounts.SetRightAsync(House.Admin, "Fotos", "anna", false, FolderAccess.Read, default);
        await Accounts.SetRightAsync(House.Admin, "Fotos", "family", true, FolderAccess.Write, default);
        Assert.Equal([FolderAccess.Read], Accounts.GrantsOf(anna.Id).Select(grant => grant.Access));
        await Accounts.SetMemberAsync(House.Admin, "family", "anna", true, default);
        Assert.Equal([FolderAccess.Write], Accounts.GrantsOf(anna.Id).Select(grant => grant.Access));
        await Accounts.RemoveGroupAsync(House.Admin, "family", default);
        Assert.Equal([FolderAccess.Read], Accounts.GrantsOf(anna.Id).Select(grant => grant.Access));
        await Accounts.RemoveFolderAsync(House.Admin, "Fotos", default);

        Assert.Empty(Accounts.GrantsOf(anna.Id));
        await Accounts.AddFolderAsync(House.Admin, "Fotos", null, null, default);
        Assert.Empty(Accounts.GrantsOf(anna.Id));
    }

    [Theory(Timeout = 60_000)]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("")]
    [InlineData(".snapshots")]
    [InlineData("bell\a")]
    public async Task A_bad_folder_name_is_refused(string name) => Assert.Equal(
        FluxError.Invalid, (await Assert.ThrowsAsync<FluxException>(() => Accounts.AddFolderAsync(House.Admin, name, null, null, default))).Error);

    [Fact(Timeout = 60_000)]
    public async Task One_change_sets_what_it_names_and_leaves_the_rest()
    {
        await AddAsync("anna", "correct horse");
        await Task.WhenAll(
            Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { QuotaBytes = new(10) }, default),
            Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { QuotaFiles = new(20) }, default),
            Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { IsAdmin = true, RequiredMethods = AuthMethods.PublicKey }, default));
        await Assert.ThrowsAsync<FluxException>(
            () => Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { State = UserState.Disabled, QuotaBytes = new(-1) }, default));
        await Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { QuotaFiles = new(null) }, default);

        var anna = Accounts.FindUser("anna")!;
        Assert.Equal((UserState.Active, true, AuthMethods.PublicKey, 10L, null), (anna.State, anna.IsAdmin, anna.RequiredMethods, anna.QuotaBytes, anna.QuotaFiles));
    }

    [Fact(Timeout = 60_000)]
    public async Task Every_admin_act_has_its_line_with_who_did_it()
    {
        var actor = new Actor("admin:root", "pid 7", "admin");
        await Accounts.AddUserAsync(actor, new NewUser { Name = "anna", Password = "correct horse"u8.ToArray() }, default);
        await Accounts.ChangeUserAsync(actor, "anna", new UserChange { QuotaBytes = new(10) }, default);
        await Accounts.RemoveUserAsync(actor, "anna", default);
        await Assert.ThrowsAsync<FluxException>(() => Accounts.RemoveUserAsync(actor, "anna", default));
        await _house.RestartAsync();
        var entries = (await Accounts.AuditAsync(new AuditQuery(Who: "anna"), default)).Entries;

        Assert.Equal(["user.remove", "user.quota", "user.add"], entries.Select(entry => entry.Kind));
        Assert.All(entries, entry => Assert.Equal(("admin:root", "pid 7", "admin"), (entry.Actor, entry.Peer, entry.Frontend)));
    }

    [Fact(Timeout = 60_000)]
    public async Task The_audit_log_is_read_in_pages_from_the_newest()
    {
        for (var i = 0; i < 25; i++)
        {
            Accounts.Note(House.Admin, "test.note", "n" + i, "");
        }

        await _house.Identity.FlushAsync(default);
        var subjects = new List<string>();
        long? before = null;
        do
        {
            var page = await Accounts.AuditAsync(new AuditQuery(KindPrefix: "test", Before: before, Count: 10), default);
            subjects.AddRange(page.Entries.Select(entry => entry.Subject));
            before = page.Next;
        }
        while (before is not null);

        Assert.Equal(Enumerable.Range(0, 25).Reverse().Select(i => "n" + i), subjects);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_session_ends_when_its_user_is_disabled()
    {
        await AddAsync("anna", "correct horse");
        var peer = new PeerInfo(IPAddress.Parse("192.0.2.3"), "sftp");
        var result = await _house.Identity.Authenticator.AuthenticateAsync(new PasswordCredential("anna", "correct horse"u8.ToArray()), peer, AuthMethods.None, default);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var session = _house.Identity.Sessions.Register(result.Principal!, peer, "test", () => ended.SetResult());
        await Accounts.ChangeUserAsync(House.Admin, "anna", new UserChange { State = UserState.Disabled }, default);

        await ended.Task;
        Assert.Empty(_house.Identity.Sessions.List());
    }

    private Task<UserInfo> AddAsync(string name, string password) =>
        Accounts.AddUserAsync(House.Admin, new NewUser { Name = name, Password = Encoding.UTF8.GetBytes(password) }, default);
}

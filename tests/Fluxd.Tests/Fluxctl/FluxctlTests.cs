using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Tests.Daemon.AdminSocket;
using Xunit;

namespace Fluxd.Tests.Fluxctl;

/// <summary>fluxctl as a process of its own against a real admin socket.</summary>
public sealed class FluxctlTests : IAsyncLifetime
{
    private const int TimeoutMs = 120_000;

    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd anna@laptop";

    private AdminHouse _admin = null!;

    public async Task InitializeAsync() => _admin = await AdminHouse.MakeAsync();

    public async Task DisposeAsync() => await _admin.DisposeAsync();

    [Fact(Timeout = TimeoutMs)]
    public async Task A_user_lives_through_every_command()
    {
        Assert.Equal(0, (await RunAsync("correct horse\n", "users", "add", "anna", "--password-stdin")).Code);
        Assert.Contains("anna", (await RunAsync("", "users", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("", "users", "quota", "anna", "--bytes", "10G")).Code);
        Assert.Equal(10L << 30, _admin.House.Accounts.FindUser("anna")!.QuotaBytes);
        Assert.Contains("10 GiB", (await RunAsync("", "users", "show", "anna")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("battery staple", "users", "passwd", "anna", "--password-stdin")).Code);
        Assert.Equal(AuthOutcome.Success, (await LoginAsync("battery staple")).Outcome);
        Assert.Equal(0, (await RunAsync("", "users", "disable", "anna")).Code);
        Assert.Equal(AuthOutcome.Failure, (await LoginAsync("battery staple")).Outcome);
        Assert.Equal(0, (await RunAsync("", "users", "enable", "anna", "--require", "publickey", "password")).Code);
        Assert.Equal(AuthMethods.PublicKey | AuthMethods.Password, _admin.House.Accounts.FindUser("anna")!.RequiredMethods);
        Assert.Equal(0, (await RunAsync("", "users", "remove", "anna")).Code);
        Assert.Empty(_admin.House.Accounts.Users);
        var audit = (await RunAsync("", "audit", "--who", "anna", "--kind", "user")).Output;
        Assert.All(["user.add", "user.quota", "user.passwd", "user.disable", "user.enable", "user.requires", "user.remove"], kind => Assert.Contains(kind, audit, StringComparison.Ordinal));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Keys_and_tokens_are_added_listed_and_taken_away()
    {
        await AddAnnaAsync();
        var file = Path.Combine(_admin.Folder, "id.pub");
        await File.WriteAllTextAsync(file, Key + "\n");
        Assert.Equal(0, (await RunAsync("", "keys", "add", "anna", file)).Code);
        Assert.Contains("SHA256:uuDlTTAXH1hCLa01G8E07gwqIgZcPsN9QjLENSq5bbA", (await RunAsync("", "keys", "list", "anna")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("", "keys", "remove", "anna", "1")).Code);
        Assert.Empty(_admin.House.Accounts.SshKeys("anna"));

        var token = await RunAsync("", "tokens", "create", "anna", "--scope", "write");
        Assert.Matches("^flx_[a-z0-9]{12}_[A-Za-z0-9_-]{43}\n$", token.Output);
        Assert.Equal(Scopes.Read | Scopes.Write, _admin.House.Accounts.Tokens("anna")[0].Scopes);
        Assert.Equal(0, (await RunAsync("", "tokens", "revoke", token.Output.Trim())).Code);
        Assert.DoesNotContain(token.Output.Trim()[17..], (await RunAsync("", "tokens", "list", "--json")).Output, StringComparison.Ordinal);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_key_may_belong_to_two_users_and_goes_from_each_by_itself()
    {
        await AddAnnaAsync();
        Assert.Equal(0, (await RunAsync("", "users", "add", "backup", "--no-password")).Code);
        Assert.Equal(0, (await RunAsync(Key, "keys", "add", "anna", "-")).Code);
        Assert.Equal(0, (await RunAsync(Key, "keys", "add", "backup", "-")).Code);
        Assert.Equal(0, (await RunAsync("", "keys", "remove", "anna", "SHA256:uuDlTTAXH1hCLa01G8E07gwqIgZcPsN9QjLENSq5bbA")).Code);

        Assert.Empty(_admin.House.Accounts.SshKeys("anna"));
        Assert.Equal("backup", Assert.Single(_admin.House.Accounts.SshKeys("backup")).UserName);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Groups_and_folders_give_and_take_rights()
    {
        await AddAnnaAsync();
        var id = _admin.House.Accounts.FindUser("anna")!.Id;
        Assert.Equal(0, (await RunAsync("", "groups", "add", "family")).Code);
        Assert.Equal(0, (await RunAsync("", "groups", "join", "family", "anna")).Code);
        Assert.Equal(0, (await RunAsync("", "folders", "add", "Photos 2026", "--bytes", "1T")).Code);
        Assert.Equal(0, (await RunAsync("", "folders", "grant", "Photos 2026", "family", "write", "--group")).Code);
        Assert.Equal(FolderAccess.Write, Assert.Single(_admin.House.Accounts.GrantsOf(id)).Access);
        Assert.Contains("group family write", (await RunAsync("", "folders", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("", "folders", "revoke", "Photos 2026", "family", "--group")).Code);
        Assert.Empty(_admin.House.Accounts.GrantsOf(id));
        Assert.Equal(0, (await RunAsync("", "groups", "leave", "family", "anna")).Code);
        Assert.Equal(0, (await RunAsync("", "groups", "remove", "family")).Code);
        Assert.Equal(0, (await RunAsync("", "folders", "remove", "Photos 2026")).Code);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_daemon_answers_status_reload_why_and_doctor()
    {
        using var status = JsonDocument.Parse((await RunAsync("", "status", "--json")).Output);
        Assert.Equal("ready", status.RootElement.GetProperty("state").GetString());
        Assert.Contains("the disk is old", (await RunAsync("", "status")).Output, StringComparison.Ordinal);
        Assert.Contains("client closed", (await RunAsync("", "why", "T1")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("", "reload", "--wait")).Code);
        _admin.Daemon.Reload = new ReloadRecord(false, ["http.listen: expected host:port"], []);
        var refused = await RunAsync("", "reload");
        Assert.Equal(1, refused.Code);
        Assert.Contains("http.listen: expected host:port", refused.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("", "doctor")).Code);
        Assert.Equal(0, (await RunAsync("", "sessions", "list")).Code);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_one_time_password_is_told_once_and_works()
    {
        var added = await RunAsync("", "users", "add", "anna", "--one-time", "--json");
        using var answer = JsonDocument.Parse(added.Output);

        Assert.Equal(AuthOutcome.Success, (await LoginAsync(answer.RootElement.GetProperty("oneTimePassword").GetString()!)).Outcome);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_user_without_a_password_has_none()
    {
        Assert.Equal(0, (await RunAsync("", "users", "add", "robot", "--no-password")).Code);
        Assert.False(_admin.House.Accounts.FindUser("robot")!.HasPassword);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Bad_input_gets_one_plain_sentence_and_its_exit_code_and_changes_nothing()
    {
        await AddAnnaAsync();
        await _admin.House.Accounts.AddSshKeyAsync(new Actor("test"), "anna", Key, default);
        await _admin.House.Accounts.AddGroupAsync(new Actor("test"), "team", default);
        await _admin.House.Accounts.AddFolderAsync(new Actor("test"), "plans", null, null, default);
        var before = await EverythingAsync();
        (int Code, string Words, string Input, string[] Args)[] cases =
        [
            (2, "is no command here", "", ["nonsense"]),
            (2, "A command is missing", "", ["users"]),
            (2, "missing for command: 'add'", "", ["users", "add"]),
            (2, "--password-stdin", "", ["users", "add", "bert"]),
            (2, "Choose one of", "x", ["users", "add", "bert", "--one-time", "--password-stdin"]),
            (2, "No password came", "", ["users", "add", "bert", "--password-stdin"]),
            (1, "at least 8", "short", ["users", "add", "bert", "--password-stdin"]),
            (1, "NUL", "correct\0horse", ["users", "add", "bert", "--password-stdin"]),
            (1, "already", "correct horse", ["users", "add", "anna", "--password-stdin"]),
            (1, "no user \"ghost\"", "", ["users", "disable", "ghost"]),
            (1, "no user \"a/b\"", "", ["users", "show", "a/b"]),
            (1, "no user \"ghost\"", "correct horse", ["users", "passwd", "ghost", "--password-stdin"]),
            (1, "no user \"ghost\"", "", ["users", "quota", "ghost", "--bytes", "1G"]),
            (1, "no user \"ghost\"", "", ["users", "remove", "ghost"]),
            (1, "no user \"ghost\"", Key, ["keys", "add", "ghost", "-"]),
            (1, "no user \"ghost\"", "", ["keys", "list", "ghost"]),
            (1, "no user \"ghost\"", "", ["tokens", "create", "ghost", "--scope", "read"]),
            (1, "no user \"ghost\"", "", ["groups", "join", "team", "ghost"]),
            (1, "no user \"ghost\"", "", ["folders", "grant", "plans", "ghost", "read"]),
            (1, "anna has this key already", Key, ["keys", "add", "anna", "-"]),
            (1, "anna has this key already", "from=\"192.0.2.0/24\" " + Key[..Key.LastIndexOf(' ')] + " under another name", ["keys", "add", "anna", "-"]),
            (1, "already", "", ["groups", "add", "team"]),
            (1, "already", "", ["folders", "add", "plans"]),
            (2, "is no size", "", ["users", "quota", "anna", "--bytes", "much"]),
            (2, "Say what to set", "", ["users", "quota", "anna"]),
            (1, "can't be read", "", ["keys", "add", "anna", "/nonexistent/key.pub"]),
            (1, "\"\" can't be read", "", ["keys", "add", "anna", ""]),
            (1, "\"foo\" is no login method", "", ["users", "enable", "anna", "--admin", "--require", "foo"]),
            (1, "private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", ["keys", "add", "anna", "-"]),
            (1, "is no scope", "", ["tokens", "create", "anna", "--scope", "fly"]),
            (2, "--scope", "", ["tokens", "create", "anna"]),
            (1, "goes up by", "", ["tokens", "create", "anna", "--scope", "read", "--path", "photos/../.."]),
            (2, "is no time", "", ["tokens", "create", "anna", "--scope", "read", "--expires", "soon"]),
            (1, "no administrator", "", ["tokens", "create", "anna", "--scope", "admin"]),
            (1, "is no right", "", ["folders", "grant", "x", "anna", "fly"]),
            (1, "no transfer", "", ["why", "none"]),
        ];
        foreach (var (code, words, input, args) in cases)
        {
            var result = await RunAsync(input, args);
            var line = string.Join(' ', args) + " -> " + result;
            Assert.True(result.Code == code, line);
            Assert.True(result.Error.StartsWith("fluxctl: ", StringComparison.Ordinal) && result.Error.TrimEnd('\n').Split('\n').Length == 1, line);
            Assert.True(result.Error.Contains(words, StringComparison.Ordinal), line);
        }

        Assert.Equal(before, await EverythingAsync());
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_daemon_that_is_not_there_is_told_apart_from_a_refusal()
    {
        var result = await RunAsync("", "--socket", Path.Combine(_admin.Folder, "none.sock"), "status");
        var doctor = await RunAsync("", "doctor", "--socket", Path.Combine(_admin.Folder, "none.sock"));

        Assert.Equal(3, result.Code);
        Assert.Contains("There is no socket", result.Error, StringComparison.Ordinal);
        Assert.Equal(4, doctor.Code);
        Assert.Contains("systemctl start fluxd", doctor.Output, StringComparison.Ordinal);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hung up in its answer")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"version\":", "hung up in its answer")]
    [InlineData("HTTP/1.1 500 No\r\nContent-Length: 500\r\n\r\n{\"detail\":", "answered 500")]
    [InlineData("220 mail.example ESMTP\r\n", "hung up")]
    public async Task What_is_no_daemon_gets_a_sentence_and_no_trace(string answer, string words)
    {
        var path = Path.Combine(_admin.Folder, "other.sock");
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(path));
        other.Listen();
        var running = RunAsync("", "--socket", path, "status");
        using (var asked = await other.AcceptAsync())
        {
            await asked.ReceiveAsync(new byte[4096]);
            await asked.SendAsync(Encoding.ASCII.GetBytes(answer));
        }

        var result = await running;
        Assert.InRange(result.Code, 1, 3);
        Assert.StartsWith("fluxctl: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(words, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_name_that_looks_encoded_is_nobody_elses()
    {
        foreach (var name in new[] { "50%41", "50A", "a%2Fb", "100%", "Фото 📷+1" })
        {
            Assert.Equal(0, (await RunAsync("", "folders", "add", name)).Code);
        }

        Assert.Equal(0, (await RunAsync("", "folders", "remove", "50%41")).Code);
        Assert.Equal(0, (await RunAsync("", "folders", "remove", "a%2Fb")).Code);
        Assert.Equal(0, (await RunAsync("", "folders", "remove", "100%")).Code);
        Assert.Equal(["50A", "Фото 📷+1"], _admin.House.Accounts.Folders.Select(folder => folder.Name));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Required_methods_are_taken_back_and_a_user_may_be_called_like_a_command()
    {
        Assert.Equal(0, (await RunAsync("", "users", "add", "status", "--no-password", "--require", "publickey")).Code);
        Assert.Equal(0, (await RunAsync("", "users", "disable", "status")).Code);
        Assert.Equal(1, (await RunAsync("", "users", "enable", "status", "--require", "smile")).Code);
        Assert.Equal(UserState.Disabled, _admin.House.Accounts.FindUser("status")!.State);
        Assert.Equal(0, (await RunAsync("", "users", "enable", "status", "--require", "none")).Code);
        Assert.True(_admin.House.Accounts.FindUser("status") is { State: UserState.Active, RequiredMethods: AuthMethods.None });
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Shells_complete_what_there_is()
    {
        Assert.Contains("quota", (await RunAsync("", "[suggest:6]", "users ")).Output, StringComparison.Ordinal);
        Assert.Contains("complete -o default -F", (await RunAsync("", "completion", "bash")).Output, StringComparison.Ordinal);
        Assert.Contains("compdef", (await RunAsync("", "completion", "zsh")).Output, StringComparison.Ordinal);
    }

    /// <summary>The audit log belongs to it: what changes something leaves a line there.</summary>
    private async Task<string> EverythingAsync()
    {
        var accounts = _admin.House.Accounts;
        await _admin.House.Identity.FlushAsync(default);
        var log = await accounts.AuditAsync(new AuditQuery(), default);
        return string.Join('\n', (object[])[.. accounts.Users, .. accounts.SshKeys("anna"), .. accounts.Tokens(null), .. accounts.Groups, .. accounts.Folders, .. log.Entries]);
    }

    private Task AddAnnaAsync() => _admin.House.Accounts.AddUserAsync(new Actor("test"), new NewUser { Name = "anna", Password = "correct horse"u8.ToArray() }, default);

    private Task<AuthResult> LoginAsync(string password) => _admin.House.Identity.Authenticator.AuthenticateAsync(
        new PasswordCredential("anna", System.Text.Encoding.UTF8.GetBytes(password)), new PeerInfo(System.Net.IPAddress.Loopback, "http"), AuthMethods.None, default).AsTask();

    private async Task<Outcome> RunAsync(string input, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["FLUXCTL_SOCKET"] = _admin.Socket;
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "fluxctl.dll"));
        foreach (var arg in args)
        {
            start.ArgumentList.Add(arg);
        }

        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new Outcome(process.ExitCode, await output, await error);
    }

    private sealed record Outcome(int Code, string Output, string Error);
}

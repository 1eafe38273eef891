using System.Net;
using System.Text;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Core.Files;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Contracts.Accounts;

/// <summary>A judge and the accounts that it judges by.</summary>
public sealed record AuthenticatorSetup(IAuthenticator Authenticator, IAccounts Accounts, ICoordinator Coordinator, Func<Task> FlushAudit);

/// <summary>What every <see cref="IAuthenticator"/> promises to every frontend.</summary>
public abstract class AuthenticatorContract
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAEjqy9CPWOl8RGik4L60gnxtVI3fF4GayJd0pqWYwd";

    private static readonly Actor Admin = new("test");
    private static readonly PeerInfo Home = new(IPAddress.Parse("192.0.2.1"), "http");
    private static readonly byte[] Blob = Convert.FromBase64String(Key.Split(' ')[1]);

    protected ManualTime Clock { get; } = new();

    protected abstract Task<AuthenticatorSetup> OpenAsync();

    [Fact(Timeout = 60_000)]
    public async Task The_right_password_gives_a_principal()
    {
        var setup = await WithAnnaAsync();
        var result = await LoginAsync(setup, "anna", "correct horse");

        Assert.Equal(AuthOutcome.Success, result.Outcome);
        Assert.Equal("anna", result.Principal!.UserName);
        Assert.False(result.Principal.Has(Scopes.Admin));
        Assert.True(result.Principal.Has(Scopes.Read | Scopes.Write | Scopes.Share));
        Assert.True(setup.Authenticator.IsStillValid(result.Principal));
    }

    [Fact(Timeout = 60_000)]
    public async Task Capitals_that_a_phone_typed_do_no_harm()
    {
        var setup = await WithAnnaAsync();

        Assert.Equal(AuthOutcome.Success, (await LoginAsync(setup, "Anna", "correct horse")).Outcome);
    }

    [Theory(Timeout = 60_000)]
    [InlineData("anna", "wrong horse")]
    [InlineData("anna", "correct horse\0")]
    [InlineData("anna", "correct horse\0\0more")]
    [InlineData("anna", "")]
    [InlineData("nobody", "correct horse")]
    [InlineData("", "correct horse")]
    [InlineData("an\0na", "correct horse")]
    public async Task Anything_else_fails_with_the_same_answer(string name, string password)
    {
        var setup = await WithAnnaAsync();

        Assert.Equal(AuthResult.Failed, await LoginAsync(setup, name, password));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_disabled_user_is_out_at_once_and_in_again_when_enabled()
    {
        var setup = await WithAnnaAsync();
        var principal = (await LoginAsync(setup, "anna", "correct horse")).Principal!;
        await setup.Accounts.ChangeUserAsync(Admin, "anna", new UserChange { State = UserState.Disabled }, default);

        Assert.False(setup.Authenticator.IsStillValid(principal));
        Assert.Equal(AuthOutcome.Failure, (await LoginAsync(setup, "anna", "correct horse")).Outcome);
        await setup.Accounts.ChangeUserAsync(Admin, "anna", new UserChange { State = UserState.Active }, default);
        Assert.True(setup.Authenticator.IsStillValid(principal));
        Assert.Equal(AuthOutcome.Success, (await LoginAsync(setup, "anna", "correct horse")).Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_new_password_ends_the_old_one_even_where_it_was_just_used()
    {
        var setup = await WithAnnaAsync();
        var principal = (await LoginAsync(setup, "anna", "correct horse")).Principal!;
        await setup.Accounts.SetPasswordAsync(Admin, "anna", "battery staple"u8.ToArray(), oneTime: false, default);

        Assert.False(setup.Authenticator.IsStillValid(principal));
        Assert.Equal(AuthOutcome.Failure, (await LoginAsync(setup, "anna", "correct horse")).Outcome);
        Assert.Equal(AuthOutcome.Success, (await LoginAsync(setup, "anna", "battery staple")).Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_one_time_password_says_so_and_runs_out()
    {
        var setup = await OpenAsync();
        await setup.Accounts.AddUserAsync(Admin, new NewUser { Name = "anna", Password = "correct horse"u8.ToArray(), OneTimePassword = true }, default);
        var first = await LoginAsync(setup, "anna", "correct horse");
        var second = await LoginAsync(setup, "anna", "correct horse");
        Clock.Advance(TimeSpan.FromDays(8));

        Assert.True(first.Principal!.MustChangePassword && second.Principal!.MustChangePassword);
        Assert.False(setup.Authenticator.IsStillValid(first.Principal));
        Assert.Equal(AuthOutcome.Failure, (await LoginAsync(setup, "anna", "correct horse")).Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task Too_many_failures_make_a_stranger_wait_whatever_they_try_next()
    {
        var setup = await WithAnnaAsync();
        for (var i = 0; i < 4; i++)
        {
            await LoginAsync(setup, "anna", "wrong");
        }

        var limited = await LoginAsync(setup, "anna", "correct horse");
        Assert.Equal(AuthOutcome.RateLimited, limited.Outcome);
        Clock.Advance(limited.RetryAfter!.Value);
        Assert.Equal(AuthOutcome.Success, (await LoginAsync(setup, "anna", "correct horse")).Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task Known_and_unknown_users_are_limited_alike()
    {
        var setup = await WithAnnaAsync();
        var known = new PeerInfo(IPAddress.Parse("192.0.2.50"), "http");
        var unknown = new PeerInfo(IPAddress.Parse("192.0.2.51"), "http");
        for (var i = 0; i < 6; i++)
        {
            var one = await setup.Authenticator.AuthenticateAsync(Password("anna", "wrong"), known, AuthMethods.None, default);
            var other = await setup.Authenticator.AuthenticateAsync(Password("nobody", "wrong"), unknown, AuthMethods.None, default);
            Assert.Equal(one, other);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task A_token_carries_its_scopes_and_its_path()
    {
        var setup = await WithAnnaAsync();
        var token = await setup.Accounts.CreateTokenAsync(
            Admin, new NewToken { UserName = "anna", Scopes = Scopes.Read, PathPrefix = FilePath.Parse("/photos") }, default);
        var principal = (await setup.Authenticator.AuthenticateAsync(new TokenCredential(token.Secret), Home, AuthMethods.None, default)).Principal!;

        Assert.Equal((Scopes.Read, "/photos", CredentialKind.Token), (principal.Scopes, principal.PathPrefix.ToString(), principal.Credential));
        Assert.Matches("^flx_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$", token.Secret);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_token_is_refused_when_it_is_wrong_revoked_expired_or_somebody_elses()
    {
        var setup = await WithAnnaAsync();
        var token = (await setup.Accounts.CreateTokenAsync(
            Admin, new NewToken { UserName = "anna", Scopes = Scopes.All & ~Scopes.Admin, ExpiresAt = FileTime.From(Clock.GetUtcNow().AddDays(1)) }, default)).Secret;
        var other = token[..^1] + (token[^1] == 'A' ? 'B' : 'A');
        var principal = (await TokenAsync(setup, token, "anna")).Principal!;

        Assert.Equal(AuthOutcome.Failure, (await TokenAsync(setup, other, null)).Outcome);
        Assert.Equal(AuthOutcome.Failure, (await TokenAsync(setup, token, "bert")).Outcome);
        Assert.Equal(AuthOutcome.Failure, (await TokenAsync(setup, "flx_nonsense", null)).Outcome);
        Assert.True(setup.Authenticator.IsStillValid(principal));
        Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(AuthOutcome.Failure, (await TokenAsync(setup, token, null)).Outcome);
        Assert.False(setup.Authenticator.IsStillValid(principal));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_revoked_token_is_dead_at_once_and_stays_listed()
    {
        var setup = await WithAnnaAsync();
        var token = await setup.Accounts.CreateTokenAsync(Admin, new NewToken { UserName = "anna", Scopes = Scopes.Write }, default);
        var principal = (await TokenAsync(setup, token.Secret, null)).Principal!;
        await setup.Accounts.RevokeTokenAsync(Admin, token.Token.Id, default);

        Assert.False(setup.Authenticator.IsStillValid(principal));
        Assert.Equal(AuthOutcome.Failure, (await TokenAsync(setup, token.Secret, null)).Outcome);
        Assert.NotNull(Assert.Single(setup.Accounts.Tokens("anna")).RevokedAt);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_proven_key_logs_in_and_a_question_about_it_does_not()
    {
        var setup = await WithAnnaAsync();
        await setup.Accounts.AddSshKeyAsync(Admin, "anna", Key, default);
        var asked = await KeyAsync(setup, "anna", proven: false);
        var proven = await KeyAsync(setup, "anna", proven: true);

        Assert.Equal((AuthOutcome.Success, null), (asked.Outcome, asked.Principal));
        Assert.Equal((AuthOutcome.Success, CredentialKind.SshKey), (proven.Outcome, proven.Principal!.Credential));
        Assert.Equal(AuthOutcome.Failure, (await KeyAsync(setup, "nobody", proven: true)).Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task Questions_about_keys_cost_no_penalty()
    {
        var setup = await WithAnnaAsync();
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(AuthOutcome.Failure, (await KeyAsync(setup, "anna", proven: false)).Outcome);
        }

        Assert.Equal(AuthOutcome.Success, (await LoginAsync(setup, "anna", "correct horse")).Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_key_works_only_from_where_and_until_when_it_may()
    {
        var setup = await WithAnnaAsync();
        await setup.Accounts.AddSshKeyAsync(Admin, "anna", "from=\"192.0.2.0/24\",expires=\"2026-02-01\" " + Key, default);
        var elsewhere = new PeerInfo(IPAddress.Parse("198.51.100.1"), "sftp");
        var principal = (await KeyAsync(setup, "anna", proven: true)).Principal!;

        Assert.Equal(
            AuthOutcome.Failure,
            (await setup.Authenticator.AuthenticateAsync(new SshKeyCredential("anna", Blob, true), elsewhere, AuthMethods.None, default)).Outcome);
        Clock.Advance(TimeSpan.FromDays(40));
        Assert.Equal(AuthOutcome.Failure, (await KeyAsync(setup, "anna", proven: true)).Outcome);
        Assert.False(setup.Authenticator.IsStillValid(principal));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_removed_key_ends_what_it_opened()
    {
        var setup = await WithAnnaAsync();
        var key = await setup.Accounts.AddSshKeyAsync(Admin, "anna", Key, default);
        var principal = (await KeyAsync(setup, "anna", proven: true)).Principal!;
        await setup.Accounts.RemoveSshKeyAsync(Admin, "anna", key.Fingerprint, default);

        Assert.False(setup.Authenticator.IsStillValid(principal));
    }

    [Fact(Timeout = 60_000)]
    public async Task Two_methods_are_asked_for_where_the_account_wants_two()
    {
        var setup = await WithAnnaAsync();
        await setup.Accounts.AddSshKeyAsync(Admin, "anna", Key, default);
        await setup.Accounts.ChangeUserAsync(Admin, "anna", new UserChange { RequiredMethods = AuthMethods.PublicKey | AuthMethods.Password }, default);
        var first = await KeyAsync(setup, "anna", proven: true);
        var alone = await LoginAsync(setup, "anna", "correct horse");
        var both = await setup.Authenticator.AuthenticateAsync(Password("anna", "correct horse"), Home, AuthMethods.PublicKey, default);

        Assert.Equal((AuthOutcome.Partial, AuthMethods.Password, null), (first.Outcome, first.Remaining, first.Principal));
        Assert.Equal((AuthOutcome.Partial, AuthMethods.PublicKey, null), (alone.Outcome, alone.Remaining, alone.Principal));
        Assert.Equal(AuthOutcome.Success, both.Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_certificate_needs_an_active_account()
    {
        var setup = await WithAnnaAsync();
        var certificate = new SshCertificateCredential("anna", "anna@ca", 7, Proven: true);

        Assert.Equal(AuthOutcome.Success, (await setup.Authenticator.AuthenticateAsync(certificate, Home, AuthMethods.None, default)).Outcome);
        Assert.Equal(
            AuthOutcome.Failure,
            (await setup.Authenticator.AuthenticateAsync(certificate with { UserName = "nobody" }, Home, AuthMethods.None, default)).Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_removed_user_is_gone_and_the_name_is_another_account()
    {
        var setup = await WithAnnaAsync();
        var before = (await LoginAsync(setup, "anna", "correct horse")).Principal!;
        await setup.Accounts.RemoveUserAsync(Admin, "anna", default);
        Assert.Equal(AuthOutcome.Failure, (await LoginAsync(setup, "anna", "correct horse")).Outcome);
        await setup.Accounts.AddUserAsync(Admin, new NewUser { Name = "anna", Password = "another horse"u8.ToArray() }, default);
        var after = (await LoginAsync(setup, "anna", "another horse")).Principal!;

        Assert.NotEqual(before.UserId, after.UserId);
        Assert.False(setup.Authenticator.IsStillValid(before));
        Assert.True(setup.Authenticator.IsStillValid(after));
    }

    [Fact(Timeout = 60_000)]
    public async Task Logins_and_refusals_are_in_the_audit_log_without_a_secret()
    {
        var setup = await WithAnnaAsync();
        await LoginAsync(setup, "anna", "correct horse");
        await LoginAsync(setup, "mallory\u001b[2J", "guessed it");
        await setup.FlushAudit();
        var entries = (await setup.Accounts.AuditAsync(new AuditQuery(KindPrefix: "login"), default)).Entries;

        Assert.Equal(["login.refused", "login.success"], entries.Select(entry => entry.Kind));
        Assert.Equal(("192.0.2.1", "http"), (entries[0].Peer, entries[0].Frontend));
        Assert.Contains("mallory", entries[0].Actor, StringComparison.Ordinal);
        Assert.DoesNotContain(entries[0].Actor, char.IsControl);
        Assert.DoesNotContain(entries, entry => entry.ToString().Contains("horse", StringComparison.Ordinal) || entry.ToString().Contains("guessed", StringComparison.Ordinal));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_login_leaves_its_line_though_the_password_was_just_right_elsewhere()
    {
        var setup = await WithAnnaAsync();
        foreach (var (address, frontend) in new[] { ("192.0.2.1", "http"), ("192.0.2.1", "http"), ("203.0.113.66", "http"), ("203.0.113.66", "http"), ("192.0.2.1", "sftp"), ("203.0.113.66", "sftp"), ("203.0.113.66", "sftp") })
        {
            var result = await setup.Authenticator.AuthenticateAsync(Password("anna", "correct horse"), new PeerInfo(IPAddress.Parse(address), frontend), AuthMethods.None, default);
            Assert.Equal(AuthOutcome.Success, result.Outcome);
        }

        await setup.FlushAudit();
        var lines = (await setup.Accounts.AuditAsync(new AuditQuery(KindPrefix: "login.success"), default)).Entries.Reverse().Select(entry => (entry.Peer, entry.Frontend));

        // Over HTTP a password comes with every request: one line an hour and network tells enough.
        Assert.Equal([("192.0.2.1", "http"), ("203.0.113.66", "http"), ("192.0.2.1", "sftp"), ("203.0.113.66", "sftp"), ("203.0.113.66", "sftp")], lines);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_login_by_the_token_of_an_earlier_one_leaves_its_line_and_ends_with_the_password()
    {
        var setup = await WithAnnaAsync();
        var principal = (await LoginAsync(setup, "anna", "correct horse")).Principal!;
        var peer = new PeerInfo(IPAddress.Parse("203.0.113.66"), "quic");

        Assert.Equal(principal, (await setup.Authenticator.AuthenticateAsync(new SessionTokenCredential(principal), peer, AuthMethods.None, default)).Principal);
        await setup.Accounts.SetPasswordAsync(Admin, "anna", "battery staple"u8.ToArray(), oneTime: false, default);
        Assert.Equal(AuthResult.Failed, await setup.Authenticator.AuthenticateAsync(new SessionTokenCredential(principal), peer, AuthMethods.None, default));

        await setup.FlushAudit();
        var lines = (await setup.Accounts.AuditAsync(new AuditQuery(KindPrefix: "login"), default)).Entries;
        Assert.Equal([("login.success", "anna", "203.0.113.66", "quic"), ("login.success", "anna", "192.0.2.1", "http")], lines.Select(line => (line.Kind, line.Actor, line.Peer, line.Frontend)));
    }

    private async Task<AuthenticatorSetup> WithAnnaAsync()
    {
        var setup = await OpenAsync();
        await setup.Accounts.AddUserAsync(Admin, new NewUser { Name = "anna", Password = "correct horse"u8.ToArray() }, default);
        return setup;
    }

    private static PasswordCredential Password(string name, string password) => new(name, Encoding.UTF8.GetBytes(password));

    private static Task<AuthResult> LoginAsync(AuthenticatorSetup setup, string name, string password) =>
        setup.Authenticator.AuthenticateAsync(Password(name, password), Home, AuthMethods.None, default).AsTask();

    private static Task<AuthResult> TokenAsync(AuthenticatorSetup setup, string token, string? name) =>
        setup.Authenticator.AuthenticateAsync(new TokenCredential(token, name), new PeerInfo(IPAddress.Loopback, "http"), AuthMethods.None, default).AsTask();

    private static Task<AuthResult> KeyAsync(AuthenticatorSetup setup, string name, bool proven) =>
        setup.Authenticator.AuthenticateAsync(new SshKeyCredential(name, Blob, proven), Home, AuthMethods.None, default).AsTask();
}

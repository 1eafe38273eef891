using System.Net;
using System.Text;
using Fluxd.Contracts.Accounts;
using Fluxd.Core.Accounts;
using Xunit;

namespace Fluxd.Tests.Store.Accounts;

public sealed class AuthenticatorTests : AuthenticatorContract, IAsyncLifetime
{
    private static readonly PeerInfo Peer = new(IPAddress.Parse("192.0.2.7"), "http");
    private House? _house;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_house is not null)
        {
            await _house.DisposeAsync();
        }
    }

    protected override async Task<AuthenticatorSetup> OpenAsync()
    {
        _house = await House.MakeAsync(Clock, 1000);
        return new AuthenticatorSetup(_house.Identity.Authenticator, _house.Accounts, _house.Identity.Coordinator, () => _house.Identity.FlushAsync(default));
    }

    [Fact(Timeout = 60_000)]
    public async Task Every_failing_login_costs_exactly_one_hash_whoever_is_asked_for()
    {
        await OpenAsync();
        await AddAsync("anna", "correct horse");
        await AddAsync("bert", "correct horse");
        await _house!.Accounts.ChangeUserAsync(House.Admin, "bert", new UserChange { State = UserState.Disabled }, default);
        await _house.Accounts.AddUserAsync(House.Admin, new NewUser { Name = "keyonly" }, default);
        foreach (var name in new[] { "anna", "nobody", "bert", "keyonly", "x" })
        {
            var peer = new PeerInfo(IPAddress.Parse("198.51.100." + name.Length), "http");
            var before = _house.Identity.Passwords.IterationsSpent;
            Assert.Equal(AuthResult.Failed, await LoginAsync(name, "wrong horse", peer));
            Assert.Equal(1000, _house.Identity.Passwords.IterationsSpent - before);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task A_password_with_a_NUL_costs_no_hash_for_anybody()
    {
        await OpenAsync();
        await AddAsync("anna", "correct horse");
        var before = _house!.Identity.Passwords.IterationsSpent;
        await LoginAsync("anna", "correct horse\0", Peer);
        await LoginAsync("nobody", "correct horse\0", Peer);

        Assert.Equal(before, _house.Identity.Passwords.IterationsSpent);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_verified_password_is_not_hashed_again_for_five_minutes()
    {
        await OpenAsync();
        await AddAsync("anna", "correct horse");
        await LoginAsync("anna", "correct horse", Peer);
        var before = _house!.Identity.Passwords.IterationsSpent;
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(AuthOutcome.Success, (await LoginAsync("anna", "correct horse", Peer)).Outcome);
        }

        Assert.Equal(before, _house.Identity.Passwords.IterationsSpent);
        Clock.Advance(TimeSpan.FromMinutes(5));
        await LoginAsync("anna", "correct horse", Peer);
        Assert.Equal(before + 1000, _house.Identity.Passwords.IterationsSpent);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_raised_work_factor_rehashes_at_the_next_login_and_ends_no_session()
    {
        await OpenAsync();
        await AddAsync("anna", "correct horse");
        var principal = (await LoginAsync("anna", "correct horse", Peer)).Principal!;
        await _house!.RestartAsync(iterations: 3000);
        Assert.StartsWith("$pbkdf2-sha512$i=1000$", Stored("anna"), StringComparison.Ordinal);
        Assert.Equal(AuthOutcome.Success, (await LoginAsync("anna", "correct horse", Peer)).Outcome);

        Assert.StartsWith("$pbkdf2-sha512$i=3000$", Stored("anna"), StringComparison.Ordinal);
        Assert.True(_house.Identity.Authenticator.IsStillValid(principal));
        await _house.RestartAsync(iterations: 3000);
        Assert.Equal(AuthOutcome.Success, (await LoginAsync("anna", "correct horse", Peer)).Outcome);
    }

    [Fact(Timeout = 60_000)]
    public async Task No_secret_is_in_the_catalogue()
    {
        await OpenAsync();
        await AddAsync("anna", "correct horse");
        var token = await _house!.Accounts.CreateTokenAsync(House.Admin, new NewToken { UserName = "anna", Scopes = Scopes.Read }, default);
        await LoginAsync("anna", "correct horse", Peer);
        await _house.RestartAsync();
        var bytes = await File.ReadAllBytesAsync(_house.Path);

        Assert.True(bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(token.Token.Id)) >= 0, "the id should be there, or this test looks at the wrong file");
        Assert.True(bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(token.Secret[17..])) < 0);
        Assert.True(bytes.AsSpan().IndexOf("correct horse"u8) < 0);
    }

    [Fact(Timeout = 60_000)]
    public async Task Last_use_of_a_token_and_a_login_are_remembered_over_a_restart()
    {
        await OpenAsync();
        await AddAsync("anna", "correct horse");
        var token = await _house!.Accounts.CreateTokenAsync(House.Admin, new NewToken { UserName = "anna", Scopes = Scopes.Read }, default);
        Clock.Advance(TimeSpan.FromHours(1));
        await LoginAsync("anna", "correct horse", Peer);
        await _house.Identity.Authenticator.AuthenticateAsync(new TokenCredential(token.Secret), Peer, AuthMethods.None, default);
        await _house.RestartAsync();

        Assert.Equal(Clock.GetUtcNow(), _house.Accounts.FindUser("anna")!.LastLoginAt!.Value.ToDateTimeOffset());
        Assert.Equal(Clock.GetUtcNow(), _house.Accounts.Tokens("anna")[0].LastUsedAt!.Value.ToDateTimeOffset());
    }

    [Fact(Timeout = 60_000)]
    public async Task A_flood_of_refusals_does_not_flood_the_audit_log()
    {
        await OpenAsync();
        for (var i = 0; i < 500; i++)
        {
            await LoginAsync("anna", "wrong", Peer);
        }

        await _house!.Identity.FlushAsync(default);
        var entries = (await _house.Accounts.AuditAsync(new AuditQuery(Count: 1000), default)).Entries;
        Assert.InRange(entries.Count, 3, 10);
        Assert.Single(entries, entry => entry.Kind == "login.limited");
    }

    [Fact(Timeout = 60_000)]
    public async Task Two_hundred_logins_a_minute_are_the_most_that_one_address_gets()
    {
        await OpenAsync();
        await AddAsync("anna", "correct horse");
        var allowed = 0;
        for (var i = 0; i < 260; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(10));
            await _house!.Accounts.SetPasswordAsync(House.Admin, "anna", Encoding.UTF8.GetBytes("correct horse " + i), false, default);
            allowed += (await LoginAsync("anna", "correct horse " + i, Peer)).Outcome == AuthOutcome.Success ? 1 : 0;
        }

        Assert.Equal(200, allowed);
    }

    private Task AddAsync(string name, string password) =>
        _house!.Accounts.AddUserAsync(House.Admin, new NewUser { Name = name, Password = Encoding.UTF8.GetBytes(password) }, default);

    private Task<AuthResult> LoginAsync(string name, string password, PeerInfo peer) =>
        _house!.Identity.Authenticator.AuthenticateAsync(new PasswordCredential(name, Encoding.UTF8.GetBytes(password)), peer, AuthMethods.None, default).AsTask();

    private string Stored(string name) => _house!.Identity.Directory.Current.Find(name)!.Password!;
}

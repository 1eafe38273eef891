using System.Net;
using Fluxd.Core.Accounts;
using Fluxd.Store.Coordination;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Store.Coordination;

public sealed class SessionsTests
{
    private static readonly PeerInfo Peer = new(IPAddress.Parse("192.0.2.1"), "sftp");
    private readonly Judge _judge = new();
    private readonly Sessions _sessions;

    public SessionsTests() => _sessions = new Sessions(new ManualTime(), _judge);

    [Fact]
    public void A_session_is_listed_until_it_ends()
    {
        var session = _sessions.Register(People.Anna, Peer, "SSH-2.0-OpenSSH_9.2", () => Assert.Fail("aborted"));
        var info = Assert.Single(_sessions.List());
        Assert.Equal(("anna", "sftp", "192.0.2.1", "SSH-2.0-OpenSSH_9.2"), (info.UserName, info.Frontend, info.Peer, info.Client));
        session.Dispose();

        Assert.Empty(_sessions.List());
        Assert.False(_sessions.Kill(info.Id));
    }

    [Fact]
    public void Killing_ends_exactly_that_session_and_only_once()
    {
        int first = 0, second = 0;
        using var one = _sessions.Register(People.Anna, Peer, "a", () => first++);
        using var two = _sessions.Register(People.Anna, Peer, "b", () => second++);
        var id = _sessions.List().Single(session => session.Client == "a").Id;

        Assert.True(_sessions.Kill(id));
        Assert.False(_sessions.Kill(id));
        Assert.Equal((1, 0), (first, second));
    }

    [Fact]
    public void Sessions_of_a_disabled_user_end()
    {
        int anna = 0, bert = 0;
        using var one = _sessions.Register(People.Anna, Peer, "a", () => anna++);
        using var two = _sessions.Register(People.Bert, Peer, "b", () => bert++);
        _judge.Invalid.Add(People.Anna.UserId);

        Assert.Equal(1, _sessions.KillInvalid());
        Assert.Equal((1, 0), (anna, bert));
    }

    [Fact]
    public void A_session_that_registers_after_its_user_was_disabled_ends_at_once()
    {
        var ended = false;
        _judge.Invalid.Add(People.Anna.UserId);
        using var session = _sessions.Register(People.Anna, Peer, "a", () => ended = true);

        Assert.True(ended);
        Assert.Empty(_sessions.List());
    }

    [Fact]
    public void A_banner_cannot_write_into_a_terminal()
    {
        using var session = _sessions.Register(People.Anna, Peer, "evil\u001b[2J\r\n" + new string('x', 1000), () => { });

        var client = _sessions.List()[0].Client;
        Assert.StartsWith("evil[2Jxxx", client, StringComparison.Ordinal);
        Assert.Equal(128, client.Length);
    }

    private sealed class Judge : IAuthenticator
    {
        public HashSet<long> Invalid { get; } = [];

        public ValueTask<AuthResult> AuthenticateAsync(Credential credential, PeerInfo peer, AuthMethods done, CancellationToken ct) => new(AuthResult.Failed);

        public bool IsStillValid(Principal principal) => !Invalid.Contains(principal.UserId);
    }
}

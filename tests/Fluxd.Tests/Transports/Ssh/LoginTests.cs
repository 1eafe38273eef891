using Fluxd.Core.Accounts;
using Fluxd.Transports.Ssh;
using Fluxd.Transports.Ssh.Auth;
using Fluxd.Transports.Ssh.HostKeys;
using Fluxd.Transports.Ssh.Wire;
using Xunit;

namespace Fluxd.Tests.Transports.Ssh;

public sealed class LoginTests
{
    private const int TimeoutMs = 30_000;

    [Fact(Timeout = TimeoutMs)]
    public async Task Wrong_words_get_the_list_of_methods_and_six_of_them_the_end()
    {
        await using var client = await StartAsync();
        for (var i = 0; i < SshLimits.AuthTriesMax - 1; i++)
        {
            client.Send(SshTestClient.Password("anna", "wrong"));
            Assert.Equal(("publickey,password,keyboard-interactive", false), await FailureAsync(client));
        }

        client.Send(SshTestClient.Password("anna", "wrong"));
        Assert.Equal(DisconnectReason.NoMoreAuthMethodsAvailable, (await client.DisconnectedAsync()).Reason);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_password_followed_by_NUL_is_refused()
    {
        await using var client = await StartAsync();
        client.Authenticator.Password("anna", "secret\0");
        client.Send(SshTestClient.Password("anna", "secret\0"));
        await FailureAsync(client);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_password_can_be_typed_when_asked_for()
    {
        await using var client = await StartAsync();
        client.Send(Request("keyboard-interactive").String("").String(""));
        var prompt = await client.ReceiveUntilAsync(MessageId.UserAuthInfoRequest);
        Assert.Contains("Password: ", System.Text.Encoding.ASCII.GetString(prompt), StringComparison.Ordinal);
        client.Send(new SshWriter(MessageId.UserAuthInfoResponse).UInt32(1).String("secret"));
        await client.ReceiveUntilAsync(MessageId.UserAuthSuccess);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_user_name_may_not_change()
    {
        await using var client = await StartAsync();
        client.Send(SshTestClient.Password("anna", "wrong"));
        await FailureAsync(client);
        client.Send(SshTestClient.Password("bert", "wrong"));
        await client.DisconnectedAsync();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_key_is_probed_and_then_proved()
    {
        await using var client = await StartAsync();
        var (seed, key) = SshTestKeys.Ed25519();
        var blob = SshTestKeys.Ed25519Blob(key);
        client.Send(Request("publickey").Boolean(false).String("ssh-ed25519").String(blob));
        await FailureAsync(client);
        client.Authenticator.Key("anna", blob);
        client.Send(Request("publickey").Boolean(false).String("ssh-ed25519").String(blob));
        await client.ReceiveUntilAsync(MessageId.UserAuthPublicKeyOk);
        SendSigned(client, "ssh-ed25519", blob, data => SshTestKeys.SignEd25519(seed, data));
        await client.ReceiveUntilAsync(MessageId.UserAuthSuccess);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_known_key_with_anothers_signature_is_refused()
    {
        await using var client = await StartAsync();
        var (_, key) = SshTestKeys.Ed25519();
        var (otherSeed, _) = SshTestKeys.Ed25519();
        var blob = SshTestKeys.Ed25519Blob(key);
        client.Authenticator.Key("anna", blob);
        SendSigned(client, "ssh-ed25519", blob, data => SshTestKeys.SignEd25519(otherSeed, data));
        await FailureAsync(client);
        Assert.Equal(0, client.Authenticator.Asked);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(1, true)]
    [InlineData(5, true)]
    [InlineData(0, false)]
    public async Task A_security_key_must_have_been_touched(byte flags, bool accepted)
    {
        await using var client = await StartAsync();
        var (seed, key) = SshTestKeys.Ed25519();
        var blob = SshTestKeys.SkEd25519Blob(key);
        client.Authenticator.Key("anna", blob);
        SendSigned(client, "sk-ssh-ed25519@openssh.com", blob, data => SshTestKeys.SignSkEd25519(seed, data, flags));
        await client.ReceiveUntilAsync(accepted ? MessageId.UserAuthSuccess : MessageId.UserAuthFailure);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(1, "ssh:", true)]
    [InlineData(5, "ssh:", true)]
    [InlineData(0, "ssh:", false)]
    [InlineData(1, "https://elsewhere", false)]
    public async Task A_security_key_of_the_older_kind_must_have_been_touched_and_sign_for_its_own_application(byte flags, string application, bool accepted)
    {
        await using var client = await StartAsync();
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var blob = SshTestKeys.SkEcdsaBlob(key);
        client.Authenticator.Key("anna", blob);
        SendSigned(client, "sk-ecdsa-sha2-nistp256@openssh.com", blob, data => SshTestKeys.SignSkEcdsa(key, data, flags, application));
        await client.ReceiveUntilAsync(accepted ? MessageId.UserAuthSuccess : MessageId.UserAuthFailure);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_login_bound_to_this_host_key_is_taken_and_one_bound_to_another_ends(bool own)
    {
        HostKeyStore? keys = null;
        await using var client = await StartAsync(o =>
        {
            keys = o.HostKeys;
            return o;
        });
        var (seed, key) = SshTestKeys.Ed25519();
        var blob = SshTestKeys.Ed25519Blob(key);
        client.Authenticator.Key("anna", blob);
        var hostKey = own ? keys!.Used[0].PublicBlob : SshTestKeys.Ed25519Blob(SshTestKeys.Ed25519().Public);
        var body = Request("publickey-hostbound-v00@openssh.com").Boolean(true).String("ssh-ed25519").String(blob).String(hostKey);
        var signature = SshTestKeys.SignEd25519(seed, new SshWriter(500).String(client.SessionId).Raw(body.Written).ToArray());
        client.Send(body.String(signature));
        await client.ReceiveUntilAsync(own ? MessageId.UserAuthSuccess : MessageId.Disconnect);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_second_factor_is_asked_for_in_partial_success()
    {
        await using var client = await StartAsync();
        var (seed, key) = SshTestKeys.Ed25519();
        var blob = SshTestKeys.Ed25519Blob(key);
        client.Authenticator.Key("anna", blob);
        client.Authenticator.TwoFactors.Add("anna");
        SendSigned(client, "ssh-ed25519", blob, data => SshTestKeys.SignEd25519(seed, data));
        Assert.Equal(("password,keyboard-interactive", true), await FailureAsync(client));
        client.Send(SshTestClient.Password("anna", "secret"));
        await client.ReceiveUntilAsync(MessageId.UserAuthSuccess);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_limited_peer_is_told_when_to_come_back()
    {
        await using var client = await StartAsync();
        client.Authenticator.Always = new AuthResult(AuthOutcome.RateLimited, RetryAfter: TimeSpan.FromSeconds(42));
        client.Send(SshTestClient.Password("anna", "secret"));
        Assert.Contains("42 seconds", (await client.DisconnectedAsync()).Text, StringComparison.Ordinal);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Nothing_of_a_session_works_before_the_login()
    {
        await using var client = await StartAsync();
        client.Send(new SshWriter(MessageId.ChannelOpen).String("session").UInt32(0).UInt32(1000).UInt32(32768));
        await client.DisconnectedAsync();
    }

    public static TheoryData<string, bool> Certificates() => new()
    {
        { "good", true }, { "other principal", false }, { "no principal", false }, { "too early", false }, { "too late", false },
        { "host type", false }, { "other authority", false }, { "from here", true }, { "from elsewhere", false },
        { "force-command", false }, { "only sftp", true }, { "unknown option", false },
    };

    [Theory(Timeout = TimeoutMs)]
    [MemberData(nameof(Certificates))]
    public async Task A_certificate_is_judged_by_all_that_it_says(string kind, bool accepted)
    {
        using var authority = Ed25519HostKey.Create();
        using var other = Ed25519HostKey.Create();
        var now = (ulong)DateTimeOffset.UnixEpoch.AddYears(60).ToUnixTimeSeconds();
        var time = new Fluxd.Testing.ManualTime(DateTimeOffset.UnixEpoch.AddYears(60));
        var (seed, key) = SshTestKeys.Ed25519();
        var (from, until) = (now - 10, now + 10);
        var blob = kind switch
        {
            "other principal" => SshTestKeys.Certificate(authority, key, "bert", from, until),
            "no principal" => SshTestKeys.Certificate(authority, key, "", from, until),
            "too early" => SshTestKeys.Certificate(authority, key, "anna", now + 1, until),
            "too late" => SshTestKeys.Certificate(authority, key, "anna", from, now),
            "host type" => SshTestKeys.Certificate(authority, key, "anna", from, until, type: 2),
            "other authority" => SshTestKeys.Certificate(other, key, "anna", from, until),
            "from here" => SshTestKeys.Certificate(authority, key, "anna", from, until, 1, ("source-address", "10.0.0.0/8,127.0.0.0/8")),
            "from elsewhere" => SshTestKeys.Certificate(authority, key, "anna", from, until, 1, ("source-address", "10.0.0.0/8")),
            "force-command" => SshTestKeys.Certificate(authority, key, "anna", from, until, 1, ("force-command", "ls")),
            "only sftp" => SshTestKeys.Certificate(authority, key, "anna", from, until, 1, ("force-command", "internal-sftp")),
            "unknown option" => SshTestKeys.Certificate(authority, key, "anna", from, until, 1, ("no-such@option", "")),
            _ => SshTestKeys.Certificate(authority, key, "anna", from, until),
        };
        var authorities = SshUserAuthorities.Parse([$"ssh-ed25519 {Convert.ToBase64String(authority.PublicBlob)} ca"]);
        await using var client = await StartAsync(o => o with { Authorities = authorities, Time = time });
        client.Authenticator.CertificateUsers.Add("anna");
        SendSigned(client, "ssh-ed25519-cert-v01@openssh.com", blob, data => SshTestKeys.SignEd25519(seed, data));
        await client.ReceiveUntilAsync(accepted ? MessageId.UserAuthSuccess : MessageId.UserAuthFailure);
    }

    private static SshWriter Request(string method) =>
        new SshWriter(MessageId.UserAuthRequest).String("anna").String("ssh-connection").String(method);

    private static void SendSigned(SshTestClient client, string algorithm, byte[] blob, Func<byte[], byte[]> sign)
    {
        var body = Request("publickey").Boolean(true).String(algorithm).String(blob);
        var signature = sign(new SshWriter(500).String(client.SessionId).Raw(body.Written).ToArray());
        client.Send(body.String(signature));
    }

    private static async Task<SshTestClient> StartAsync(Func<SshServerOptions, SshServerOptions>? change = null)
    {
        var client = new SshTestClient(change);
        await client.GreetAsync();
        await client.ExchangeKeysAsync();
        await client.StartAuthAsync();
        return client;
    }

    private static async Task<(string Methods, bool Partial)> FailureAsync(SshTestClient client)
    {
        var payload = await client.ReceiveUntilAsync(MessageId.UserAuthFailure);
        var reader = new SshReader(payload.AsSpan(1));
        return (reader.Text(1000), reader.Boolean());
    }
}

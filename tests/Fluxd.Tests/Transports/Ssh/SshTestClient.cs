using System.Buffers;
using System.Security.Cryptography;
using Fluxd.Core.Accounts;
using Fluxd.Testing;
using Fluxd.Testing.Ssh;
using Fluxd.Transports.Ssh;
using Fluxd.Transports.Ssh.Auth;
using Fluxd.Transports.Ssh.Channels;
using Fluxd.Transports.Ssh.Ciphers;
using Fluxd.Transports.Ssh.Crypto;
using Fluxd.Transports.Ssh.HostKeys;
using Fluxd.Transports.Ssh.KeyExchange;
using Fluxd.Transports.Ssh.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fluxd.Tests.Transports.Ssh;

/// <summary>A server session and a client that does exactly what the test says, also what no client does.</summary>
internal sealed class SshTestClient : IAsyncDisposable
{
    private const string ServerVersion = "SSH-2.0-fluxd";

    private readonly PipePair _pipes = new();
    private readonly InboundPackets _inbound = new();
    private readonly OutboundPackets _outbound;
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromSeconds(30));
    private readonly Task _pump;
    private readonly AsyncSignal _room = new();

    /// <summary>Made once: an RSA key takes a second.</summary>
    private static readonly HostKeyStore Keys = MakeKeys();

    private byte[] _ownInit = [];
    private byte[]? _serverInit;
    private PacketCipher? _nextInbound;
    private bool _strict;

    public SshTestClient(Func<SshServerOptions, SshServerOptions>? change = null, Action? loggedIn = null)
    {
        var options = new SshServerOptions
        {
            HostKeys = Keys,
            Authenticator = Authenticator,
            Coordinator = new OpenCoordinator(),
            Services = new SshServices([new EchoSubsystem()], [new WordsCommand()]),
            Logger = NullLogger.Instance,
        };
        Session = new SshServerSession(_pipes.Server, new PeerInfo(System.Net.IPAddress.Loopback, "sftp"), change?.Invoke(options) ?? options) { LoggedIn = loggedIn };
        Run = Session.RunAsync(CancellationToken.None);
        _outbound = new OutboundPackets(_pipes.Client.Output);
        _pump = _outbound.PumpAsync(_timeout.Token);
    }

    public FakeAuthenticator Authenticator { get; } = new FakeAuthenticator().Password("anna", "secret");

    public SshServerSession Session { get; }

    /// <summary>Ends when the server's side has ended.</summary>
    public Task Run { get; }

    public byte[] SessionId { get; private set; } = [];

    public byte[] ExtInfo { get; private set; } = [];

    public void SendRaw(ReadOnlySpan<byte> bytes) => _outbound.SendRaw(bytes);

    public void Send(SshWriter message) => _outbound.Send(message);

    /// <summary>Version lines and KEXINITs, both ways.</summary>
    public async Task GreetAsync(bool strict = true, Action? beforeKexInit = null, bool announceStrict = true)
    {
        SendRaw("SSH-2.0-test\r\n"u8);
        var line = await ReadLineAsync();
        Xunit.Assert.Equal(ServerVersion, line);
        beforeKexInit?.Invoke();
        _strict = strict && announceStrict;
        SendKexInit();
        _serverInit = await ReceiveAsync();
        Xunit.Assert.Equal(MessageId.KexInit, _serverInit![0]);
    }

    public void SendKexInit()
    {
        string[] names = _strict
            ? ["curve25519-sha256", Negotiation.ExtInfoClient, Negotiation.StrictClient]
            : ["curve25519-sha256", Negotiation.ExtInfoClient];
        var init = new KexInit
        {
            KeyExchange = names,
            HostKeys = ["ssh-ed25519"],
            CiphersIn = ["aes256-gcm@openssh.com"],
            CiphersOut = ["chacha20-poly1305@openssh.com"],
            MacsIn = [],
            MacsOut = [],
            CompressionIn = ["none"],
            CompressionOut = ["none"],
        };
        _ownInit = init.ToPayload();
        _outbound.Send(_ownInit);
    }

    public async Task ExchangeKeysAsync(bool first = true)
    {
        var secret = RandomNumberGenerator.GetBytes(32);
        var own = new byte[32];
        X25519.PublicKey(secret, own);
        _outbound.Send(new SshWriter(MessageId.KexExchangeInit).String(own));
        var reply = await ReceiveUntilAsync(MessageId.KexExchangeReply);
        Conclude(reply, secret, own, first);
        var newKeys = await ReceiveAsync();
        Xunit.Assert.Equal(MessageId.NewKeys, newKeys![0]);
        _inbound.SwitchKeys(_nextInbound!, _strict);
        if (first)
        {
            ExtInfo = (await ReceiveAsync())!;
            Xunit.Assert.Equal(MessageId.ExtInfo, ExtInfo[0]);
        }
    }

    /// <summary>Keys again, begun by this side unless the server's KEXINIT has come; <paramref name="between"/> is sent after ours.</summary>
    public async Task RekeyAsync(byte[]? serverInit = null, Action? between = null)
    {
        SendKexInit();
        between?.Invoke();
        _serverInit = serverInit ?? await ReceiveUntilAsync(MessageId.KexInit);
        await ExchangeKeysAsync(first: false);
    }

    private void Conclude(byte[] reply, byte[] secret, byte[] own, bool first)
    {
        var reader = new SshReader(reply.AsSpan(1));
        var hostKey = reader.String().ToArray();
        var server = reader.String().ToArray();
        var signature = reader.String().ToArray();
        var shared = new byte[32];
        Xunit.Assert.True(X25519.TryAgree(secret, server, shared));
        var method = SshAlgorithms.Default.KeyExchange.Single(k => k.Name == "curve25519-sha256");
        var hash = ExchangeHash.Compute(method, "SSH-2.0-test"u8, "SSH-2.0-fluxd"u8, _ownInit, _serverInit!, hostKey, own, new KeyExchangeResult(server, shared));
        Xunit.Assert.True(UserSignature.Verify(UserKeyAlgorithms.Find("ssh-ed25519")!, hostKey, signature, hash));
        if (first)
        {
            SessionId = hash;
        }

        var encoded = ExchangeHash.EncodedSecret(method, shared);
        byte[] Key(char letter, int bytes) => ExchangeHash.DeriveKey(method.Hash, encoded, hash, letter, SessionId, bytes);
        _nextInbound = new ChaChaPolyCipher(Key('D', 64));
        _outbound.SwitchKeys([], new AesGcmCipher(Key('C', 32), Key('A', 12)), _strict, []);
    }

    /// <summary>All of it, up to the login as anna.</summary>
    public async Task LogInAsync()
    {
        await GreetAsync(strict: false);
        await ExchangeKeysAsync();
        await StartAuthAsync();
        Send(Password("anna", "secret"));
        Xunit.Assert.Equal(MessageId.UserAuthSuccess, (await ReceiveAsync())![0]);
        await ReceiveUntilAsync(MessageId.GlobalRequest);
    }

    public async Task StartAuthAsync()
    {
        Send(new SshWriter(MessageId.ServiceRequest).String("ssh-userauth"));
        Xunit.Assert.Equal(MessageId.ServiceAccept, (await ReceiveAsync())![0]);
    }

    public static SshWriter Password(string user, string password) =>
        new SshWriter(MessageId.UserAuthRequest).String(user).String("ssh-connection").String("password").Boolean(false).String(password);

    /// <summary>Opens channel 0 and starts the echo subsystem on it.</summary>
    public async Task OpenEchoAsync(uint window = 1 << 20)
    {
        Send(new SshWriter(MessageId.ChannelOpen).String("session").UInt32(0).UInt32(window).UInt32(32768));
        await ReceiveUntilAsync(MessageId.ChannelOpenConfirmation);
        Send(new SshWriter(MessageId.ChannelRequest).UInt32(0).String("subsystem").Boolean(true).String("echo"));
        await ReceiveUntilAsync(MessageId.ChannelSuccess);
    }

    /// <summary>Sends data on channel 0 and takes its echo, one packet at a time; allocates nothing per packet itself.</summary>
    public async Task EchoAsync(byte[] data, int count)
    {
        var head = new SshWriter(MessageId.ChannelData).UInt32(0).UInt32((uint)data.Length).ToArray();
        for (var i = 0; i < count; i++)
        {
            while (!_outbound.TrySendData(head, data, _room))
            {
                await _room.WaitAsync();
            }

            for (var left = data.Length; left > 0;)
            {
                var read = await _pipes.Client.Input.ReadAsync(_timeout.Token);
                var buffer = read.Buffer;
                while (_inbound.TryRead(ref buffer, out var payload))
                {
                    left -= payload.Span[0] == MessageId.ChannelData ? payload.Length - 9 : 0;
                }

                _pipes.Client.Input.AdvanceTo(buffer.Start, buffer.End);
                Xunit.Assert.False(read.IsCompleted);
            }
        }
    }

    public async Task<byte[]> ReceiveUntilAsync(byte id)
    {
        while (await ReceiveAsync() is { } payload)
        {
            if (payload[0] == id)
            {
                return payload;
            }
        }

        throw new InvalidOperationException($"The connection ended before message {id}.");
    }

    /// <summary>Null when the server has closed.</summary>
    public async Task<byte[]?> ReceiveAsync()
    {
        while (true)
        {
            var read = await _pipes.Client.Input.ReadAsync(_timeout.Token);
            var buffer = read.Buffer;
            var got = _inbound.TryRead(ref buffer, out var payload);
            var copy = payload.ToArray();
            _pipes.Client.Input.AdvanceTo(buffer.Start, got ? buffer.Start : buffer.End);
            if (got)
            {
                return copy;
            }

            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    /// <summary>The reason and text of the server's DISCONNECT.</summary>
    public async Task<(DisconnectReason Reason, string Text)> DisconnectedAsync()
    {
        var payload = await ReceiveUntilAsync(MessageId.Disconnect);
        var reader = new SshReader(payload.AsSpan(1));
        var result = ((DisconnectReason)reader.UInt32(), reader.Text(1000));
        await Run.WaitAsync(_timeout.Token);
        return result;
    }

    public async Task<string> ReadLineAsync()
    {
        while (true)
        {
            var read = await _pipes.Client.Input.ReadAsync(_timeout.Token);
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = System.Text.Encoding.ASCII.GetString(read.Buffer.Slice(0, end).ToArray()).TrimEnd('\r');
                _pipes.Client.Input.AdvanceTo(read.Buffer.GetPosition(1, end));
                return line;
            }

            _pipes.Client.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static HostKeyStore MakeKeys()
    {
        var directory = Directory.CreateTempSubdirectory("fluxd-ssh-");
        var keys = HostKeyStore.Open(directory.FullName, compat: false);
        directory.Delete(recursive: true);
        return keys;
    }

    /// <summary>The client's end of the connection.</summary>
    public async Task HangUpAsync()
    {
        _outbound.Close();
        await _pump;
        await _pipes.Client.Output.CompleteAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _outbound.Close();
        await _pump;
        await _pipes.Client.Output.CompleteAsync();
        await _pipes.Client.Input.CompleteAsync();
        Session.Abort("the test is over");
        await Run;
        Session.Dispose();
        _outbound.Dispose();
        _inbound.Dispose();
        _timeout.Dispose();
    }
}

using Fluxd.Transports.Ssh.Auth;
using Fluxd.Transports.Ssh.Ciphers;
using Fluxd.Transports.Ssh.KeyExchange;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh;

/// <summary>
/// Key exchanges: the first under strict rules, later ones at any moment from either side. The peer's other packets
/// are handled meanwhile (they come under the old keys); ours are held by <see cref="OutboundPackets"/>.
/// </summary>
internal sealed partial class SshServerSession
{
    private byte[] _clientVersionLine = [];
    private byte[]? _ownInit;
    private byte[]? _clientInit;
    private byte[] _sessionId = [];
    private Negotiated? _negotiated;
    private PacketCipher? _nextInbound;
    private bool _strict;
    private bool _clientTakesExtInfo;
    private bool _ignoreGuess;
    private long _keysAt;

    private bool IsExchangingFirstKeys => _keysAt == 0;

    private void StartKeyExchange()
    {
        _ownInit = Negotiation.Offer(_options.Algorithms, _options.HostKeys.Used).ToPayload();
        _outbound.BeginKeyExchange(_ownInit);
        if (IsLoggedIn)
        {
            _deadline.Change(SshLimits.RekeyGrace, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Nothing but the exchange itself may come before the first keys; under strict rules not even IGNORE (Terrapin).</summary>
    private void CheckFirstExchange(byte id)
    {
        var expected = _clientInit is null ? MessageId.KexInit : _nextInbound is null ? MessageId.KexExchangeInit : MessageId.NewKeys;
        var tolerated = id is MessageId.Disconnect || (!_strict && id is MessageId.Ignore or MessageId.Debug or MessageId.Unimplemented);
        if (id != expected && !tolerated)
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, $"Message {id} came during the first key exchange.");
        }
    }

    private void HandleKexInit(ReadOnlyMemory<byte> payload)
    {
        if (_clientInit is not null)
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, "KEXINIT came twice.");
        }

        var init = KexInit.Read(payload.Span);
        if (IsExchangingFirstKeys)
        {
            _strict = init.KeyExchange.Contains(Negotiation.StrictClient);
            _clientTakesExtInfo = init.KeyExchange.Contains(Negotiation.ExtInfoClient);
            if (_strict && _inbound.Sequence != 1)
            {
                throw new SshProtocolException(DisconnectReason.ProtocolError, "KEXINIT was not the first packet.");
            }
        }

        _clientInit = payload.ToArray();
        if (_ownInit is null)
        {
            StartKeyExchange();
        }

        _negotiated = Negotiation.Agree(init, _options.Algorithms, _options.HostKeys.Used);
        _ignoreGuess = _negotiated.IgnoreGuess;
    }

    private void HandleKeyExchange(ReadOnlySpan<byte> payload)
    {
        if (_negotiated is not { } chosen || _clientInit is null || _ownInit is null || _nextInbound is not null)
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, "A key exchange message came out of order.");
        }

        if (_ignoreGuess)
        {
            _ignoreGuess = false;
            return;
        }

        var reader = new SshReader(payload[1..]);
        var clientValue = chosen.Method.Values == ValueEncoding.Mpint ? reader.PositiveMpint(SshLimits.MpintBytesMax) : reader.String(SshLimits.PublicKeyBytesMax);
        reader.End();
        var result = chosen.Method.Answer(clientValue);
        var serverVersion = System.Text.Encoding.ASCII.GetBytes("SSH-2.0-" + SshServerOptions.Software);
        var hash = ExchangeHash.Compute(chosen.Method, _clientVersionLine, serverVersion, _clientInit, _ownInit, chosen.HostKey.PublicBlob, clientValue, result);
        if (_sessionId.Length == 0)
        {
            _sessionId = hash;
        }

        var reply = new SshWriter(MessageId.KexExchangeReply).String(chosen.HostKey.PublicBlob);
        ExchangeHash.Encode(reply, chosen.Method.Values, result.ServerValue);
        reply.String(chosen.HostKey.Sign(chosen.HostKeyAlgorithm, hash));
        var secret = ExchangeHash.EncodedSecret(chosen.Method, result.Secret);
        _nextInbound = MakeCipher(chosen.CipherIn, chosen.MacIn, 'A', 'C', 'E');
        _outbound.SwitchKeys(reply.Written, MakeCipher(chosen.CipherOut, chosen.MacOut, 'B', 'D', 'F'), _strict, IsExchangingFirstKeys && _clientTakesExtInfo ? ExtInfo() : []);
        Array.Clear(result.Secret);
        Array.Clear(secret);

        PacketCipher MakeCipher(CipherAlgorithm cipher, MacAlgorithm? mac, char iv, char key, char macKey) => cipher.Create(
            Derive(key, cipher.KeyBytes), Derive(iv, cipher.IvBytes), mac, mac is null ? [] : Derive(macKey, mac.Bytes));

        byte[] Derive(char letter, int bytes) => ExchangeHash.DeriveKey(chosen.Method.Hash, secret, hash, letter, _sessionId, bytes);
    }

    private void HandleNewKeys(ReadOnlySpan<byte> payload)
    {
        if (_nextInbound is not { } cipher || payload.Length != 1)
        {
            throw new SshProtocolException(DisconnectReason.ProtocolError, "NEWKEYS came out of order.");
        }

        _inbound.SwitchKeys(cipher, _strict);
        SshLog.KeysExchanged(_options.Logger, _peer.Address, ClientVersion, _negotiated!);
        (_nextInbound, _clientInit, _ownInit, _negotiated) = (null, null, null, null);
        _keysAt = Math.Max(1, _options.Time.GetTimestamp());
        if (IsLoggedIn)
        {
            _deadline.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Asked with each packet that comes: a peer that receives much also sends window adjustments.</summary>
    private void RekeyWhenDue()
    {
        var due = _inbound.BytesUnderKey > _options.RekeyBytes || _outbound.BytesUnderKey > _options.RekeyBytes
            || _inbound.PacketsUnderKey > SshLimits.RekeyPackets || _outbound.PacketsUnderKey > SshLimits.RekeyPackets
            || _options.Time.GetElapsedTime(_keysAt) > SshLimits.RekeyInterval;
        if (due && _ownInit is null)
        {
            StartKeyExchange();
        }
    }

    /// <summary>RFC 8308, with OpenSSH's two extensions.</summary>
    private static byte[] ExtInfo() => new SshWriter(MessageId.ExtInfo)
        .UInt32(3)
        .String("server-sig-algs").String(string.Join(',', UserKeyAlgorithms.Names))
        .String("publickey-hostbound@openssh.com").String("0")
        .String("ping@openssh.com").String("0")
        .ToArray();
}

using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>SSH_MSG_KEXINIT (RFC 4253, 7.1).</summary>
internal sealed record KexInit
{
    public required IReadOnlyList<string> KeyExchange { get; init; }

    public required IReadOnlyList<string> HostKeys { get; init; }

    public required IReadOnlyList<string> CiphersIn { get; init; }

    public required IReadOnlyList<string> CiphersOut { get; init; }

    public required IReadOnlyList<string> MacsIn { get; init; }

    public required IReadOnlyList<string> MacsOut { get; init; }

    public required IReadOnlyList<string> CompressionIn { get; init; }

    public required IReadOnlyList<string> CompressionOut { get; init; }

    /// <summary>A guessed first packet follows.</summary>
    public bool GuessFollows { get; init; }

    public static KexInit Read(ReadOnlySpan<byte> payload)
    {
        var reader = new SshReader(payload);
        if (reader.Byte() != MessageId.KexInit)
        {
            throw SshProtocolException.Malformed("it is not KEXINIT");
        }

        reader.Bytes(16);
        var kex = new KexInit
        {
            KeyExchange = reader.NameList(),
            HostKeys = reader.NameList(),
            CiphersIn = reader.NameList(),
            CiphersOut = reader.NameList(),
            MacsIn = reader.NameList(),
            MacsOut = reader.NameList(),
            CompressionIn = reader.NameList(),
            CompressionOut = reader.NameList(),
        };
        reader.NameList();
        reader.NameList();
        kex = kex with { GuessFollows = reader.Boolean() };
        reader.UInt32();
        reader.End();
        return kex;
    }

    public byte[] ToPayload() => new SshWriter(MessageId.KexInit)
        .Raw(RandomNumberGenerator.GetBytes(16))
        .NameList(KeyExchange)
        .NameList(HostKeys)
        .NameList(CiphersIn)
        .NameList(CiphersOut)
        .NameList(MacsIn)
        .NameList(MacsOut)
        .NameList(CompressionIn)
        .NameList(CompressionOut)
        .NameList([])
        .NameList([])
        .Boolean(GuessFollows)
        .UInt32(0)
        .ToArray();
}

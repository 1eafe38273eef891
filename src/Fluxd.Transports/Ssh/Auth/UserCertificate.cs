using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.Auth;

/// <summary>A certificate of OpenSSH's PROTOCOL.certkeys, read but not yet judged.</summary>
/// <param name="PlainKey">The certified key's own blob.</param>
/// <param name="SignedPart">Everything before the signature.</param>
internal sealed record UserCertificate(
    byte[] PlainKey, ulong Serial, uint Type, string KeyId, IReadOnlyList<string> Principals, ulong ValidAfter, ulong ValidBefore,
    IReadOnlyList<KeyValuePair<string, byte[]>> CriticalOptions, byte[] AuthorityKey, byte[] SignedPart, byte[] Signature)
{
    public const uint UserType = 1;
    private const int PrincipalsMax = 256;

    public static UserCertificate Read(UserKeyAlgorithm algorithm, ReadOnlySpan<byte> blob)
    {
        var reader = new SshReader(blob);
        if (reader.Name() != algorithm.BlobType)
        {
            throw SshProtocolException.Malformed("a certificate of another type than named");
        }

        reader.String();
        var plain = new SshWriter(600).String(algorithm.KeyType);
        for (var fields = FieldsOf(algorithm.Kind); fields > 0; fields--)
        {
            plain.String(reader.String());
        }

        var serial = reader.UInt64();
        var type = reader.UInt32();
        var keyId = reader.Text(1024);
        var principals = ReadPrincipals(reader.String());
        var after = reader.UInt64();
        var before = reader.UInt64();
        var critical = ReadOptions(reader.String());
        reader.String();
        reader.String();
        var authority = reader.String().ToArray();
        var signedPart = blob[..^reader.Rest.Length].ToArray();
        var signature = reader.String().ToArray();
        reader.End();
        return new(plain.ToArray(), serial, type, keyId, principals, after, before, critical, authority, signedPart, signature);
    }

    private static int FieldsOf(UserKeyKind kind) => kind switch
    {
        UserKeyKind.Ed25519 => 1,
        UserKeyKind.SkEcdsa => 3,
        _ => 2,
    };

    private static List<string> ReadPrincipals(ReadOnlySpan<byte> list)
    {
        var reader = new SshReader(list);
        var names = new List<string>();
        while (!reader.AtEnd)
        {
            names.Add(names.Count < PrincipalsMax ? reader.Text(SshLimits.UserNameBytesMax) : throw SshProtocolException.Malformed("too many principals"));
        }

        return names;
    }

    private static List<KeyValuePair<string, byte[]>> ReadOptions(ReadOnlySpan<byte> list)
    {
        var reader = new SshReader(list);
        var options = new List<KeyValuePair<string, byte[]>>();
        while (!reader.AtEnd)
        {
            options.Add(new(reader.Name(), reader.String().ToArray()));
        }

        return options;
    }
}

using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.HostKeys;

/// <summary>OpenSSH's private key format (PROTOCOL.key), unencrypted: the file's mode protects it, as sshd's host keys.</summary>
internal static class OpenSshKeyFile
{
    private const string Label = "OPENSSH PRIVATE KEY";
    private static ReadOnlySpan<byte> Magic => "openssh-key-v1\0"u8;

    public static string Write(HostKey key, string comment)
    {
        var check = BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(4));
        var secret = new SshWriter(2048).UInt32(check).UInt32(check).String(key.Type);
        key.WritePrivate(secret);
        secret.String(comment);
        for (byte pad = 1; secret.Written.Length % 8 != 0; pad++)
        {
            secret.Byte(pad);
        }

        var file = new SshWriter(4096).Raw(Magic).String("none").String("none").String("").UInt32(1).String(key.PublicBlob).String(secret.Written);
        return PemEncoding.WriteString(Label, file.Written) + "\n";
    }

    /// <summary>Throws <see cref="FormatException"/> with the reason in plain words.</summary>
    public static HostKey Read(string text)
    {
        try
        {
            var fields = PemEncoding.Find(text);
            if (text[fields.Label] != Label)
            {
                throw new FormatException("it is not in OpenSSH's private key format");
            }

            return Parse(Convert.FromBase64String(text[fields.Base64Data]));
        }
        catch (Exception e) when (e is ArgumentException or SshProtocolException or CryptographicException)
        {
            throw new FormatException("it is damaged or not a private key", e);
        }
    }

    private static HostKey Parse(ReadOnlySpan<byte> file)
    {
        if (!file.StartsWith(Magic))
        {
            throw new FormatException("it is not in OpenSSH's private key format");
        }

        var reader = new SshReader(file[Magic.Length..]);
        if (reader.Name() != "none")
        {
            throw new FormatException("it is protected by a passphrase; remove it with ssh-keygen -p");
        }

        reader.String();
        reader.String();
        if (reader.UInt32() != 1)
        {
            throw new FormatException("it holds more than one key");
        }

        reader.String();
        var secret = new SshReader(reader.String());
        if (secret.UInt32() != secret.UInt32())
        {
            throw new FormatException("it is damaged");
        }

        return secret.Name() switch
        {
            Ed25519HostKey.Name => ReadEd25519(ref secret),
            RsaHostKey.Name => ReadRsa(ref secret),
            EcdsaHostKey.Name => ReadEcdsa(ref secret),
            var other => throw new FormatException($"its type {other} is not one of ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256"),
        };
    }

    private static Ed25519HostKey ReadEd25519(ref SshReader reader)
    {
        reader.String();
        return new Ed25519HostKey(reader.String()[..32]);
    }

    private static RsaHostKey ReadRsa(ref SshReader reader)
    {
        var n = reader.PositiveMpint(SshLimits.MpintBytesMax).ToArray();
        var e = reader.PositiveMpint(SshLimits.MpintBytesMax).ToArray();
        var half = (n.Length + 1) / 2;
        var parameters = new RSAParameters
        {
            Modulus = n,
            Exponent = e,
            D = Padded(reader.PositiveMpint(SshLimits.MpintBytesMax), n.Length),
            InverseQ = Padded(reader.PositiveMpint(SshLimits.MpintBytesMax), half),
            P = Padded(reader.PositiveMpint(SshLimits.MpintBytesMax), half),
            Q = Padded(reader.PositiveMpint(SshLimits.MpintBytesMax), half),
        };
        if (n.Length * 8 < RsaHostKey.BitsMin)
        {
            throw new FormatException($"it is an RSA key of less than {RsaHostKey.BitsMin} bits");
        }

        parameters.DP = Remainder(parameters.D, parameters.P, half);
        parameters.DQ = Remainder(parameters.D, parameters.Q, half);
        return new RsaHostKey(RSA.Create(parameters));
    }

    private static EcdsaHostKey ReadEcdsa(ref SshReader reader)
    {
        reader.String();
        var point = reader.String(65).ToArray();
        var d = Padded(reader.PositiveMpint(32), 32);
        return new EcdsaHostKey(ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = point[1..33], Y = point[33..65] },
            D = d,
        }));
    }

    private static byte[] Padded(ReadOnlySpan<byte> number, int bytes)
    {
        var result = new byte[bytes];
        number.CopyTo(result.AsSpan(bytes - number.Length));
        return result;
    }

    /// <summary>d mod (prime − 1).</summary>
    private static byte[] Remainder(byte[] d, byte[] prime, int bytes)
    {
        static System.Numerics.BigInteger Number(byte[] big) => new(big, isUnsigned: true, isBigEndian: true);
        return Padded((Number(d) % (Number(prime) - 1)).ToByteArray(isUnsigned: true, isBigEndian: true), bytes);
    }
}

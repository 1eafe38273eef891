using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Fluxd.Core;

namespace Fluxd.Store.Accounts;

/// <summary>
/// Checks the wire form of a user's public key (RFC 4253 6.6, RFC 5656 3.1, RFC 8709, OpenSSH PROTOCOL.u2f) down to
/// its last byte, so that a login never meets a key that can't be read.
/// </summary>
internal ref struct SshKeyBlob
{
    private const int RsaBitsMin = 2048;

    /// <summary>OpenSSH's own bound.</summary>
    private const int RsaBitsMax = 16_384;

    public static readonly string[] Types =
    [
        "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa",
    ];

    private readonly string _type;
    private ReadOnlySpan<byte> _rest;

    private SshKeyBlob(string type, ReadOnlySpan<byte> blob)
    {
        _type = type;
        _rest = blob;
    }

    /// <exception cref="FluxException">Invalid, in words.</exception>
    public static void Check(string type, ReadOnlySpan<byte> blob)
    {
        if (!Types.Contains(type))
        {
            throw FluxException.Invalid(Refusal(type));
        }

        new SshKeyBlob(type, blob).CheckAll();
    }

    private static string Refusal(string type) => type switch
    {
        "ssh-dss" => "DSA keys are too weak; make a new one with: ssh-keygen -t ed25519",
        _ when type.Contains("-cert-v01", StringComparison.Ordinal) => "This is a certificate; add the plain public key, or configure its CA in [sftp].",
        _ => $"The key type \"{(type.Length <= 40 ? type : type[..40] + "…")}\" is not supported; ssh-ed25519, ecdsa-sha2-nistp256/384/521, ssh-rsa and their sk- forms are.",
    };

    private void CheckAll()
    {
        if (!TakeString().SequenceEqual(Encoding.ASCII.GetBytes(_type)))
        {
            throw Broken();
        }

        switch (_type)
        {
            case "ssh-ed25519" or "sk-ssh-ed25519@openssh.com":
                Require(TakeString().Length == 32);
                break;
            case "ssh-rsa":
                CheckRsa();
                break;
            default:
                CheckCurve(_type.Contains("nistp256", StringComparison.Ordinal) ? "nistp256" : _type["ecdsa-sha2-".Length..]);
                break;
        }

        if (_type.StartsWith("sk-", StringComparison.Ordinal))
        {
            Require(TakeString().Length is > 0 and <= 256);
        }

        Require(_rest.IsEmpty);
    }

    private void CheckRsa()
    {
        var exponent = TakeNumber();
        var modulus = TakeNumber();
        Require((exponent[^1] & 1) == 1 && (exponent.Length > 1 || exponent[0] >= 3) && (modulus[^1] & 1) == 1);
        var bits = (modulus.Length * 8) - int.LeadingZeroCount(modulus[0] << 24);
        if (bits is < RsaBitsMin or > RsaBitsMax)
        {
            throw FluxException.Invalid($"The RSA key has {bits} bits; {RsaBitsMin} to {RsaBitsMax} are accepted. A new key: ssh-keygen -t ed25519");
        }
    }

    private void CheckCurve(string name)
    {
        var (curve, length) = name switch
        {
            "nistp256" => (ECCurve.NamedCurves.nistP256, 32),
            "nistp384" => (ECCurve.NamedCurves.nistP384, 48),
            _ => (ECCurve.NamedCurves.nistP521, 66),
        };
        Require(TakeString().SequenceEqual(Encoding.ASCII.GetBytes(name)));
        var point = TakeString();
        Require(point.Length == 1 + (2 * length) && point[0] == 4);
        var q = new ECPoint { X = point[1..(1 + length)].ToArray(), Y = point[(1 + length)..].ToArray() };
        try
        {
            // The import refuses a point that is not on the curve.
            using var key = ECDsa.Create(new ECParameters { Curve = curve, Q = q });
        }
        catch (CryptographicException)
        {
            throw Broken();
        }
    }

    private ReadOnlySpan<byte> TakeString()
    {
        Require(_rest.Length >= 4);
        var length = BinaryPrimitives.ReadUInt32BigEndian(_rest);
        Require(length <= _rest.Length - 4);
        var value = _rest.Slice(4, (int)length);
        _rest = _rest[(4 + (int)length)..];
        return value;
    }

    /// <summary>A positive mpint in its shortest form, without the sign byte.</summary>
    private ReadOnlySpan<byte> TakeNumber()
    {
        var value = TakeString();
        Require(value.Length > 0 && (value[0] & 0x80) == 0);
        if (value[0] != 0)
        {
            return value;
        }

        Require(value.Length > 1 && (value[1] & 0x80) != 0);
        return value[1..];
    }

    private readonly void Require(bool condition)
    {
        if (!condition)
        {
            throw Broken();
        }
    }

    private readonly FluxException Broken() =>
        FluxException.Invalid($"The {_type} key is damaged; copy the whole line of the .pub file.");
}

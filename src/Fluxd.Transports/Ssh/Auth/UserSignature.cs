using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.Auth;

/// <summary>
/// Verifies a signature of RFC 4253 (6.6) and its kin over plain key blobs. Pure; a key or signature that is malformed,
/// of another type, or weak is simply not valid.
/// </summary>
internal static class UserSignature
{
    /// <summary>Smaller RSA keys can be broken by who cares.</summary>
    private const int RsaBitsMin = 2048;

    private const byte UserPresent = 1;

    public static bool Verify(UserKeyAlgorithm algorithm, ReadOnlySpan<byte> keyBlob, ReadOnlySpan<byte> signatureBlob, ReadOnlySpan<byte> data)
    {
        try
        {
            var key = new SshReader(keyBlob);
            var signature = new SshReader(signatureBlob);
            if (key.Name() != algorithm.KeyType || signature.Name() != algorithm.SignatureName)
            {
                return false;
            }

            var raw = signature.String(SshLimits.PublicKeyBytesMax);
            return algorithm.Kind switch
            {
                UserKeyKind.Ed25519 => AtEnd(signature) && Ed25519.Verify(LastString(ref key), data, raw),
                UserKeyKind.Ecdsa => AtEnd(signature) && VerifyEcdsa(ref key, algorithm, raw, data, out _),
                UserKeyKind.Rsa => AtEnd(signature) && VerifyRsa(ref key, algorithm.Hash, raw, data),
                UserKeyKind.SkEd25519 => VerifySkEd25519(ref key, raw, ref signature, data),
                UserKeyKind.SkEcdsa => VerifySkEcdsa(ref key, algorithm, raw, ref signature, data),
                _ => false,
            };
        }
        catch (Exception e) when (e is SshProtocolException or CryptographicException)
        {
            return false;
        }
    }

    private static bool AtEnd(SshReader reader) => reader.AtEnd;

    private static ReadOnlySpan<byte> LastString(ref SshReader reader)
    {
        var value = reader.String();
        reader.End();
        return value;
    }

    private static bool VerifyRsa(ref SshReader key, HashAlgorithmName hash, ReadOnlySpan<byte> signature, ReadOnlySpan<byte> data)
    {
        var exponent = key.PositiveMpint(8).ToArray();
        var modulus = key.PositiveMpint(SshLimits.MpintBytesMax).ToArray();
        key.End();
        if (modulus.Length * 8 < RsaBitsMin || signature.Length > modulus.Length)
        {
            return false;
        }

        // Some signers drop leading zeros; RFC 8017 wants the modulus' length.
        var padded = new byte[modulus.Length];
        signature.CopyTo(padded.AsSpan(modulus.Length - signature.Length));
        using var rsa = RSA.Create(new RSAParameters { Exponent = exponent, Modulus = modulus });
        return rsa.VerifyData(data, padded, hash, RSASignaturePadding.Pkcs1);
    }

    /// <summary>Leaves the key's reader behind the point, where sk keys have their application.</summary>
    private static bool VerifyEcdsa(ref SshReader key, UserKeyAlgorithm algorithm, ReadOnlySpan<byte> signature, ReadOnlySpan<byte> data, out ReadOnlySpan<byte> application)
    {
        ReadPoint(ref key, algorithm, out var parameters, out application);
        return VerifyPoint(parameters, algorithm.Hash, signature, data);
    }

    private static void ReadPoint(ref SshReader key, UserKeyAlgorithm algorithm, out ECParameters parameters, out ReadOnlySpan<byte> application)
    {
        var curve = key.Name();
        var (named, bytes) = curve switch
        {
            "nistp256" => (ECCurve.NamedCurves.nistP256, 32),
            "nistp384" => (ECCurve.NamedCurves.nistP384, 48),
            "nistp521" => (ECCurve.NamedCurves.nistP521, 66),
            _ => throw SshProtocolException.Malformed("an unknown curve"),
        };
        var point = key.String(1 + (2 * bytes));
        application = algorithm.Kind == UserKeyKind.SkEcdsa ? key.String() : [];
        key.End();
        if (!algorithm.KeyType.Contains(curve, StringComparison.Ordinal) || point.Length != 1 + (2 * bytes) || point[0] != 4)
        {
            throw SshProtocolException.Malformed("a point that is not on the key's curve");
        }

        parameters = new ECParameters { Curve = named, Q = new ECPoint { X = point.Slice(1, bytes).ToArray(), Y = point[(1 + bytes)..].ToArray() } };
    }

    private static bool VerifyPoint(ECParameters parameters, HashAlgorithmName hash, ReadOnlySpan<byte> signature, ReadOnlySpan<byte> data)
    {
        var bytes = parameters.Q.X!.Length;
        var reader = new SshReader(signature);
        var fixedForm = new byte[2 * bytes];
        var r = reader.PositiveMpint(bytes);
        var s = reader.PositiveMpint(bytes);
        reader.End();
        if (r.Length > bytes || s.Length > bytes)
        {
            return false; // the bound of a mpint leaves room for a sign byte; a number that fills it is no coordinate
        }

        r.CopyTo(fixedForm.AsSpan(bytes - r.Length));
        s.CopyTo(fixedForm.AsSpan((2 * bytes) - s.Length));
        using var key = ECDsa.Create(parameters);
        return key.VerifyData(data, fixedForm, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    private static bool VerifySkEd25519(ref SshReader key, ReadOnlySpan<byte> raw, ref SshReader signature, ReadOnlySpan<byte> data)
    {
        var publicKey = key.String();
        var application = key.String();
        key.End();
        return TrySecurityKeyData(application, ref signature, data, out var signed) && Ed25519.Verify(publicKey, signed, raw);
    }

    private static bool VerifySkEcdsa(ref SshReader key, UserKeyAlgorithm algorithm, ReadOnlySpan<byte> raw, ref SshReader signature, ReadOnlySpan<byte> data)
    {
        ReadPoint(ref key, algorithm, out var parameters, out var application);
        return TrySecurityKeyData(application, ref signature, data, out var signed) && VerifyPoint(parameters, algorithm.Hash, raw, signed);
    }

    /// <summary>PROTOCOL.u2f: the token signs the hashes of application and message with its flags and counter; a touch is required.</summary>
    private static bool TrySecurityKeyData(scoped ReadOnlySpan<byte> application, ref SshReader signature, ReadOnlySpan<byte> data, out byte[] signed)
    {
        var flags = signature.Byte();
        var counter = signature.UInt32();
        signature.End();
        signed = new SshWriter(100).Raw(SHA256.HashData(application)).Byte(flags).UInt32(counter).Raw(SHA256.HashData(data)).ToArray();
        return (flags & UserPresent) != 0;
    }
}

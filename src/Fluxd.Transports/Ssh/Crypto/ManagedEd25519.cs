using System.Numerics;
using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>
/// RFC 8032 (5.1) for systems without libcrypto. Points move in constant time; the arithmetic modulo the group order
/// uses BigInteger, whose time tells nothing useful about a nonce that is used once.
/// </summary>
internal static class ManagedEd25519
{
    private static readonly BigInteger Order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493", System.Globalization.CultureInfo.InvariantCulture);

    public static void PublicKey(ReadOnlySpan<byte> seed, Span<byte> output)
    {
        Span<byte> expanded = stackalloc byte[64];
        Expand(seed, expanded);
        EdwardsPoint.Base.Multiply(expanded[..32]).ToBytes(output);
        expanded.Clear();
    }

    public static void Sign(ReadOnlySpan<byte> seed, ReadOnlySpan<byte> data, Span<byte> signature)
    {
        Span<byte> expanded = stackalloc byte[64];
        Span<byte> publicKey = stackalloc byte[32];
        Expand(seed, expanded);
        EdwardsPoint.Base.Multiply(expanded[..32]).ToBytes(publicKey);
        var nonce = HashToScalar(expanded[32..], [], data);
        Span<byte> scalar = stackalloc byte[32];
        Write(nonce, scalar);
        EdwardsPoint.Base.Multiply(scalar).ToBytes(signature);
        var challenge = HashToScalar(signature[..32], publicKey, data);
        Write((nonce + (challenge * Number(expanded[..32]))) % Order, signature[32..]);
        expanded.Clear();
        scalar.Clear();
    }

    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        var s = Number(signature[32..]);
        if (s >= Order || !EdwardsPoint.TryRead(publicKey, out var key))
        {
            return false;
        }

        Span<byte> challenge = stackalloc byte[32];
        Write(HashToScalar(signature[..32], publicKey, data), challenge);

        // R = sB − kA, compared in bytes, so that a non-canonical R is refused.
        Span<byte> expected = stackalloc byte[32];
        (EdwardsPoint.Base.Multiply(signature[32..]) + key.Negate().Multiply(challenge)).ToBytes(expected);
        return expected.SequenceEqual(signature[..32]);
    }

    private static void Expand(ReadOnlySpan<byte> seed, Span<byte> expanded)
    {
        SHA512.HashData(seed, expanded);
        expanded[0] &= 248;
        expanded[31] = (byte)((expanded[31] & 127) | 64);
    }

    private static BigInteger HashToScalar(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
        hash.AppendData(a);
        hash.AppendData(b);
        hash.AppendData(c);
        return Number(hash.GetHashAndReset()) % Order;
    }

    private static BigInteger Number(ReadOnlySpan<byte> littleEndian) => new(littleEndian, isUnsigned: true);

    private static void Write(BigInteger value, Span<byte> output)
    {
        output[..32].Clear();
        value.TryWriteBytes(output[..32], out _, isUnsigned: true);
    }
}

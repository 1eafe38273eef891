using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;

namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>
/// RFC 4253 (8) with the groups of RFC 8268, for clients that know no elliptic curve. The power is libcrypto's
/// constant-time one; the exponent has 512 bits, twice the strength of the largest hash used.
/// </summary>
internal sealed unsafe class DiffieHellmanMethod(string name, byte[] prime, HashAlgorithmName hash)
    : KeyExchangeMethod(name, hash, ValueEncoding.Mpint, ValueEncoding.Mpint)
{
    private const int ExponentBytes = 64;

    public override KeyExchangeResult Answer(ReadOnlySpan<byte> clientValue)
    {
        var start = clientValue.IndexOfAnyExcept((byte)0);
        var e = start < 0 ? [] : clientValue[start..];
        if (!IsInRange(e))
        {
            throw Refused();
        }

        Span<byte> secret = stackalloc byte[ExponentBytes];
        RandomNumberGenerator.Fill(secret);
        var own = Power([2], secret);
        var shared = Power(e, secret);
        secret.Clear();
        return new(own, shared);
    }

    /// <summary>1 &lt; e &lt; p − 1; p is odd, so p − 1 differs from it in the last bit only.</summary>
    private bool IsInRange(ReadOnlySpan<byte> e)
    {
        if (e.IsEmpty || e.Length > prime.Length || (e.Length == 1 && e[0] == 1))
        {
            return false;
        }

        if (e.Length < prime.Length)
        {
            return true;
        }

        Span<byte> largest = stackalloc byte[prime.Length];
        prime.CopyTo(largest);
        largest[^1] -= 1;
        return e.SequenceCompareTo(largest) < 0;
    }

    private byte[] Power(ReadOnlySpan<byte> value, ReadOnlySpan<byte> exponent)
    {
        var output = new byte[prime.Length];
        fixed (byte* v = value, e = exponent, p = prime, o = output)
        {
            var bases = LibCrypto.BN_bin2bn(v, value.Length, 0);
            var power = LibCrypto.BN_bin2bn(e, exponent.Length, 0);
            var modulus = LibCrypto.BN_bin2bn(p, prime.Length, 0);
            var result = LibCrypto.BN_new();
            var context = LibCrypto.BN_CTX_new();
            var done = LibCrypto.BN_mod_exp_mont_consttime(result, bases, power, modulus, context, 0) == 1
                && LibCrypto.BN_bn2binpad(result, o, output.Length) == output.Length;
            LibCrypto.BN_CTX_free(context);
            LibCrypto.BN_clear_free(result);
            LibCrypto.BN_clear_free(modulus);
            LibCrypto.BN_clear_free(power);
            LibCrypto.BN_clear_free(bases);
            return done ? output : throw new CryptographicException("libcrypto could not compute a power.");
        }
    }
}

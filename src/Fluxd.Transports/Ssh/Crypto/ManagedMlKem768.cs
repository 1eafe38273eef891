using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>
/// ML-KEM-768 of FIPS 203 over .NET's SHA-3, for systems whose OpenSSL is older than 3.5. The server only
/// encapsulates; the other two operations are here because a scheme that is tested whole is trusted.
/// No branch and no index depends on a secret.
/// </summary>
internal static class ManagedMlKem768
{
    public const int EncapsulationKeyBytes = 1184;
    public const int DecapsulationKeyBytes = 2400;
    public const int CiphertextBytes = 1088;
    public const int SecretBytes = 32;

    private const int K = 3;
    private const int N = MlKemPolynomial.N;
    private const int PolyBytes = 384;
    private const int Du = 10;
    private const int Dv = 4;

    public static bool IsSupported => SHA3_256.IsSupported && SHA3_512.IsSupported && Shake128.IsSupported && Shake256.IsSupported;

    /// <summary>Algorithm 16 with the seeds given.</summary>
    public static void GenerateKey(ReadOnlySpan<byte> d, ReadOnlySpan<byte> z, Span<byte> encapsulationKey, Span<byte> decapsulationKey)
    {
        Span<byte> seeds = stackalloc byte[64];
        SHA3_512.HashData([.. d, K], seeds);
        var rho = seeds[..32];
        var sigma = seeds[32..];
        var matrix = Matrix(rho);
        var s = Noise(sigma, 0);
        var e = Noise(sigma, K);
        for (var i = 0; i < K; i++)
        {
            MlKemPolynomial.Ntt(s[i]);
            MlKemPolynomial.Ntt(e[i]);
        }

        for (var i = 0; i < K; i++)
        {
            for (var j = 0; j < K; j++)
            {
                MlKemPolynomial.MultiplyAdd(e[i], matrix[(i * K) + j], s[j]);
            }

            MlKemPolynomial.Encode(e[i], 12, encapsulationKey.Slice(i * PolyBytes, PolyBytes));
            MlKemPolynomial.Encode(s[i], 12, decapsulationKey.Slice(i * PolyBytes, PolyBytes));
        }

        rho.CopyTo(encapsulationKey[(K * PolyBytes)..]);
        encapsulationKey.CopyTo(decapsulationKey[(K * PolyBytes)..]);
        SHA3_256.HashData(encapsulationKey, decapsulationKey.Slice(DecapsulationKeyBytes - 64, 32));
        z.CopyTo(decapsulationKey[^32..]);
        seeds.Clear();
    }

    /// <summary>Section 7.2: right length, and every coefficient reduced.</summary>
    public static bool IsValidKey(ReadOnlySpan<byte> encapsulationKey)
    {
        if (encapsulationKey.Length != EncapsulationKeyBytes)
        {
            return false;
        }

        for (var i = 0; i < K * PolyBytes; i += 3)
        {
            var low = encapsulationKey[i] | ((encapsulationKey[i + 1] & 15) << 8);
            var high = (encapsulationKey[i + 1] >> 4) | (encapsulationKey[i + 2] << 4);
            if (low >= MlKemPolynomial.Q || high >= MlKemPolynomial.Q)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Algorithm 17 with the message given; the key must be valid.</summary>
    public static void Encapsulate(ReadOnlySpan<byte> encapsulationKey, ReadOnlySpan<byte> message, Span<byte> ciphertext, Span<byte> secret)
    {
        Span<byte> input = stackalloc byte[64];
        Span<byte> output = stackalloc byte[64];
        message.CopyTo(input);
        SHA3_256.HashData(encapsulationKey, input[32..]);
        SHA3_512.HashData(input, output);
        Encrypt(encapsulationKey, message, output[32..], ciphertext);
        output[..32].CopyTo(secret);
        input.Clear();
        output.Clear();
    }

    /// <summary>Algorithm 18, with implicit rejection.</summary>
    public static void Decapsulate(ReadOnlySpan<byte> decapsulationKey, ReadOnlySpan<byte> ciphertext, Span<byte> secret)
    {
        var publicPart = decapsulationKey.Slice(K * PolyBytes, EncapsulationKeyBytes);
        Span<byte> input = stackalloc byte[64];
        Span<byte> output = stackalloc byte[64];
        Decrypt(decapsulationKey[..(K * PolyBytes)], ciphertext, input);
        decapsulationKey.Slice(DecapsulationKeyBytes - 64, 32).CopyTo(input[32..]);
        SHA3_512.HashData(input, output);
        var rejected = Shake256.HashData([.. decapsulationKey[^32..], .. ciphertext], SecretBytes);
        var again = new byte[CiphertextBytes];
        Encrypt(publicPart, input[..32], output[32..], again);
        var mask = (byte)(CryptographicOperations.FixedTimeEquals(again, ciphertext) ? 0 : 0xff);
        for (var i = 0; i < SecretBytes; i++)
        {
            secret[i] = (byte)(output[i] ^ (mask & (output[i] ^ rejected[i])));
        }

        input.Clear();
        output.Clear();
    }

    private static void Encrypt(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> randomness, Span<byte> ciphertext)
    {
        var matrix = Matrix(key[(K * PolyBytes)..]);
        var y = Noise(randomness, 0);
        var e1 = Noise(randomness, K);
        var v = MlKemPolynomial.Cbd2(Prf(randomness, 2 * K));
        for (var i = 0; i < K; i++)
        {
            MlKemPolynomial.Ntt(y[i]);
        }

        for (var i = 0; i < K; i++)
        {
            var u = new short[N];
            for (var j = 0; j < K; j++)
            {
                MlKemPolynomial.MultiplyAdd(u, matrix[(j * K) + i], y[j]);
            }

            MlKemPolynomial.InverseNtt(u);
            MlKemPolynomial.Add(u, e1[i]);
            MlKemPolynomial.Compress(u, Du);
            MlKemPolynomial.Encode(u, Du, ciphertext.Slice(i * 32 * Du, 32 * Du));
        }

        var product = new short[N];
        for (var i = 0; i < K; i++)
        {
            MlKemPolynomial.MultiplyAdd(product, MlKemPolynomial.Decode(key.Slice(i * PolyBytes, PolyBytes), 12), y[i]);
        }

        MlKemPolynomial.InverseNtt(product);
        MlKemPolynomial.Add(v, product);
        var mu = MlKemPolynomial.Decode(message, 1);
        MlKemPolynomial.Decompress(mu, 1);
        MlKemPolynomial.Add(v, mu);
        MlKemPolynomial.Compress(v, Dv);
        MlKemPolynomial.Encode(v, Dv, ciphertext.Slice(K * 32 * Du, 32 * Dv));
    }

    private static void Decrypt(ReadOnlySpan<byte> key, ReadOnlySpan<byte> ciphertext, Span<byte> message)
    {
        var product = new short[N];
        for (var i = 0; i < K; i++)
        {
            var u = MlKemPolynomial.Decode(ciphertext.Slice(i * 32 * Du, 32 * Du), Du);
            MlKemPolynomial.Decompress(u, Du);
            MlKemPolynomial.Ntt(u);
            MlKemPolynomial.MultiplyAdd(product, MlKemPolynomial.Decode(key.Slice(i * PolyBytes, PolyBytes), 12), u);
        }

        MlKemPolynomial.InverseNtt(product);
        var v = MlKemPolynomial.Decode(ciphertext[(K * 32 * Du)..], Dv);
        MlKemPolynomial.Decompress(v, Dv);
        MlKemPolynomial.Subtract(v, product);
        MlKemPolynomial.Compress(v, 1);
        MlKemPolynomial.Encode(v, 1, message[..32]);
    }

    private static short[][] Matrix(ReadOnlySpan<byte> rho)
    {
        var matrix = new short[K * K][];
        Span<byte> seed = stackalloc byte[34];
        rho[..32].CopyTo(seed);
        for (var i = 0; i < K; i++)
        {
            for (var j = 0; j < K; j++)
            {
                seed[32] = (byte)j;
                seed[33] = (byte)i;
                matrix[(i * K) + j] = MlKemPolynomial.SampleNtt(seed);
            }
        }

        return matrix;
    }

    private static short[][] Noise(ReadOnlySpan<byte> seed, int firstNonce)
    {
        var vector = new short[K][];
        for (var i = 0; i < K; i++)
        {
            vector[i] = MlKemPolynomial.Cbd2(Prf(seed, firstNonce + i));
        }

        return vector;
    }

    private static byte[] Prf(ReadOnlySpan<byte> seed, int nonce) => Shake256.HashData([.. seed, (byte)nonce], 128);
}

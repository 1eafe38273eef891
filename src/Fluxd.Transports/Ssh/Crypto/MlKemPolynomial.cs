using System.Numerics;
using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>Polynomials of FIPS 203 (4): 256 coefficients, always kept in [0, q).</summary>
internal static class MlKemPolynomial
{
    public const int N = 256;
    public const int Q = 3329;

    private const int InverseOf128 = 3303;
    private static readonly short[] Zetas = PowersOf17(i => BitReverse7(i));
    private static readonly short[] Gammas = PowersOf17(i => (2 * BitReverse7(i)) + 1);

    /// <summary>Algorithm 7. The seed is public, so its time may vary. 840 bytes suffice nearly always; else squeeze more from the start.</summary>
    public static short[] SampleNtt(ReadOnlySpan<byte> seed)
    {
        for (var length = 840; ; length *= 2)
        {
            var stream = Shake128.HashData(seed, length);
            var result = new short[N];
            var count = 0;
            for (var i = 0; i + 2 < stream.Length && count < N; i += 3)
            {
                var d1 = stream[i] | ((stream[i + 1] & 15) << 8);
                var d2 = (stream[i + 1] >> 4) | (stream[i + 2] << 4);
                if (d1 < Q)
                {
                    result[count++] = (short)d1;
                }

                if (d2 < Q && count < N)
                {
                    result[count++] = (short)d2;
                }
            }

            if (count == N)
            {
                return result;
            }
        }
    }

    /// <summary>Algorithm 8 with η = 2.</summary>
    public static short[] Cbd2(ReadOnlySpan<byte> bytes)
    {
        var result = new short[N];
        for (var i = 0; i < N; i++)
        {
            var bits = bytes[i / 2] >> (4 * (i & 1));
            var x = (bits & 1) + ((bits >> 1) & 1);
            var y = ((bits >> 2) & 1) + ((bits >> 3) & 1);
            result[i] = Reduce(x - y + Q);
        }

        return result;
    }

    /// <summary>Algorithm 9.</summary>
    public static void Ntt(short[] f)
    {
        var i = 1;
        for (var length = 128; length >= 2; length /= 2)
        {
            for (var start = 0; start < N; start += 2 * length)
            {
                var zeta = Zetas[i++];
                for (var j = start; j < start + length; j++)
                {
                    var t = Reduce(zeta * f[j + length]);
                    f[j + length] = Reduce(f[j] - t + Q);
                    f[j] = Reduce(f[j] + t);
                }
            }
        }
    }

    /// <summary>Algorithm 10.</summary>
    public static void InverseNtt(short[] f)
    {
        var i = 127;
        for (var length = 2; length <= 128; length *= 2)
        {
            for (var start = 0; start < N; start += 2 * length)
            {
                var zeta = Zetas[i--];
                for (var j = start; j < start + length; j++)
                {
                    var t = f[j];
                    f[j] = Reduce(t + f[j + length]);
                    f[j + length] = Reduce(zeta * (f[j + length] - t + Q));
                }
            }
        }

        for (var j = 0; j < N; j++)
        {
            f[j] = Reduce(f[j] * InverseOf128);
        }
    }

    /// <summary>Algorithms 11 and 12: sum += a · b in the transformed domain.</summary>
    public static void MultiplyAdd(short[] sum, short[] a, short[] b)
    {
        for (var i = 0; i < N / 2; i++)
        {
            int a0 = a[2 * i], a1 = a[(2 * i) + 1], b0 = b[2 * i], b1 = b[(2 * i) + 1];
            sum[2 * i] = Reduce(sum[2 * i] + (a0 * b0) + (Reduce(a1 * b1) * Gammas[i]));
            sum[(2 * i) + 1] = Reduce(sum[(2 * i) + 1] + (a0 * b1) + (a1 * b0));
        }
    }

    public static void Add(short[] a, short[] b)
    {
        for (var i = 0; i < N; i++)
        {
            a[i] = Reduce(a[i] + b[i]);
        }
    }

    public static void Subtract(short[] a, short[] b)
    {
        for (var i = 0; i < N; i++)
        {
            a[i] = Reduce(a[i] - b[i] + Q);
        }
    }

    /// <summary>Round(2^d / q · x) mod 2^d (4.7), without a division: the factor is round-up(2^36 / q), exact for all x below q.</summary>
    public static void Compress(short[] f, int d)
    {
        for (var i = 0; i < N; i++)
        {
            var scaled = ((ulong)f[i] << d) + (Q / 2);
            f[i] = (short)((int)((scaled * 20642679UL) >> 36) & ((1 << d) - 1));
        }
    }

    public static void Decompress(short[] f, int d)
    {
        for (var i = 0; i < N; i++)
        {
            f[i] = (short)(((f[i] * Q) + (1 << (d - 1))) >> d);
        }
    }

    /// <summary>Algorithm 5.</summary>
    public static void Encode(short[] f, int d, Span<byte> output)
    {
        ulong bits = 0;
        var count = 0;
        var at = 0;
        for (var i = 0; i < N; i++)
        {
            bits |= (ulong)(ushort)f[i] << count;
            for (count += d; count >= 8; count -= 8)
            {
                output[at++] = (byte)bits;
                bits >>= 8;
            }
        }
    }

    /// <summary>Algorithm 6; 12-bit values come from keys that are checked or our own.</summary>
    public static short[] Decode(ReadOnlySpan<byte> input, int d)
    {
        var result = new short[N];
        ulong bits = 0;
        var count = 0;
        var at = 0;
        for (var i = 0; i < N; i++)
        {
            for (; count < d; count += 8)
            {
                bits |= (ulong)input[at++] << count;
            }

            result[i] = (short)(bits & ((1UL << d) - 1));
            bits >>= d;
            count -= d;
        }

        return result;
    }

    /// <summary>Barrett reduction of 0 ≤ x &lt; 2^26 in constant time: 20158 is ⌊2^26 / q⌋, the quotient is short by at most one.</summary>
    private static short Reduce(int x)
    {
        var t = x - ((int)(((long)x * 20158) >> 26) * Q) - Q;
        return (short)(t + (Q & (t >> 31)));
    }

    private static int BitReverse7(int i)
    {
        var reversed = 0;
        for (var bit = 0; bit < 7; bit++)
        {
            reversed |= ((i >> bit) & 1) << (6 - bit);
        }

        return reversed;
    }

    private static short[] PowersOf17(Func<int, int> exponent)
    {
        var result = new short[128];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = (short)BigInteger.ModPow(17, exponent(i), Q);
        }

        return result;
    }
}

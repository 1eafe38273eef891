using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;
using Xunit;

namespace Fluxd.Tests.Transports.Ssh;

public sealed class MlKemTests
{
    [Fact]
    public void Both_sides_get_the_same_secret_and_a_touched_ciphertext_gives_another()
    {
        for (var round = 0; round < 20; round++)
        {
            var (ek, dk) = Generate();
            Assert.True(ManagedMlKem768.IsValidKey(ek));
            var (ciphertext, secret, again) = (new byte[1088], new byte[32], new byte[32]);
            ManagedMlKem768.Encapsulate(ek, RandomNumberGenerator.GetBytes(32), ciphertext, secret);
            ManagedMlKem768.Decapsulate(dk, ciphertext, again);
            Assert.Equal(secret, again);
            ciphertext[RandomNumberGenerator.GetInt32(1088)] ^= 1;
            ManagedMlKem768.Decapsulate(dk, ciphertext, again);
            Assert.NotEqual(secret, again);
        }
    }

    [Fact]
    public void A_key_with_a_coefficient_that_is_not_reduced_is_refused()
    {
        var (ek, _) = Generate();
        ek[300] = 0xff;
        ek[301] = 0xff;
        Assert.False(ManagedMlKem768.IsValidKey(ek));
        Assert.False(ManagedMlKem768.IsValidKey(ek.AsSpan(1)));
        Assert.False(MlKem768.TryEncapsulate(ek, new byte[1088], new byte[32]));
    }

    /// <summary>The transform is the one of FIPS 203: multiplying transformed polynomials is multiplying modulo x^256 + 1.</summary>
    [Fact]
    public void The_transform_multiplies_polynomials()
    {
        var random = new Random(5);
        var a = new short[256];
        var b = new short[256];
        var expected = new int[256];
        for (var i = 0; i < 256; i++)
        {
            a[i] = (short)random.Next(3329);
            b[i] = (short)random.Next(3329);
        }

        for (var i = 0; i < 256; i++)
        {
            for (var j = 0; j < 256; j++)
            {
                var sign = i + j < 256 ? 1 : -1;
                expected[(i + j) % 256] = (int)((((expected[(i + j) % 256] + (sign * (long)a[i] * b[j])) % 3329) + 3329) % 3329);
            }
        }

        MlKemPolynomial.Ntt(a);
        MlKemPolynomial.Ntt(b);
        var product = new short[256];
        MlKemPolynomial.MultiplyAdd(product, a, b);
        MlKemPolynomial.InverseNtt(product);
        Assert.Equal(expected, product.Select(x => (int)x));
    }

    /// <summary>Only where the runtime's OpenSSL has ML-KEM (3.5 and later); elsewhere there is nothing to compare with.</summary>
    [Fact]
    public void The_managed_form_and_the_runtimes_agree()
    {
        if (!MLKem.IsSupported)
        {
            return;
        }

        var seed = RandomNumberGenerator.GetBytes(64);
        var (ek, dk) = (new byte[1184], new byte[2400]);
        ManagedMlKem768.GenerateKey(seed.AsSpan(0, 32), seed.AsSpan(32), ek, dk);
        using var theirs = MLKem.ImportPrivateSeed(MLKemAlgorithm.MLKem768, seed);
        Assert.Equal(theirs.ExportEncapsulationKey(), ek);
        Assert.Equal(theirs.ExportDecapsulationKey(), dk);
        var (ciphertext, secret) = (new byte[1088], new byte[32]);
        ManagedMlKem768.Encapsulate(ek, RandomNumberGenerator.GetBytes(32), ciphertext, secret);
        Assert.Equal(theirs.Decapsulate(ciphertext), secret);
    }

    private static (byte[] Ek, byte[] Dk) Generate()
    {
        var (ek, dk) = (new byte[1184], new byte[2400]);
        ManagedMlKem768.GenerateKey(RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(32), ek, dk);
        return (ek, dk);
    }
}

using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;
using Xunit;

namespace Fluxd.Tests.Transports.Ssh;

public sealed class CurveTests
{
    // RFC 7748 (5.2).
    [Theory]
    [InlineData(
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")]
    [InlineData(
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")]
    public void X25519_gives_the_numbers_of_the_RFC(string scalar, string point, string expected)
    {
        var shared = new byte[32];
        Assert.True(X25519.TryAgree(Hex(scalar), Hex(point), shared));
        Assert.Equal(expected, Convert.ToHexStringLower(shared));
        ManagedX25519.Agree(Hex(scalar), Hex(point), shared);
        Assert.Equal(expected, Convert.ToHexStringLower(shared));
    }

    [Fact]
    public void The_managed_ladder_iterates_as_the_RFC_says()
    {
        var k = new byte[32];
        k[0] = 9;
        var u = (byte[])k.Clone();
        for (var i = 1; i <= 1000; i++)
        {
            var next = new byte[32];
            ManagedX25519.Agree(k, u, next);
            (u, k) = (k, next);
            if (i == 1)
            {
                Assert.Equal("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", Convert.ToHexStringLower(k));
            }
        }

        Assert.Equal("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", Convert.ToHexStringLower(k));
    }

    // RFC 7748 (6.1): points of small order give zero; also as numbers not reduced modulo p.
    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("0100000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")]
    [InlineData("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    public void A_point_of_small_order_is_refused(string point)
    {
        var shared = new byte[32];
        Assert.False(X25519.TryAgree(RandomNumberGenerator.GetBytes(32), Hex(point), shared));
        ManagedX25519.Agree(RandomNumberGenerator.GetBytes(32), Hex(point), shared);
        Assert.Equal(new byte[32], shared);
    }

    // RFC 8032 (7.1), tests 1 to 3.
    [Theory]
    [InlineData("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [InlineData("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72", "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    [InlineData("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82", "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")]
    public void Ed25519_signs_as_the_RFC_says(string seed, string key, string message, string signature)
    {
        var made = new byte[64];
        var publicKey = new byte[32];
        ManagedEd25519.PublicKey(Hex(seed), publicKey);
        Assert.Equal(key, Convert.ToHexStringLower(publicKey));
        ManagedEd25519.Sign(Hex(seed), Hex(message), made);
        Assert.Equal(signature, Convert.ToHexStringLower(made));
        Ed25519.PublicKey(Hex(seed), publicKey);
        Assert.Equal(key, Convert.ToHexStringLower(publicKey));
        Ed25519.Sign(Hex(seed), Hex(message), made);
        Assert.Equal(signature, Convert.ToHexStringLower(made));
        Assert.True(Ed25519.Verify(publicKey, Hex(message), made));
        Assert.True(ManagedEd25519.Verify(publicKey, Hex(message), made));
    }

    [Fact]
    public void Both_forms_of_Ed25519_agree_and_refuse_what_was_touched()
    {
        for (var round = 0; round < 10; round++)
        {
            var seed = RandomNumberGenerator.GetBytes(32);
            var message = RandomNumberGenerator.GetBytes(round * 7);
            var (key, one, other) = (new byte[32], new byte[64], new byte[64]);
            Ed25519.PublicKey(seed, key);
            Ed25519.Sign(seed, message, one);
            ManagedEd25519.Sign(seed, message, other);
            Assert.Equal(one, other);
            Assert.True(ManagedEd25519.Verify(key, message, one));
            one[RandomNumberGenerator.GetInt32(64)] ^= (byte)(1 << RandomNumberGenerator.GetInt32(8));
            Assert.False(Ed25519.Verify(key, message, one));
            Assert.False(ManagedEd25519.Verify(key, message, one));
        }
    }

    private static byte[] Hex(string hex) => Convert.FromHexString(hex);
}

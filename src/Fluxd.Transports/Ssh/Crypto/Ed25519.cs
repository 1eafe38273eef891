using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>RFC 8032 Ed25519: libcrypto where it is, the managed form elsewhere.</summary>
internal static unsafe class Ed25519
{
    public const int KeyBytes = 32;
    public const int SignatureBytes = 64;

    public static void PublicKey(ReadOnlySpan<byte> seed, Span<byte> output)
    {
        if (!LibCrypto.IsAvailable)
        {
            ManagedEd25519.PublicKey(seed, output);
            return;
        }

        fixed (byte* s = seed, o = output)
        {
            var length = (nuint)KeyBytes;
            var key = LibCrypto.EVP_PKEY_new_raw_private_key(LibCrypto.Ed25519Id, 0, s, KeyBytes);
            var done = key != 0 && LibCrypto.EVP_PKEY_get_raw_public_key(key, o, &length) == 1;
            LibCrypto.EVP_PKEY_free(key);
            Check(done);
        }
    }

    public static void Sign(ReadOnlySpan<byte> seed, ReadOnlySpan<byte> data, Span<byte> signature)
    {
        if (!LibCrypto.IsAvailable)
        {
            ManagedEd25519.Sign(seed, data, signature);
            return;
        }

        fixed (byte* s = seed, d = data, o = signature)
        {
            var length = (nuint)SignatureBytes;
            var key = LibCrypto.EVP_PKEY_new_raw_private_key(LibCrypto.Ed25519Id, 0, s, KeyBytes);
            var context = LibCrypto.EVP_MD_CTX_new();
            var done = key != 0 && context != 0
                && LibCrypto.EVP_DigestSignInit(context, 0, 0, 0, key) == 1
                && LibCrypto.EVP_DigestSign(context, o, &length, d, (nuint)data.Length) == 1;
            LibCrypto.EVP_MD_CTX_free(context);
            LibCrypto.EVP_PKEY_free(key);
            Check(done);
        }
    }

    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != KeyBytes || signature.Length != SignatureBytes)
        {
            return false;
        }

        if (!LibCrypto.IsAvailable)
        {
            return ManagedEd25519.Verify(publicKey, data, signature);
        }

        fixed (byte* p = publicKey, d = data, s = signature)
        {
            var key = LibCrypto.EVP_PKEY_new_raw_public_key(LibCrypto.Ed25519Id, 0, p, KeyBytes);
            var context = LibCrypto.EVP_MD_CTX_new();
            var good = key != 0 && context != 0
                && LibCrypto.EVP_DigestVerifyInit(context, 0, 0, 0, key) == 1
                && LibCrypto.EVP_DigestVerify(context, s, SignatureBytes, d, (nuint)data.Length) == 1;
            LibCrypto.EVP_MD_CTX_free(context);
            LibCrypto.EVP_PKEY_free(key);
            return good;
        }
    }

    private static void Check(bool done)
    {
        if (!done)
        {
            throw new CryptographicException("libcrypto refused an Ed25519 key.");
        }
    }
}

using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>RFC 7748: libcrypto where it is, the managed ladder elsewhere.</summary>
internal static unsafe class X25519
{
    public const int Bytes = 32;

    public static void PublicKey(ReadOnlySpan<byte> secret, Span<byte> output)
    {
        if (!LibCrypto.IsAvailable)
        {
            ManagedX25519.PublicKey(secret, output);
            return;
        }

        fixed (byte* s = secret, o = output)
        {
            var length = (nuint)Bytes;
            var key = LibCrypto.EVP_PKEY_new_raw_private_key(LibCrypto.X25519Id, 0, s, Bytes);
            var done = key != 0 && LibCrypto.EVP_PKEY_get_raw_public_key(key, o, &length) == 1;
            LibCrypto.EVP_PKEY_free(key);
            Check(done);
        }
    }

    /// <summary>False when the peer's value is of small order (the shared secret would be all zero, RFC 7748, 6.1).</summary>
    public static bool TryAgree(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> peer, Span<byte> shared)
    {
        if (peer.Length != Bytes)
        {
            return false;
        }

        if (!LibCrypto.IsAvailable)
        {
            ManagedX25519.Agree(secret, peer, shared);
        }
        else if (!TryAgreeNative(secret, peer, shared))
        {
            return false;
        }

        return !CryptographicOperations.FixedTimeEquals(shared, stackalloc byte[Bytes]);
    }

    private static bool TryAgreeNative(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> peer, Span<byte> shared)
    {
        fixed (byte* s = secret, p = peer, o = shared)
        {
            var length = (nuint)Bytes;
            var own = LibCrypto.EVP_PKEY_new_raw_private_key(LibCrypto.X25519Id, 0, s, Bytes);
            var other = LibCrypto.EVP_PKEY_new_raw_public_key(LibCrypto.X25519Id, 0, p, Bytes);
            var context = LibCrypto.EVP_PKEY_CTX_new(own, 0);
            var done = context != 0 && other != 0
                && LibCrypto.EVP_PKEY_derive_init(context) == 1
                && LibCrypto.EVP_PKEY_derive_set_peer(context, other) == 1
                && LibCrypto.EVP_PKEY_derive(context, o, &length) == 1;
            LibCrypto.EVP_PKEY_CTX_free(context);
            LibCrypto.EVP_PKEY_free(other);
            LibCrypto.EVP_PKEY_free(own);
            return done;
        }
    }

    private static void Check(bool done)
    {
        if (!done)
        {
            throw new CryptographicException("libcrypto refused an X25519 key.");
        }
    }
}

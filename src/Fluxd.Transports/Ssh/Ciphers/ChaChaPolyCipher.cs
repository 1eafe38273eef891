using System.Buffers.Binary;
using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;

namespace Fluxd.Transports.Ssh.Ciphers;

/// <summary>
/// chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305): one key hides the length, the other the rest;
/// the nonce is the sequence number; the tag covers the encrypted length too.
/// </summary>
internal sealed unsafe class ChaChaPolyCipher : PacketCipher
{
    public const int KeyBytes = 64;
    private const int Tag = 16;

    private readonly nint _main;
    private readonly nint _length;
    private readonly nint _mac;

    public ChaChaPolyCipher(ReadOnlySpan<byte> key)
    {
        _main = NewContext(key[..32]);
        _length = NewContext(key[32..64]);
        _mac = LibCrypto.EVP_MAC_CTX_new(Poly1305);
    }

    public override int BlockBytes => 8;

    public override int TagBytes => Tag;

    public override bool LengthIsApart => true;

    private static readonly nint Poly1305 = Fetch();

    public override void Seal(uint sequence, Span<byte> packet, Span<byte> tag)
    {
        Crypt(_length, sequence, 0, packet[..4]);
        Crypt(_main, sequence, 1, packet[4..]);
        Authenticate(sequence, packet, tag);
    }

    public override uint OpenLength(uint sequence, Span<byte> header)
    {
        // On a copy: the tag covers the length as it was sent.
        Span<byte> copy = stackalloc byte[4];
        header[..4].CopyTo(copy);
        Crypt(_length, sequence, 0, copy);
        return BinaryPrimitives.ReadUInt32BigEndian(copy);
    }

    public override bool TryOpen(uint sequence, Span<byte> packet, ReadOnlySpan<byte> tag)
    {
        Span<byte> expected = stackalloc byte[Tag];
        Authenticate(sequence, packet, expected);
        if (!CryptographicOperations.FixedTimeEquals(expected, tag))
        {
            return false;
        }

        Crypt(_main, sequence, 1, packet[4..]);
        return true;
    }

    public override void Dispose()
    {
        LibCrypto.EVP_CIPHER_CTX_free(_main);
        LibCrypto.EVP_CIPHER_CTX_free(_length);
        LibCrypto.EVP_MAC_CTX_free(_mac);
    }

    private static nint NewContext(ReadOnlySpan<byte> key)
    {
        var context = LibCrypto.EVP_CIPHER_CTX_new();
        fixed (byte* k = key)
        {
            return LibCrypto.EVP_CipherInit_ex(context, LibCrypto.EVP_chacha20(), 0, k, null, 1) == 1
                ? context
                : throw new CryptographicException("libcrypto has no ChaCha20.");
        }
    }

    private static nint Fetch()
    {
        fixed (byte* name = "POLY1305\0"u8)
        {
            return LibCrypto.EVP_MAC_fetch(0, name, null);
        }
    }

    /// <summary>The 16-byte IV of libcrypto is a 64-bit little-endian block counter and the 64-bit big-endian sequence number.</summary>
    private static void Crypt(nint context, uint sequence, byte counter, Span<byte> data)
    {
        var iv = stackalloc byte[16];
        new Span<byte>(iv, 16).Clear();
        iv[0] = counter;
        BinaryPrimitives.WriteUInt64BigEndian(new Span<byte>(iv + 8, 8), sequence);
        int written;
        fixed (byte* d = data)
        {
            if (LibCrypto.EVP_CipherInit_ex(context, 0, 0, null, iv, -1) != 1
                || LibCrypto.EVP_CipherUpdate(context, d, &written, d, data.Length) != 1)
            {
                throw new CryptographicException("libcrypto's ChaCha20 failed.");
            }
        }
    }

    private void Authenticate(uint sequence, ReadOnlySpan<byte> packet, Span<byte> tag)
    {
        Span<byte> key = stackalloc byte[32];
        key.Clear();
        Crypt(_main, sequence, 0, key);
        nuint written;
        fixed (byte* k = key, p = packet, t = tag)
        {
            if (LibCrypto.EVP_MAC_init(_mac, k, 32, 0) != 1
                || LibCrypto.EVP_MAC_update(_mac, p, (nuint)packet.Length) != 1
                || LibCrypto.EVP_MAC_final(_mac, t, &written, Tag) != 1)
            {
                throw new CryptographicException("libcrypto's Poly1305 failed.");
            }
        }
    }
}

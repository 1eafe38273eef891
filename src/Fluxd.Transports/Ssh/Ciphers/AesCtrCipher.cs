using System.Buffers.Binary;
using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;

namespace Fluxd.Transports.Ssh.Ciphers;

/// <summary>
/// AES in counter mode (RFC 4344, 4) with an HMAC, either over the ciphertext (etm: the length stays clear and is
/// checked first) or, for compat, over the plaintext (RFC 4253, 6.4).
/// </summary>
internal sealed unsafe class AesCtrCipher : PacketCipher
{
    private const int Block = 16;
    private const int MacBytesMax = 64;

    private readonly nint _context;
    private readonly IncrementalHash _mac;
    private readonly int _macBytes;
    private readonly bool _etm;

    public AesCtrCipher(ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv, MacAlgorithm mac, ReadOnlySpan<byte> macKey)
    {
        _mac = IncrementalHash.CreateHMAC(mac.Hash, macKey);
        _macBytes = mac.Bytes;
        _etm = mac.EncryptThenMac;
        _context = LibCrypto.EVP_CIPHER_CTX_new();
        var cipher = key.Length == 16 ? LibCrypto.EVP_aes_128_ctr() : LibCrypto.EVP_aes_256_ctr();
        fixed (byte* k = key, i = iv)
        {
            if (LibCrypto.EVP_CipherInit_ex(_context, cipher, 0, k, i, 1) != 1)
            {
                throw new CryptographicException("libcrypto has no AES-CTR.");
            }
        }
    }

    public override int BlockBytes => Block;

    public override int TagBytes => _macBytes;

    public override bool LengthIsApart => _etm;

    public override int HeaderBytes => _etm ? 4 : Block;

    public override void Seal(uint sequence, Span<byte> packet, Span<byte> tag)
    {
        if (_etm)
        {
            Crypt(packet[4..]);
            Authenticate(sequence, packet, tag);
        }
        else
        {
            Authenticate(sequence, packet, tag);
            Crypt(packet);
        }
    }

    public override uint OpenLength(uint sequence, Span<byte> header)
    {
        if (!_etm)
        {
            Crypt(header);
        }

        return BinaryPrimitives.ReadUInt32BigEndian(header);
    }

    public override bool TryOpen(uint sequence, Span<byte> packet, ReadOnlySpan<byte> tag)
    {
        Span<byte> expected = stackalloc byte[MacBytesMax];
        expected = expected[.._macBytes];
        if (!_etm)
        {
            Crypt(packet[Block..]);
        }

        Authenticate(sequence, packet, expected);
        if (!CryptographicOperations.FixedTimeEquals(expected, tag))
        {
            return false;
        }

        if (_etm)
        {
            Crypt(packet[4..]);
        }

        return true;
    }

    public override void Dispose()
    {
        LibCrypto.EVP_CIPHER_CTX_free(_context);
        _mac.Dispose();
    }

    private void Crypt(Span<byte> data)
    {
        int written;
        fixed (byte* d = data)
        {
            if (LibCrypto.EVP_CipherUpdate(_context, d, &written, d, data.Length) != 1)
            {
                throw new CryptographicException("libcrypto's AES-CTR failed.");
            }
        }
    }

    private void Authenticate(uint sequence, ReadOnlySpan<byte> packet, Span<byte> tag)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(number, sequence);
        _mac.AppendData(number);
        _mac.AppendData(packet);
        _mac.GetHashAndReset(tag);
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Ciphers;

/// <summary>RFC 5647 in OpenSSH's form: the length is authenticated in the clear, the nonce is 4 fixed bytes and a counter.</summary>
internal sealed class AesGcmCipher : PacketCipher
{
    private const int Tag = 16;

    private readonly AesGcm _gcm;
    private readonly byte[] _nonce;

    public AesGcmCipher(ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv)
    {
        _gcm = new AesGcm(key, Tag);
        _nonce = iv.ToArray();
    }

    public override int BlockBytes => 16;

    public override int TagBytes => Tag;

    public override bool LengthIsApart => true;

    public override void Seal(uint sequence, Span<byte> packet, Span<byte> tag)
    {
        var body = packet[4..];
        _gcm.Encrypt(_nonce, body, body, tag, packet[..4]);
        Count();
    }

    public override uint OpenLength(uint sequence, Span<byte> header) => BinaryPrimitives.ReadUInt32BigEndian(header);

    public override bool TryOpen(uint sequence, Span<byte> packet, ReadOnlySpan<byte> tag)
    {
        try
        {
            var body = packet[4..];
            _gcm.Decrypt(_nonce, body, tag, body, packet[..4]);
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }

        Count();
        return true;
    }

    public override void Dispose() => _gcm.Dispose();

    /// <summary>The re-key limits come long before the 64-bit counter could return.</summary>
    private void Count()
    {
        var counter = _nonce.AsSpan(4);
        BinaryPrimitives.WriteUInt64BigEndian(counter, BinaryPrimitives.ReadUInt64BigEndian(counter) + 1);
    }
}

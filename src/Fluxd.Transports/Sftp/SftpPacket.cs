using System.Buffers.Binary;
using System.Text;

namespace Fluxd.Transports.Sftp;

/// <summary>
/// Builds one packet at a time in a buffer that is kept for the next one. Owned by <see cref="SftpOutput"/>, which
/// lends it under its gate.
/// </summary>
internal sealed class SftpPacket
{
    private byte[] _bytes = new byte[1024];
    private int _length;

    /// <summary>The finished packet with its length in front.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        BinaryPrimitives.WriteUInt32BigEndian(_bytes, (uint)(_length - 4));
        return _bytes.AsSpan(0, _length);
    }

    public SftpPacket Start(SftpPacketType type, uint id)
    {
        _length = 4;
        Byte((byte)type);
        return UInt32(id);
    }

    public SftpPacket Byte(byte value)
    {
        Grow(1)[0] = value;
        return this;
    }

    public SftpPacket UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(Grow(4), value);
        return this;
    }

    public SftpPacket UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(Grow(8), value);
        return this;
    }

    public SftpPacket Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Grow(bytes.Length));
        return this;
    }

    public SftpPacket String(ReadOnlySpan<byte> bytes)
    {
        UInt32((uint)bytes.Length);
        return Raw(bytes);
    }

    public SftpPacket String(string text)
    {
        var count = Encoding.UTF8.GetByteCount(text);
        UInt32((uint)count);
        Encoding.UTF8.GetBytes(text, Grow(count));
        return this;
    }

    private Span<byte> Grow(int count)
    {
        if (_bytes.Length - _length < count)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + count));
        }

        _length += count;
        return _bytes.AsSpan(_length - count, count);
    }
}

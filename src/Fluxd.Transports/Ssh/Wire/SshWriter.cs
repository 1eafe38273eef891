using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Fluxd.Transports.Ssh.Wire;

/// <summary>
/// Builds a message of RFC 4251 types. For what is sent seldom (handshake, login, channel set-up); the paths that run
/// per packet write into the outbound buffer instead.
/// </summary>
internal sealed class SshWriter
{
    private readonly ArrayBufferWriter<byte> _buffer;

    public SshWriter(int capacity = 256) => _buffer = new ArrayBufferWriter<byte>(capacity);

    public SshWriter(byte messageId)
        : this(256) => Byte(messageId);

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public byte[] ToArray() => _buffer.WrittenSpan.ToArray();

    public SshWriter Byte(byte value) => Raw([value]);

    public SshWriter Boolean(bool value) => Raw([value ? (byte)1 : (byte)0]);

    public SshWriter UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
        return this;
    }

    public SshWriter UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
        return this;
    }

    public SshWriter Raw(ReadOnlySpan<byte> bytes)
    {
        _buffer.Write(bytes);
        return this;
    }

    public SshWriter String(ReadOnlySpan<byte> bytes) => UInt32((uint)bytes.Length).Raw(bytes);

    public SshWriter String(string text) => String(Encoding.UTF8.GetBytes(text));

    public SshWriter NameList(IEnumerable<string> names) => String(string.Join(',', names));

    /// <summary>A positive number, big-endian with any number of leading zeros.</summary>
    public SshWriter Mpint(ReadOnlySpan<byte> magnitude)
    {
        var start = magnitude.IndexOfAnyExcept((byte)0);
        if (start < 0)
        {
            return UInt32(0);
        }

        var digits = magnitude[start..];
        var signByte = (digits[0] & 0x80) != 0;
        UInt32((uint)digits.Length + (signByte ? 1u : 0u));
        return (signByte ? Byte(0) : this).Raw(digits);
    }
}

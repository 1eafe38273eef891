using System.Buffers;
using Fluxd.Core;

namespace Fluxd.Transports.Sftp;

/// <summary>
/// Reads the fields of one packet. A pure function of its bytes: a length is checked before it is used, and
/// anything that does not fit is a <see cref="SftpFormatException"/>.
/// </summary>
internal ref struct SftpReader(ReadOnlySequence<byte> packet)
{
    private SequenceReader<byte> _reader = new(packet);

    public readonly long Remaining => _reader.Remaining;

    public byte ReadByte() => _reader.TryRead(out var value) ? value : throw Short();

    public uint ReadUInt32() => _reader.TryReadBigEndian(out int value) ? (uint)value : throw Short();

    public ulong ReadUInt64() => _reader.TryReadBigEndian(out long value) ? (ulong)value : throw Short();

    /// <summary>An offset or size: negative as a signed number can't be meant.</summary>
    public long ReadOffset()
    {
        var value = ReadUInt64();
        return value <= long.MaxValue ? (long)value : throw new SftpFormatException("an offset is beyond 2^63");
    }

    /// <summary>The bytes stay in the packet's buffer.</summary>
    public ReadOnlySequence<byte> ReadStringInPlace()
    {
        var length = ReadUInt32();
        if (length > _reader.Remaining)
        {
            throw Short();
        }

        var value = _reader.UnreadSequence.Slice(0, length);
        _reader.Advance(length);
        return value;
    }

    public byte[] ReadString(int bytesMax)
    {
        var value = ReadStringInPlace();
        return value.Length <= bytesMax ? value.ToArray() : throw new SftpFormatException("a string is too long");
    }

    /// <summary>A path as the client sent it; one too long is the request's fault, not the connection's.</summary>
    public byte[] ReadPath()
    {
        var value = ReadStringInPlace();
        return value.Length <= Limits.PathBytesMax
            ? value.ToArray()
            : throw new FluxException(FluxError.TooLarge, $"The path is {value.Length} bytes long; at most {Limits.PathBytesMax} are possible.");
    }

    private static SftpFormatException Short() => new("the packet is shorter than its fields");
}

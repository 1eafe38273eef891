using System.Buffers.Binary;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>
/// Reads the fields of one frame. Bytes behind the last field that is known are ignored: that is how fields are added.
/// Every length is checked before it is used; what does not fit is Invalid.
/// </summary>
internal ref struct FrameReader(ReadOnlySpan<byte> frame)
{
    private ReadOnlySpan<byte> _rest = frame;

    public bool IsAtEnd => _rest.IsEmpty;

    public byte U8() => Take(1)[0];

    public bool Flag() => U8() != 0;

    public int U32()
    {
        var value = BinaryPrimitives.ReadUInt32BigEndian(Take(sizeof(uint)));
        return value <= int.MaxValue ? (int)value : throw Short();
    }

    public long I64() => BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long)));

    public ReadOnlySpan<byte> Raw(int length) => Take(length);

    public ReadOnlySpan<byte> Bytes() => Take(U32());

    public string Text() => Encoding.UTF8.GetString(Bytes());

    public string? TextOrNull() => Text() is { Length: > 0 } text ? text : null;

    public FilePath Path() => FilePath.Parse(Bytes());

    public UploadId Upload() => UploadId.From(Take(16));

    /// <summary>How many items follow, each of at least <paramref name="itemBytes"/>.</summary>
    public int Count(int itemBytes, int maximum)
    {
        var count = U32();
        return count <= maximum && (long)count * itemBytes <= _rest.Length
            ? count
            : throw new FluxException(FluxError.TooLarge, $"The frame names {count} items; at most {maximum} are possible.");
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length < 0 || length > _rest.Length)
        {
            throw Short();
        }

        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    private static FluxException Short() => FluxException.Invalid("The frame is shorter than its fields; see the specification of fluxd/1.");
}

using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Fluxd.Transports.Net;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>Builds one frame: big-endian integers, byte strings with a four-byte length.</summary>
internal sealed class FrameWriter : IDisposable
{
    private readonly PooledBytes _bytes = new();

    /// <param name="kind">The operation of a request, the status of an answer.</param>
    public FrameWriter(byte kind)
    {
        U32(0); // the length, known at the end
        U8(FluxdProtocol.Version).U8(kind);
    }

    public FrameWriter U8(byte value)
    {
        _bytes.GetSpan(1)[0] = value;
        _bytes.Advance(1);
        return this;
    }

    public FrameWriter Flag(bool value) => U8(value ? (byte)1 : (byte)0);

    public FrameWriter U32(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(_bytes.GetSpan(sizeof(int)), value);
        _bytes.Advance(sizeof(int));
        return this;
    }

    public FrameWriter I64(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(_bytes.GetSpan(sizeof(long)), value);
        _bytes.Advance(sizeof(long));
        return this;
    }

    public FrameWriter Raw(ReadOnlySpan<byte> value)
    {
        _bytes.Write(value);
        return this;
    }

    public FrameWriter Bytes(ReadOnlySpan<byte> value) => U32(value.Length).Raw(value);

    public FrameWriter Text(string? value) => Bytes(Encoding.UTF8.GetBytes(value ?? ""));

    /// <summary>The whole frame. Nothing may be added afterwards.</summary>
    public ReadOnlyMemory<byte> Finish()
    {
        var frame = _bytes.Written;
        BinaryPrimitives.WriteInt32BigEndian(frame.Span, frame.Length - FluxdProtocol.LengthBytes);
        return frame;
    }

    /// <summary>The frame is sent: nobody looks at it any more.</summary>
    public void Dispose() => _bytes.Dispose();
}

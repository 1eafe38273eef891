using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Fluxd.Core;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>Takes whole frames off a stream.</summary>
internal static class FrameInput
{
    /// <summary>The frame behind its length and version; null when the stream ended before one began.</summary>
    /// <exception cref="FluxException">TooLarge, or Invalid for a version that nobody knows or a stream cut inside a frame.</exception>
    public static async ValueTask<byte[]?> ReadFrameAsync(this PipeReader input, int bytesMax, CancellationToken ct)
    {
        while (true)
        {
            var read = await input.ReadAsync(ct);
            if (read.IsCanceled)
            {
                throw new OperationCanceledException(ct);
            }

            if (TryTake(read.Buffer, bytesMax, out var frame, out var consumed))
            {
                input.AdvanceTo(consumed);
                return frame[0] == FluxdProtocol.Version
                    ? frame[1..]
                    : throw FluxException.Invalid($"The frame has version {frame[0]}; this side speaks version {FluxdProtocol.Version}.");
            }

            var isEmpty = read.Buffer.IsEmpty;
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                return isEmpty ? null : throw FluxException.Invalid("The stream ended inside a frame.");
            }
        }
    }

    /// <summary>The kind of the frame that comes, of which nothing is taken; null when the stream ends before that.</summary>
    public static async ValueTask<byte?> PeekKindAsync(this PipeReader input, CancellationToken ct)
    {
        while (true)
        {
            var read = await input.ReadAsync(ct);
            if (read.IsCanceled)
            {
                throw new OperationCanceledException(ct);
            }

            if (read.Buffer.Length > FluxdProtocol.KindAt)
            {
                var kind = read.Buffer.Slice(FluxdProtocol.KindAt).FirstSpan[0];
                input.AdvanceTo(read.Buffer.Start);
                return kind;
            }

            input.AdvanceTo(read.Buffer.Start, read.IsCompleted ? read.Buffer.Start : read.Buffer.End);
            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    private static bool TryTake(in ReadOnlySequence<byte> buffer, int bytesMax, out byte[] frame, out SequencePosition consumed)
    {
        frame = [];
        consumed = buffer.Start;
        if (buffer.Length < FluxdProtocol.LengthBytes)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[FluxdProtocol.LengthBytes];
        buffer.Slice(0, FluxdProtocol.LengthBytes).CopyTo(prefix);
        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix);
        if (length > bytesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"The frame has {length} bytes; at most {bytesMax} are possible here.");
        }

        if (length < 2)
        {
            throw FluxException.Invalid("A frame has at least a version and a kind.");
        }

        if (buffer.Length < FluxdProtocol.LengthBytes + length)
        {
            return false;
        }

        var body = buffer.Slice(FluxdProtocol.LengthBytes, length);
        frame = body.ToArray();
        consumed = body.End;
        return true;
    }
}

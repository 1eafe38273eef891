using System.Buffers;
using System.IO.Pipelines;
using Fluxd.Core;

namespace Fluxd.Transports.Http.Files;

/// <summary>Reads a body of known, small length whole.</summary>
internal static class SmallBody
{
    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(PipeReader reader, int length, CancellationToken ct)
    {
        var bytes = new byte[length];
        await ReadAsync(reader, bytes, ct);
        return bytes;
    }

    public static async ValueTask ReadAsync(PipeReader reader, Memory<byte> body, CancellationToken ct)
    {
        if (body.Length == 0)
        {
            return;
        }

        var result = await reader.ReadAtLeastAsync(body.Length, ct);
        if (result.Buffer.Length < body.Length)
        {
            reader.AdvanceTo(result.Buffer.End);
            throw FluxException.Invalid("The body ended before its Content-Length.");
        }

        result.Buffer.Slice(0, body.Length).CopyTo(body.Span);
        reader.AdvanceTo(result.Buffer.GetPosition(body.Length));
    }
}

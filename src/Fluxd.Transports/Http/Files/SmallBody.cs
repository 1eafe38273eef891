using System.Buffers;
using System.IO.Pipelines;
using Fluxd.Core;

namespace Fluxd.Transports.Http.Files;

/// <summary>Reads a body of known, small length whole.</summary>
internal static class SmallBody
{
    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(PipeReader reader, int length, CancellationToken ct)
    {
        if (length == 0)
        {
            return ReadOnlyMemory<byte>.Empty;
        }

        var result = await reader.ReadAtLeastAsync(length, ct);
        if (result.Buffer.Length < length)
        {
            reader.AdvanceTo(result.Buffer.End);
            throw FluxException.Invalid("The body ended before its Content-Length.");
        }

        var bytes = result.Buffer.Slice(0, length).ToArray();
        reader.AdvanceTo(result.Buffer.GetPosition(length));
        return bytes;
    }
}

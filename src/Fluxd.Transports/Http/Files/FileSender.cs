using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Http.Files;

/// <summary>Streams ranges of an open file into a response. Bytes are read straight into the response's own memory.</summary>
internal static class FileSender
{
    public static async Task SendAsync(Exchange x, IOpenFile file, SentRange range, CancellationToken ct)
    {
        if (range.Length <= HttpLimits.ResponseBufferBytes)
        {
            // It fits into what the connection holds: nothing here waits for the reader.
            await SendAsync(x, file, range, x.Response.BodyWriter, ct);
            return;
        }

        using var body = new WatchedBody(x);
        await SendAsync(x, file, range, body, ct);
    }

    private static async Task SendAsync(Exchange x, IOpenFile file, SentRange range, PipeWriter writer, CancellationToken ct)
    {
        var offset = range.First;
        while (offset <= range.Last)
        {
            var want = (int)Math.Min(HttpLimits.ReadBufferBytes, range.Last - offset + 1);
            var count = await file.ReadOnAsync(offset, writer.GetMemory(want)[..want], ct);
            if (count == 0)
            {
                // The length was promised; a short body must not look whole.
                throw new FluxException(FluxError.Corrupt, "The file ended before its recorded size.");
            }

            offset += count;
            writer.Advance(count);
            x.Transfer?.Accepted(count);
            var flushed = await writer.FlushAsync(ct);
            if (flushed.IsCompleted)
            {
                return;
            }
        }
    }

    /// <summary>multipart/byteranges (RFC 9110, 14.6).</summary>
    public static async Task SendPartsAsync(Exchange x, IOpenFile file, string type, long size, List<SentRange> ranges, CancellationToken ct)
    {
        var boundary = "fluxd-" + Guid.NewGuid().ToString("N");
        var heads = ranges.Select(r => Encoding.ASCII.GetBytes(
            $"\r\n--{boundary}\r\nContent-Type: {type}\r\nContent-Range: {ContentRange(r, size)}\r\n\r\n")).ToList();
        var tail = Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n");
        x.Response.StatusCode = 206;
        x.Response.ContentType = "multipart/byteranges; boundary=" + boundary;
        x.Response.ContentLength = heads.Sum(h => (long)h.Length) + ranges.Sum(r => r.Length) + tail.Length;
        if (x.IsHead)
        {
            return;
        }

        using var writer = new WatchedBody(x);
        for (var i = 0; i < ranges.Count; i++)
        {
            await writer.WriteAsync(heads[i], ct);
            await SendAsync(x, file, ranges[i], writer, ct);
        }

        await writer.WriteAsync(tail, ct);
    }

    public static string ContentRange(SentRange range, long size) =>
        string.Create(CultureInfo.InvariantCulture, $"bytes {range.First}-{range.Last}/{size}");

    /// <summary>A digest of a stretch, by reading it.</summary>
    public static async Task<ContentDigest> DigestAsync(IOpenFile file, SentRange range, DigestAlgorithm algorithm, CancellationToken ct)
    {
        using var hash = Digests.Start(algorithm);
        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(HttpLimits.ReadBufferBytes);
        try
        {
            for (var offset = range.First; offset <= range.Last;)
            {
                var want = (int)Math.Min(buffer.Length, range.Last - offset + 1);
                var count = await file.ReadOnAsync(offset, buffer.AsMemory(0, want), ct);
                if (count == 0)
                {
                    throw new FluxException(FluxError.Corrupt, "The file ended before its recorded size.");
                }

                hash.AppendData(buffer.AsSpan(0, count));
                offset += count;
            }

            return new ContentDigest(algorithm, hash.GetHashAndReset());
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Files;

namespace Fluxd.Transports.Http.Uploads;

/// <summary>Appends a request's body to a session. The newest request wins; only durable offsets are told.</summary>
internal static class UploadBytes
{
    /// <returns>The durable offset after the body.</returns>
    public static async Task<long> AppendAsync(Exchange x, UploadId id, long offset, CancellationToken ct)
    {
        x.Begin("upload").Note($"upload {id}");
        await using var writer = await x.Services.Uploads.OpenAsync(x.Who, id, ct);
        if (writer.Offset != offset)
        {
            throw OffsetMismatch(writer.Offset, offset);
        }

        await CopyAsync(x, writer, ct);

        // The bytes are here: making them durable must not stop because the client stopped listening.
        var started = Stopwatch.GetTimestamp();
        var durable = await writer.FlushAsync(CancellationToken.None);
        x.Transfer!.Durable(durable - offset, Stopwatch.GetElapsedTime(started));
        return durable;
    }

    private static async Task CopyAsync(Exchange x, IUploadWriter writer, CancellationToken ct)
    {
        var reader = x.Request.BodyReader;
        var maximum = x.Services.Options().PartBytesMax ?? long.MaxValue;
        for (long total = 0; ;)
        {
            var result = await reader.ReadAsync(ct);
            try
            {
                foreach (var segment in result.Buffer)
                {
                    total += segment.Length;
                    if (total > maximum)
                    {
                        throw new FluxException(FluxError.TooLarge, $"One part may have {maximum} bytes here; what arrived before is kept.");
                    }

                    var started = Stopwatch.GetTimestamp();
                    await writer.WriteAsync(segment, ct);
                    x.Transfer!.Accepted(segment.Length);
                    x.Transfer.Waited("a write", Stopwatch.GetElapsedTime(started));
                }
            }
            finally
            {
                // A read that is not ended makes Kestrel close the connection behind the answer.
                reader.AdvanceTo(result.Buffer.End);
            }

            if (result.IsCompleted)
            {
                return;
            }
        }
    }

    /// <summary>A part whose checksum came with it: held until it is proven, so that a damaged one leaves no trace.</summary>
    public static async Task<long> AppendCheckedAsync(Exchange x, UploadId id, long offset, ContentDigest digest, CancellationToken ct)
    {
        var length = x.Request.ContentLength ?? throw new HttpRefusal(411, "length_required", "A part with a checksum needs a Content-Length.");
        if (length > HttpLimits.ChecksummedPartBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"A part with a checksum has at most {HttpLimits.ChecksummedPartBytesMax} bytes.");
        }

        x.Begin("upload").Note($"upload {id}");
        await x.Api.ChecksummedParts.WaitAsync(ct);
        try
        {
            var body = await SmallBody.ReadAsync(x.Request.BodyReader, (int)length, ct);
            CheckPart(digest, body.Span);
            await using var writer = await x.Services.Uploads.OpenAsync(x.Who, id, ct);
            if (writer.Offset != offset)
            {
                throw OffsetMismatch(writer.Offset, offset);
            }

            var started = Stopwatch.GetTimestamp();
            await writer.WriteAsync(body, ct);
            x.Transfer!.Accepted(body.Length);
            var durable = await writer.FlushAsync(CancellationToken.None);
            x.Transfer.Durable(durable - offset, Stopwatch.GetElapsedTime(started));
            return durable;
        }
        finally
        {
            x.Api.ChecksummedParts.Release();
        }
    }

    private static void CheckPart(ContentDigest digest, ReadOnlySpan<byte> body)
    {
        using var hash = Digests.Start(digest.Algorithm);
        hash.AppendData(body);
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(digest.Value.Span))
        {
            throw new HttpRefusal(HttpErrors.ChecksumMismatch, "checksum_mismatch", "The part arrived damaged and was dropped; send it again.");
        }
    }

    public static HttpRefusal OffsetMismatch(long expected, long provided) => new(409, "offset_mismatch", $"The upload stands at {expected}, not at {provided}; go on from there.")
    {
        Type = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
        ExpectedOffset = expected,
        ProvidedOffset = provided,
        Headers = headers => headers["Upload-Offset"] = expected.ToString(CultureInfo.InvariantCulture),
    };

    public static UploadId Id(Exchange x) => UploadId.TryParse(x.Segment("id"), out var id)
        ? id
        : throw FluxException.NotFound("There is no such upload; it may have been finished long ago, cancelled or expired.");

    /// <summary>Complete when nothing is missing; asked twice it answers twice.</summary>
    public static async Task<UploadInfo> FinishIfWholeAsync(Exchange x, UploadInfo info, long durable, CancellationToken ct)
    {
        if (info.Size != durable || info.State == UploadState.Completed || info.IsPart)
        {
            return info with { DurableOffset = durable };
        }

        return await CompleteAsync(x, info.Id, ct);
    }

    public static Task<UploadInfo> CompleteAsync(Exchange x, UploadId id, CancellationToken ct) =>
        x.Services.Uploads.CompleteAsync(x.Who, id, ct);
}

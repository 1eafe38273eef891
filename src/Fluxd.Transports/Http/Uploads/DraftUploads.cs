using System.Globalization;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Http.Wire;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http.Uploads;

/// <summary>"Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload), interop version 8.</summary>
internal static class DraftUploads
{
    private const string InteropVersion = "8";
    private const string PartType = "application/partial-upload";

    public static bool Speaks(Exchange x) => x.Header("Upload-Complete") is not null || x.Header("Upload-Draft-Interop-Version") is not null;

    public static void Describe(Exchange x, UploadInfo? info = null)
    {
        x.Response.Headers["Upload-Draft-Interop-Version"] = InteropVersion;
        x.Response.Headers["Upload-Limit"] = Limit(x, info);
        if (x.Method == "OPTIONS")
        {
            x.Response.Headers["Accept-Patch"] = PartType;
        }
    }

    private static string Limit(Exchange x, UploadInfo? info = null)
    {
        var limit = new StringBuilder();
        if (x.Services.Options().PartBytesMax is { } part)
        {
            limit.Append(CultureInfo.InvariantCulture, $"max-append-size={part}, ");
        }

        limit.Append("min-append-size=0");
        if (info is not null)
        {
            var age = (long)(info.ExpiresAt.ToDateTimeOffset() - x.Services.Clock.GetUtcNow()).TotalSeconds;
            limit.Append(CultureInfo.InvariantCulture, $", max-age={Math.Max(0, age)}");
        }

        return limit.ToString();
    }

    /// <summary>Creation: the target is the request's own path or query; the body is the first part or the whole.</summary>
    public static async Task CreateAsync(Exchange x, FilePath target, CancellationToken ct)
    {
        var complete = Complete(x) ?? throw FluxException.Invalid("The header Upload-Complete must be ?0 or ?1.");
        var size = Size(x, 0, complete);
        var condition = Conditions.ForWrite(x);
        var info = await x.Services.Uploads.CreateAsync(
            x.Who,
            new UploadRequest
            {
                Target = target,
                Size = size,
                ExpectedDigest = Digests.Read(x.Header("Repr-Digest")),
                Precondition = condition,
                MakeParents = true,
                Frontend = "http",
                TransferId = x.Begin("upload").Id,
            },
            ct);
        x.Response.Headers.Location = UploadRoutes.Href(info.Id);
        x.Response.Headers["Upload-Limit"] = Limit(x, info);
        await InterimAsync(x, info, ct);
        var durable = await AppendPartAsync(x, info, 0, ct);
        await AnswerAsync(x, info, durable, complete, created: true, ct);
    }

    public static async Task AppendAsync(Exchange x, CancellationToken ct)
    {
        if (x.Request.ContentType?.Split(';')[0].Trim() != PartType)
        {
            throw new HttpRefusal(415, "unsupported_type", $"A part is sent as {PartType}.");
        }

        var complete = Complete(x) ?? throw FluxException.Invalid("The header Upload-Complete must be ?0 or ?1.");
        var offset = x.HeaderLong("Upload-Offset") ?? throw FluxException.Invalid("The header Upload-Offset is missing.");
        var id = UploadBytes.Id(x);
        var info = await x.Services.Uploads.GetAsync(x.Who, id, ct);
        if (info.State == UploadState.Completed)
        {
            throw new HttpRefusal(400, "completed_upload", "The upload is complete already.")
            {
                Type = "https://iana.org/assignments/http-problem-types#completed-upload",
                Headers = h => h["Upload-Complete"] = "?1",
            };
        }

        if (Size(x, offset, complete) is { } size && size != info.Size)
        {
            info = info.Size is null ? await x.Services.Uploads.SetSizeAsync(x.Who, id, size, ct) : throw Inconsistent();
        }

        x.Response.Headers["Upload-Complete"] = "?0";
        var durable = await AppendPartAsync(x, info, offset, ct);
        await AnswerAsync(x, info, durable, complete, created: false, ct);
    }

    private static Task<long> AppendPartAsync(Exchange x, UploadInfo info, long offset, CancellationToken ct)
    {
        var digest = Digests.Read(x.Header("Content-Digest"));
        return digest is not null && x.Request.ContentLength is <= HttpLimits.ChecksummedPartBytesMax
            ? UploadBytes.AppendCheckedAsync(x, info.Id, offset, digest, ct)
            : UploadBytes.AppendAsync(x, info.Id, offset, ct);
    }

    private static async Task AnswerAsync(Exchange x, UploadInfo info, long durable, bool complete, bool created, CancellationToken ct)
    {
        var headers = x.Response.Headers;
        headers["Upload-Draft-Interop-Version"] = InteropVersion;
        headers["Upload-Offset"] = durable.ToString(CultureInfo.InvariantCulture);
        headers["Upload-Complete"] = "?0";
        if (!complete)
        {
            await x.AnswerAsync(created ? 201 : 204);
            return;
        }

        if (info.Size is null)
        {
            await x.Services.Uploads.SetSizeAsync(x.Who, info.Id, durable, ct);
        }
        else if (info.Size != durable)
        {
            throw Inconsistent();
        }

        var done = await UploadBytes.CompleteAsync(x, info.Id, ct);
        headers["Upload-Complete"] = "?1";
        if (done.Result is { } node)
        {
            headers.ETag = ETag.Of(node.ContentTag.Span);
            headers["Content-Location"] = HttpPaths.FilesUrl(done.Target);
        }

        await x.JsonAsync(created ? 201 : 200, UploadEntry.From(done), WireJson.Default.UploadEntry, ct);
    }

    private static bool? Complete(Exchange x) => x.Header("Upload-Complete") switch
    {
        "?1" => true,
        "?0" => false,
        _ => null,
    };

    /// <summary>The final size, as far as this request tells it; two ways of telling must agree.</summary>
    private static long? Size(Exchange x, long offset, bool complete)
    {
        var told = x.HeaderLong("Upload-Length");
        var implied = complete && x.Request.ContentLength is { } length ? offset + length : (long?)null;
        return told is not null && implied is not null && told != implied ? throw Inconsistent() : told ?? implied;
    }

    private static HttpRefusal Inconsistent() => new(400, "inconsistent_length", "The lengths that were told for this upload contradict each other.")
    {
        Type = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length",
    };

    /// <summary>
    /// 104 (Upload Resumption Supported): tells the address before the body is read. The framework can't send it, so over
    /// HTTP/1.1 the bytes go to the connection itself. That is sound here because nothing of the response was written,
    /// and no pending body read can make the framework write its own 100 (Continue) at the same time.
    /// Clients that don't know the draft get none.
    /// </summary>
    private static async Task InterimAsync(Exchange x, UploadInfo info, CancellationToken ct)
    {
        if (x.Request.Protocol != HttpProtocol.Http11 || x.Header("Upload-Draft-Interop-Version") != InteropVersion
            || x.Http.Features.Get<IConnectionTransportFeature>()?.Transport is not { } transport)
        {
            return;
        }

        var head = $"HTTP/1.1 104 Upload Resumption Supported\r\nLocation: {x.Absolute(UploadRoutes.Href(info.Id))}\r\n"
            + $"Upload-Draft-Interop-Version: {InteropVersion}\r\nUpload-Limit: {Limit(x, info)}\r\n\r\n";
        await transport.Output.WriteAsync(Encoding.ASCII.GetBytes(head), ct);
    }
}

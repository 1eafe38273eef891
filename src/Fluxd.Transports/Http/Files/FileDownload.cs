using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http.Files;

/// <summary>GET and HEAD of a file: conditions, ranges, digests, types.</summary>
internal static class FileDownload
{
    /// <summary>Smaller downloads are not worth a timeline of their own; their errors still get one.</summary>
    private const long TimelineBytesMin = 1 << 20;

    public static async Task HandleAsync(Exchange x, CancellationToken ct)
    {
        if (x.HasTrailingSlash || x.Path.IsRoot || x.Query("list") is not null)
        {
            await FolderRoutes.ListAsync(x, ct);
            return;
        }

        IOpenFile file;
        try
        {
            file = await OpenAsync(x, ct);
        }
        catch (FluxException error) when (error.Error == FluxError.IsFolder)
        {
            await FolderRoutes.ListAsync(x, ct);
            return;
        }

        await using (file)
        {
            await SendAsync(x, file, ct);
        }
    }

    private static Task<IOpenFile> OpenAsync(Exchange x, CancellationToken ct) => x.QueryLong("version") is { } version
        ? x.Services.Versions.OpenAsync(x.Who, x.Path, version, ct)
        : x.Services.Files.OpenAsync(x.Who, x.Path, new OpenRequest { Access = OpenAccess.Read, Frontend = "http" }, ct);

    private static async Task SendAsync(Exchange x, IOpenFile file, CancellationToken ct)
    {
        var node = await file.StatAsync(ct);
        var etag = node.ContentTag.IsEmpty ? null : ETag.Of(node.ContentTag.Span);
        var modified = node.ModifiedAt.ToDateTimeOffset();
        var headers = x.Response.Headers;
        headers.ETag = etag;
        headers.LastModified = Conditions.Whole(modified).ToString("r");
        headers.AcceptRanges = "bytes";
        headers.CacheControl = "private, no-cache";
        headers.Append("Vary", "Authorization, Cookie");
        switch (Conditions.Evaluate(x, etag, modified))
        {
            case ConditionResult.NotModified:
                await x.AnswerAsync(304);
                return;
            case ConditionResult.Failed:
                throw Conditions.Failed();
        }

        var type = ContentTypes.Of(x.Path.Name);
        headers.ContentDisposition = Disposition.Format(x.QueryFlag("download") || !ContentTypes.IsHarmlessInline(type), x.Path.Name.Bytes);
        await AddReprDigestAsync(x, file, node, ct);

        // Range means something for GET only; If-Range must match the strong tag or the exact date.
        var header = !x.IsHead && RangeApplies(x, etag, modified) ? x.Header("Range") : null;
        var outcome = RangeHeader.Parse(header, node.Size, out var ranges);
        if (outcome == RangeOutcome.Unsatisfiable)
        {
            throw new HttpRefusal(416, "range_not_satisfiable", $"The file has {node.Size} bytes; none of them is in the range.")
            {
                Headers = h => h.ContentRange = $"bytes */{node.Size}",
            };
        }

        if (node.Size >= TimelineBytesMin && !x.IsHead)
        {
            x.Begin("download");
        }

        if (ranges.Count > 1)
        {
            await FileSender.SendPartsAsync(x, file, type, node.Size, ranges, ct);
            return;
        }

        await SendOneAsync(x, file, node, type, outcome == RangeOutcome.Parts ? ranges[0] : null, ct);
    }

    private static async Task SendOneAsync(Exchange x, IOpenFile file, NodeInfo node, string type, SentRange? part, CancellationToken ct)
    {
        var range = part ?? new SentRange(0, node.Size - 1);
        x.Response.StatusCode = part is null ? 200 : 206;
        x.Response.ContentType = type;
        x.Response.ContentLength = range.Length;
        if (part is not null)
        {
            x.Response.Headers.ContentRange = FileSender.ContentRange(range, node.Size);
        }

        if (Digests.Wanted(x.Header("Want-Content-Digest")) is { } wanted && range.Length <= HttpLimits.DigestOnDemandBytesMax)
        {
            x.Response.Headers["Content-Digest"] = Digests.Format(await FileSender.DigestAsync(file, range, wanted, ct));
        }

        if (!x.IsHead && range.Length > 0)
        {
            await FileSender.SendAsync(x, file, range, ct);
        }
    }

    private static bool RangeApplies(Exchange x, string? etag, DateTimeOffset modified) => x.Header("If-Range") is not { } condition
        || (condition.StartsWith('"') ? condition == etag : Conditions.Date(condition) is { } date && date == Conditions.Whole(modified));

    /// <summary>
    /// The digest of the whole file: sent when the index knows it, and when a client wants it and it costs little.
    /// It is that of the content which is sent, whatever the name shows meanwhile. Of old versions only what is asked for.
    /// </summary>
    private static async Task AddReprDigestAsync(Exchange x, IOpenFile file, NodeInfo node, CancellationToken ct)
    {
        var wanted = Digests.Wanted(x.Header("Want-Repr-Digest"));
        var isOld = x.Query("version") is not null;
        if (wanted is null && (isOld || x.IsHead is false && node.Size < ContentDigestWorth))
        {
            return;
        }

        var algorithm = wanted ?? DigestAlgorithm.Sha256;
        var digest = await file.FindDigestAsync(algorithm, ct);
        if (digest is null && wanted is not null && node.Size <= HttpLimits.DigestOnDemandBytesMax)
        {
            digest = await FileSender.DigestAsync(file, new SentRange(0, node.Size - 1), algorithm, ct);
            if (!isOld && x.Who.Has(Scopes.Write))
            {
                await x.Services.Files.RememberDigestAsync(x.Who, x.Path, node.Version, digest, ct);
            }
        }

        if (digest is not null)
        {
            x.Response.Headers["Repr-Digest"] = Digests.Format(digest);
        }
    }

    /// <summary>Unasked, a look into the index per tiny file would cost more than the file.</summary>
    private const long ContentDigestWorth = 64 << 10;
}

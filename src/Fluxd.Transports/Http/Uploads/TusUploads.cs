using System.Globalization;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Files;

namespace Fluxd.Transports.Http.Uploads;

/// <summary>tus 1.0.0 with creation, creation-with-upload, creation-defer-length, expiration, checksum, termination, concatenation.</summary>
internal static class TusUploads
{
    private const string Version = "1.0.0";
    private const string BodyType = "application/offset+octet-stream";

    public static bool Speaks(Exchange x) => x.Header("Tus-Resumable") is not null;

    public static void Greet(Exchange x)
    {
        x.Response.Headers["Tus-Resumable"] = Version;
        if (x.Header("Tus-Resumable") != Version)
        {
            throw new HttpRefusal(412, "tus_version", "This server speaks tus 1.0.0.") { Headers = h => h["Tus-Version"] = Version };
        }
    }

    public static void Describe(Exchange x)
    {
        var headers = x.Response.Headers;
        headers["Tus-Resumable"] = Version;
        headers["Tus-Version"] = Version;
        headers["Tus-Extension"] = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation";
        headers["Tus-Checksum-Algorithm"] = "sha1,sha256,sha512,md5";
    }

    public static async Task CreateAsync(Exchange x, CancellationToken ct)
    {
        Greet(x);
        var metadata = x.Header("Upload-Metadata");
        var concat = x.Header("Upload-Concat")?.Trim();
        if (concat?.StartsWith("final;", StringComparison.Ordinal) == true)
        {
            await ConcatenateAsync(x, concat[6..], metadata, ct);
            return;
        }

        if (concat is not (null or "partial"))
        {
            throw FluxException.Invalid("Upload-Concat must be \"partial\" or \"final;\" with the parts' addresses.");
        }

        var info = await x.Services.Uploads.CreateAsync(x.Who, Request(x, metadata, concat == "partial"), ct);
        var durable = 0L;
        if (x.Request.ContentType == BodyType)
        {
            durable = await AppendBodyAsync(x, info.Id, 0, ct);
        }

        info = await UploadBytes.FinishIfWholeAsync(x, info, durable, ct);
        Created(x, info);
        x.Response.Headers["Upload-Offset"] = durable.ToString(CultureInfo.InvariantCulture);
        await x.AnswerAsync(201);
    }

    private static UploadRequest Request(Exchange x, string? metadata, bool isPart) => new()
    {
        Target = isPart ? PathOrRoot(metadata) : HttpPaths.FromText(Path(metadata)),
        Size = Size(x),
        MakeParents = true,
        Metadata = metadata,
        IsPart = isPart,
        Frontend = "http",
        TransferId = x.Begin("upload").Id,
        Attributes = Modified(metadata),
    };

    private static long? Size(Exchange x)
    {
        var size = x.HeaderLong("Upload-Length");
        var defer = x.Header("Upload-Defer-Length");
        if (defer is not (null or "1") || (size is null) == (defer is null))
        {
            throw FluxException.Invalid("Send either Upload-Length or \"Upload-Defer-Length: 1\".");
        }

        return size;
    }

    private static async Task ConcatenateAsync(Exchange x, string list, string? metadata, CancellationToken ct)
    {
        var parts = list.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(address =>
            UploadId.TryParse(address.TrimEnd('/').Split('/')[^1], out var id) ? id : throw FluxException.NotFound($"There is no part \"{address}\".")).ToList();
        if (parts.Count == 0 || x.Header("Upload-Length") is not null)
        {
            throw FluxException.Invalid("A final upload names its parts and has no Upload-Length.");
        }

        var request = new UploadRequest
        {
            Target = HttpPaths.FromText(Path(metadata)),
            MakeParents = true,
            Metadata = metadata,
            Frontend = "http",
            TransferId = x.Begin("upload").Id,
        };
        var info = await x.Services.Uploads.ConcatenateAsync(x.Who, parts, request, ct);
        if (info.State != UploadState.Completed)
        {
            info = await UploadBytes.CompleteAsync(x, info.Id, ct);
        }

        Created(x, info);
        await x.AnswerAsync(201);
    }

    public static async Task AppendAsync(Exchange x, CancellationToken ct)
    {
        Greet(x);
        if (x.Request.ContentType != BodyType)
        {
            throw new HttpRefusal(415, "unsupported_type", $"A tus part is sent as {BodyType}.");
        }

        var offset = x.HeaderLong("Upload-Offset") ?? throw FluxException.Invalid("The header Upload-Offset is missing.");
        var id = UploadBytes.Id(x);
        if (x.HeaderLong("Upload-Length") is { } size)
        {
            await x.Services.Uploads.SetSizeAsync(x.Who, id, size, ct);
        }

        var info = await x.Services.Uploads.GetAsync(x.Who, id, ct);
        if (info.State == UploadState.Completed)
        {
            Repeated(x, info, offset);
            await x.AnswerAsync(204);
            return;
        }

        if (info.Size is { } total && x.Request.ContentLength is { } length && length > total - offset)
        {
            throw new FluxException(FluxError.TooLarge, "The part goes beyond the Upload-Length.");
        }

        var durable = await AppendBodyAsync(x, id, offset, ct);
        info = await UploadBytes.FinishIfWholeAsync(x, info, durable, ct);
        Show(x, info);
        x.Response.Headers["Upload-Offset"] = durable.ToString(CultureInfo.InvariantCulture);
        await x.AnswerAsync(204);
    }

    /// <summary>The last part's answer was lost and the client asks at the end: it hears that all is there.</summary>
    private static void Repeated(Exchange x, UploadInfo info, long offset)
    {
        if (offset != info.DurableOffset || x.Request.ContentLength is > 0)
        {
            throw UploadBytes.OffsetMismatch(info.DurableOffset, offset);
        }

        Show(x, info);
        x.Response.Headers["Upload-Offset"] = info.DurableOffset.ToString(CultureInfo.InvariantCulture);
    }

    private static Task<long> AppendBodyAsync(Exchange x, UploadId id, long offset, CancellationToken ct) => x.Header("Upload-Checksum") is { } checksum
        ? UploadBytes.AppendCheckedAsync(x, id, offset, Checksum(checksum), ct)
        : UploadBytes.AppendAsync(x, id, offset, ct);

    private static ContentDigest Checksum(string text)
    {
        var space = text.IndexOf(' ');
        var algorithm = space < 0 ? null : Digests.Parse(text[..space]);
        var buffer = new byte[64 + 8];
        return algorithm is { } known && Convert.TryFromBase64String(text[(space + 1)..].Trim(), buffer, out var length) && length == Digests.Length(known)
            ? new ContentDigest(known, buffer.AsMemory(0, length))
            : throw FluxException.Invalid("Upload-Checksum is an algorithm (sha1, sha256, sha512, md5), a space and the Base64 of its digest.");
    }

    private static void Created(Exchange x, UploadInfo info)
    {
        x.Response.Headers.Location = UploadRoutes.Href(info.Id);
        Expires(x, info);
    }

    public static void Show(Exchange x, UploadInfo info)
    {
        Greet(x);
        var headers = x.Response.Headers;
        if (info.Metadata is not null)
        {
            headers["Upload-Metadata"] = info.Metadata;
        }

        if (info.Size is null)
        {
            headers["Upload-Defer-Length"] = "1";
        }

        if (info.IsPart)
        {
            headers["Upload-Concat"] = "partial";
        }

        Expires(x, info);
    }

    private static void Expires(Exchange x, UploadInfo info)
    {
        if (info.State == UploadState.Open)
        {
            x.Response.Headers["Upload-Expires"] = info.ExpiresAt.ToDateTimeOffset().ToString("r");
        }
    }

    public static string PathOfMetadata(Exchange x) => Path(x.Header("Upload-Metadata"));

    /// <summary>"path" is a whole path; "filename" (what browsers' clients send) a name in the home folder.</summary>
    private static string Path(string? metadata)
    {
        var values = Values(metadata);
        if (values.TryGetValue("path", out var path) && path.Length > 0)
        {
            return path;
        }

        return values.TryGetValue("filename", out var name) && name.Length > 0 && !name.Contains('/', StringComparison.Ordinal)
            ? name
            : throw FluxException.Invalid("Upload-Metadata must name the target: \"path\", or \"filename\" for the home folder.");
    }

    private static FilePath PathOrRoot(string? metadata)
    {
        var values = Values(metadata);
        return values.ContainsKey("path") || values.ContainsKey("filename") ? HttpPaths.FromText(Path(metadata)) : FilePath.Root;
    }

    private static AttributeChange? Modified(string? metadata) =>
        Values(metadata).TryGetValue("mtime", out var text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds) && Math.Abs(seconds) < 9_000_000_000
            ? new AttributeChange { ModifiedAt = FileTime.FromSeconds(seconds) }
            : null;

    public static Dictionary<string, string> Values(string? metadata)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        if (metadata?.Length > Limits.UploadMetadataBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"Upload-Metadata has at most {Limits.UploadMetadataBytesMax} bytes.");
        }

        foreach (var pair in (metadata ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var space = pair.IndexOf(' ');
            var key = space < 0 ? pair : pair[..space];
            if (!values.TryAdd(key, space < 0 ? "" : Text(pair[(space + 1)..].Trim())))
            {
                throw FluxException.Invalid($"Upload-Metadata names \"{key}\" twice.");
            }
        }

        return values;
    }

    private static string Text(string base64)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Convert.FromBase64String(base64));
        }
        catch (Exception error) when (error is FormatException or DecoderFallbackException)
        {
            throw FluxException.Invalid("Upload-Metadata is a list of keys with Base64 values of UTF-8 text.");
        }
    }
}

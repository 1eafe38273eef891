using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Uploads;

/// <summary>
/// One address for three ways of resuming: tus 1.0 (header Tus-Resumable), the IETF draft (Upload-Complete), and plain
/// JSON (for our own client). All work on the same sessions.
/// </summary>
internal static class UploadRoutes
{
    private static readonly string[] UploadHeaders =
        ["Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Concat", "Upload-Checksum", "Upload-Complete", "Upload-Draft-Interop-Version", "Repr-Digest"];

    public static readonly Route[] All =
    [
        new("OPTIONS", "/v1/uploads", "What the resumable upload protocols here can do.", OptionsAsync) { Traits = RouteTraits.Anonymous, Success = 204 },
        new("OPTIONS", "/v1/uploads/{id}", "What the resumable upload protocols here can do.", OptionsAsync) { Traits = RouteTraits.Anonymous, Success = 204 },
        new("GET", "/v1/uploads", "Unfinished and just finished uploads, whatever protocol began them.", ListAsync)
        {
            Answer = typeof(UploadList), Query = ["cursor: where the next page begins", "limit: entries of a page (1000)"],
        },
        new("POST", "/v1/uploads", "Begin an upload: tus, IETF draft (?path=) or JSON.", CreateAsync)
        {
            Traits = RouteTraits.Transfer, Body = typeof(UploadBody), Answer = typeof(UploadEntry), Success = 201, Headers = UploadHeaders,
        },
        new("HEAD", "/v1/uploads/{id}", "Where an upload stands, in headers.", HeadAsync),
        new("GET", "/v1/uploads/{id}", "Where an upload stands, in headers and JSON.", GetAsync) { Answer = typeof(UploadEntry) },
        new("PATCH", "/v1/uploads/{id}", "Append bytes at Upload-Offset.", AppendAsync) { Traits = RouteTraits.Transfer, Success = 204, Headers = ["Upload-Offset", .. UploadHeaders] },
        new("POST", "/v1/uploads/{id}/complete", "Publish an upload that has all its bytes. Idempotent.", CompleteAsync) { Answer = typeof(UploadEntry) },
        new("DELETE", "/v1/uploads/{id}", "Cancel an upload.", CancelAsync) { Success = 204 },
    ];

    private static Task OptionsAsync(Exchange x, CancellationToken ct)
    {
        TusUploads.Describe(x);
        DraftUploads.Describe(x);
        return x.AnswerAsync(204);
    }

    private static async Task ListAsync(Exchange x, CancellationToken ct)
    {
        x.Who.Require(Scopes.Write);
        var page = await x.Services.Uploads.ListAsync(x.Who, x.Query("cursor"), x.QueryCount("limit", Limits.ListPageMax, Limits.ListPageMax), ct);
        await x.JsonAsync(200, new UploadList([.. page.Entries.Select(UploadEntry.From)], page.Next), WireJson.Default.UploadList, ct);
    }

    private static Task CreateAsync(Exchange x, CancellationToken ct) =>
        TusUploads.Speaks(x) ? TusUploads.CreateAsync(x, ct)
        : DraftUploads.Speaks(x) ? DraftUploads.CreateAsync(x, HttpPaths.FromText(x.Query("path") ?? TusUploads.PathOfMetadata(x)), ct)
        : CreateByJsonAsync(x, ct);

    private static async Task CreateByJsonAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.UploadBody, ct);
        var info = await x.Services.Uploads.CreateAsync(
            x.Who,
            new UploadRequest
            {
                Target = HttpPaths.FromText(body.Path),
                Size = body.Size is null or >= 0 ? body.Size : throw FluxException.Invalid("\"size\" can't be negative."),
                ExpectedDigest = Sha256(body.Sha256),
                WantSha256 = true,
                Precondition = Condition(body),
                Attributes = body.ModifiedAt is null && body.Mode is null ? null : FolderRoutes.Change(body.Mode, body.ModifiedAt),
                MakeParents = body.Parents,
                Frontend = "http",
                TransferId = x.Begin("upload").Id,
            },
            ct);
        x.Response.Headers.Location = Href(info.Id);
        await x.JsonAsync(201, UploadEntry.From(info), WireJson.Default.UploadEntry, ct);
    }

    private static Precondition Condition(UploadBody body) => body.IfNoneMatch ? Precondition.MustNotExist
        : body.IfMatch is null ? Precondition.None
        : new Precondition { MustExist = true, Tags = [ETag.Parse(body.IfMatch) ?? throw FluxException.Invalid("\"ifMatch\" must be a quoted strong entity tag.")] };

    private static ContentDigest? Sha256(string? hex)
    {
        if (hex is null)
        {
            return null;
        }

        return hex.Length == 64 && hex.All(char.IsAsciiHexDigit)
            ? new ContentDigest(DigestAlgorithm.Sha256, Convert.FromHexString(hex))
            : throw FluxException.Invalid("\"sha256\" must have 64 hex digits.");
    }

    private static async Task HeadAsync(Exchange x, CancellationToken ct)
    {
        await ShowAsync(x, ct);
        await x.AnswerAsync(TusUploads.Speaks(x) ? 200 : 204);
    }

    /// <summary>All that HEAD says, for clients behind proxies that mistreat HEAD.</summary>
    private static async Task GetAsync(Exchange x, CancellationToken ct) =>
        await x.JsonAsync(200, UploadEntry.From(await ShowAsync(x, ct)), WireJson.Default.UploadEntry, ct);

    private static async Task<UploadInfo> ShowAsync(Exchange x, CancellationToken ct)
    {
        x.Who.Require(Scopes.Write);
        x.Response.Headers.CacheControl = "no-store";
        var info = await x.Services.Uploads.GetAsync(x.Who, UploadBytes.Id(x), ct);
        var headers = x.Response.Headers;
        headers["Upload-Offset"] = info.DurableOffset.ToString(CultureInfo.InvariantCulture);
        headers["Upload-Complete"] = info.State == UploadState.Completed ? "?1" : "?0";
        if (info.Size is { } size)
        {
            headers["Upload-Length"] = size.ToString(CultureInfo.InvariantCulture);
        }

        if (TusUploads.Speaks(x))
        {
            TusUploads.Show(x, info);
        }
        else
        {
            DraftUploads.Describe(x, info);
        }

        return info;
    }

    private static Task AppendAsync(Exchange x, CancellationToken ct) =>
        TusUploads.Speaks(x) ? TusUploads.AppendAsync(x, ct)
        : DraftUploads.Speaks(x) ? DraftUploads.AppendAsync(x, ct)
        : PlainAppendAsync(x, ct);

    /// <summary>Without a protocol's headers: bytes at Upload-Offset; completion is a call of its own.</summary>
    private static async Task PlainAppendAsync(Exchange x, CancellationToken ct)
    {
        var offset = x.HeaderLong("Upload-Offset") ?? throw FluxException.Invalid("The header Upload-Offset is missing.");
        var durable = await UploadBytes.AppendAsync(x, UploadBytes.Id(x), offset, ct);
        x.Response.Headers["Upload-Offset"] = durable.ToString(CultureInfo.InvariantCulture);
        await x.AnswerAsync(204);
    }

    private static async Task CompleteAsync(Exchange x, CancellationToken ct) =>
        await x.JsonAsync(200, UploadEntry.From(await UploadBytes.CompleteAsync(x, UploadBytes.Id(x), ct)), WireJson.Default.UploadEntry, ct);

    private static async Task CancelAsync(Exchange x, CancellationToken ct)
    {
        if (TusUploads.Speaks(x))
        {
            TusUploads.Greet(x);
        }

        await x.Services.Uploads.CancelAsync(x.Who, UploadBytes.Id(x), ct);
        await x.AnswerAsync(204);
    }

    public static string Href(UploadId id) => "/v1/uploads/" + id;
}

using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Files;

/// <summary>The past: versions, trash, snapshots.</summary>
internal static class VersionRoutes
{
    public static readonly Route[] All =
    [
        new("GET", "/v1/versions/{path*}", "A file's versions, newest first; read one with GET /v1/files/…?version=N.", ListAsync)
        {
            Answer = typeof(VersionList), Query = ["before: only versions older than this number", "limit: versions of a page (1000)"],
        },
        new("POST", "/v1/restore", "Make an old version the current one.", RestoreAsync) { Body = typeof(RestoreBody), Answer = typeof(NodeEntry) },
        new("GET", "/v1/trash", "What was removed and can be put back.", TrashAsync)
        {
            Answer = typeof(TrashList), Query = ["cursor: where the next page begins", "limit: entries of a page (1000)"],
        },
        new("POST", "/v1/trash/{id}", "Put a removed node back, to its old place or to another.", RestoreTrashAsync)
        {
            Body = typeof(TrashRestoreBody), Answer = typeof(NodeEntry),
        },
        new("DELETE", "/v1/trash/{id}", "Remove from the trash for good.", PurgeAsync) { Success = 204 },
        new("GET", "/v1/snapshots", "Moments that can be read below /v1/files/.snapshots/, newest first.", SnapshotsAsync)
        {
            Answer = typeof(SnapshotList), Query = ["cursor: where the next page begins", "limit: entries of a page (1000)"],
        },
    ];

    private static async Task ListAsync(Exchange x, CancellationToken ct)
    {
        var before = x.QueryLong("before") ?? long.MaxValue;
        var limit = x.QueryCount("limit", Limits.ListPageMax, Limits.ListPageMax);
        var versions = await x.Services.Versions.ListAsync(x.Who, x.Path, ct);
        var left = versions.Where(v => v.Version < before).ToList();
        var page = left.Take(limit).Select(v => new VersionEntry(
            v.Version, v.Size, v.ContentTag.IsEmpty ? null : ETag.Of(v.ContentTag.Span), v.ModifiedAt.ToDateTimeOffset(), v.CreatedAt.ToDateTimeOffset(), v.Author, v.IsCurrent)).ToList();
        await x.JsonAsync(200, new VersionList(page, left.Count > limit ? page[^1].Version : null), WireJson.Default.VersionList, ct);
    }

    private static async Task RestoreAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.RestoreBody, ct);
        var path = HttpPaths.FromText(body.Path);
        await x.NodeAsync(200, path, await x.Services.Versions.RestoreAsync(x.Who, path, body.Version, ct), ct);
    }

    private static async Task TrashAsync(Exchange x, CancellationToken ct)
    {
        var page = await x.Services.Versions.ListTrashAsync(x.Who, x.Query("cursor"), x.QueryCount("limit", Limits.ListPageMax, Limits.ListPageMax), ct);
        var items = page.Entries.Select(e => new TrashItem(
            e.NodeId, e.Path.ToString(), NodeEntry.KindText(e.Kind), e.Size, e.RemovedAt.ToDateTimeOffset(), e.ExpiresAt.ToDateTimeOffset()));
        await x.JsonAsync(200, new TrashList([.. items], page.Next), WireJson.Default.TrashList, ct);
    }

    private static async Task RestoreTrashAsync(Exchange x, CancellationToken ct)
    {
        var to = x.Request.ContentLength is null or 0 ? null : (await x.ReadJsonAsync(WireJson.Default.TrashRestoreBody, ct)).To;
        var path = to is null ? null : HttpPaths.FromText(to);
        var id = Id(x);
        var old = path ?? await FindAsync(x, id, ct);
        await x.NodeAsync(200, old, await x.Services.Versions.RestoreTrashAsync(x.Who, id, path, ct), ct);
    }

    /// <summary>Where a trash entry was: walked page by page, because only the answer's path needs it.</summary>
    private static async Task<FilePath> FindAsync(Exchange x, long id, CancellationToken ct)
    {
        for (string? cursor = null; ;)
        {
            var page = await x.Services.Versions.ListTrashAsync(x.Who, cursor, Limits.ListPageMax, ct);
            if (page.Entries.FirstOrDefault(e => e.NodeId == id) is { } entry)
            {
                return entry.Path;
            }

            cursor = page.Next ?? throw FluxException.NotFound("The trash holds nothing with that id.");
        }
    }

    private static async Task PurgeAsync(Exchange x, CancellationToken ct)
    {
        await x.Services.Versions.PurgeTrashAsync(x.Who, Id(x), ct);
        await x.AnswerAsync(204);
    }

    private static async Task SnapshotsAsync(Exchange x, CancellationToken ct)
    {
        // A name is its moment, so the last one of a page is where the next begins, whatever comes and goes meanwhile.
        var (cursor, limit) = (x.Query("cursor"), x.QueryCount("limit", Limits.ListPageMax, Limits.ListPageMax));
        var names = await x.Services.Versions.ListSnapshotsAsync(x.Who, ct);
        var left = names.Where(name => cursor is null || string.CompareOrdinal(name.ToString(), cursor) < 0).ToList();
        var page = left.Take(limit).Select(name => new SnapshotEntry(name.ToString(), "/v1/files/.snapshots/" + HttpPaths.Encode(name) + "/")).ToList();
        await x.JsonAsync(200, new SnapshotList(page, left.Count > limit ? page[^1].Name : null), WireJson.Default.SnapshotList, ct);
    }

    private static long Id(Exchange x) => long.TryParse(x.Segment("id"), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        ? id
        : throw FluxException.NotFound("The trash holds nothing with that id.");
}

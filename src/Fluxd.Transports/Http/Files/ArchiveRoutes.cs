using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Files;

/// <summary>Folders and selections as one zip or tar, streamed: nothing is built on disk or in memory first.</summary>
internal static class ArchiveRoutes
{
    public static readonly Route[] All =
    [
        new("GET", "/v1/archive/{path*}", "A folder (or one file) as a zip or tar stream.", GetAsync)
        {
            Traits = RouteTraits.Transfer, Query = ["format: zip or tar"],
        },
        new("POST", "/v1/archive", "A selection as a zip or tar stream.", PostAsync) { Traits = RouteTraits.Transfer, Body = typeof(ArchiveBody) },
    ];

    private static Task GetAsync(Exchange x, CancellationToken ct)
    {
        var name = x.Path.IsRoot ? "files" : x.Path.Name.ToString();
        return SendAsync(x, [x.Path], x.Query("format") ?? "zip", name, ct);
    }

    private static async Task PostAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.ArchiveBody, ct);
        if (body.Paths.Count is 0 or > HttpLimits.ArchiveSelectionMax)
        {
            throw FluxException.Invalid($"Select 1 to {HttpLimits.ArchiveSelectionMax} paths.");
        }

        await SendAsync(x, [.. body.Paths.Select(HttpPaths.FromText)], body.Format, body.Name ?? "files", ct);
    }

    private static async Task SendAsync(Exchange x, IReadOnlyList<FilePath> paths, string format, string name, CancellationToken ct)
    {
        if (format is not ("zip" or "tar"))
        {
            throw FluxException.Invalid("\"format\" must be zip or tar.");
        }

        var roots = new List<(FilePath Path, NodeInfo Node)>();
        foreach (var path in paths)
        {
            // All names are checked before the first byte goes out.
            roots.Add((path, await x.Services.Files.StatAsync(x.Who, path, followLink: false, ct)));
        }

        x.Begin("archive");
        x.Response.ContentType = format == "zip" ? "application/zip" : "application/x-tar";
        x.Response.Headers.CacheControl = "no-store";
        x.Response.Headers.ContentDisposition = Disposition.Format(true, System.Text.Encoding.UTF8.GetBytes($"{name}.{format}"));
        if (x.IsHead)
        {
            return;
        }

        await x.Response.StartAsync(ct);
        using var body = new WatchedBody(x);
        var output = body.AsStream(leaveOpen: true);
        await using IArchive archive = format == "zip" ? await ZipStream.StartAsync(output, ct) : new TarStream(output);
        foreach (var (path, node) in roots)
        {
            await AddAsync(x, archive, path, node, node.Kind == NodeKind.Folder && paths.Count == 1 ? "" : node.Name.ToString(), 0, ct);
        }

        await archive.FinishAsync(ct);
    }

    private static async Task AddAsync(Exchange x, IArchive archive, FilePath path, NodeInfo node, string name, int depth, CancellationToken ct)
    {
        if (depth > HttpLimits.ArchiveDepthMax)
        {
            throw new FluxException(FluxError.TooLarge, "The folders are nested too deeply for an archive.");
        }

        switch (node.Kind)
        {
            case NodeKind.Symlink:
                await archive.LinkAsync(name, node, await x.Services.Files.ReadLinkAsync(x.Who, path, ct), ct);
                break;
            case NodeKind.File:
                await using (var file = await x.Services.Files.OpenAsync(x.Who, path, new OpenRequest { Access = OpenAccess.Read, Frontend = "http" }, ct))
                {
                    var now = await file.StatAsync(ct);
                    await archive.FileAsync(name, now, new OpenFileStream(file, now.Size), ct);
                    x.Transfer!.Accepted(now.Size);
                }

                break;
            default:
                await AddFolderAsync(x, archive, path, node, name, depth, ct);
                break;
        }
    }

    private static async Task AddFolderAsync(Exchange x, IArchive archive, FilePath path, NodeInfo node, string name, int depth, CancellationToken ct)
    {
        if (name.Length > 0)
        {
            await archive.FolderAsync(name + "/", node, ct);
        }

        for (string? cursor = null; ;)
        {
            var page = await x.Services.Files.ListAsync(x.Who, path, new ListRequest { Cursor = cursor }, ct);
            foreach (var child in page.Entries)
            {
                try
                {
                    await AddAsync(x, archive, path.Append(child.Name), child, name.Length > 0 ? $"{name}/{child.Name}" : child.Name.ToString(), depth + 1, ct);
                }
                catch (FluxException error) when (error.Error == FluxError.NotFound)
                {
                    // Removed since it was listed: the archive shows the folder without it.
                }
            }

            if (page.Next is null)
            {
                return;
            }

            cursor = page.Next;
        }
    }
}

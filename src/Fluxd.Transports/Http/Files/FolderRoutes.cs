using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Files;

/// <summary>Listings, metadata, and what changes the tree without moving bytes.</summary>
internal static class FolderRoutes
{
    public static readonly Route[] All =
    [
        new("GET", "/v1/meta/{path*}", "What a name stands for.", MetaAsync) { Answer = typeof(NodeEntry), Query = ["nofollow: 1 shows a link itself"] },
        new("PATCH", "/v1/meta/{path*}", "Set the mode or the modification time.", SetMetaAsync) { Body = typeof(MetaChange), Answer = typeof(NodeEntry) },
        new("POST", "/v1/folders", "Make a folder, with its parents unless told otherwise.", MakeAsync)
        {
            Body = typeof(MakeFolderBody), Answer = typeof(NodeEntry), Success = 201,
        },
        new("POST", "/v1/move", "Move or rename a file or folder.", MoveAsync) { Body = typeof(PathPair), Answer = typeof(NodeEntry) },
        new("POST", "/v1/copy", "Copy a file or folder; no bytes are moved.", CopyAsync) { Body = typeof(PathPair), Answer = typeof(NodeEntry), Success = 201 },
        new("POST", "/v1/bulk", "Up to 1000 removals, moves, copies and new folders, each with its own result.", BulkAsync)
        {
            Body = typeof(BulkRequest), Answer = typeof(BulkAnswer),
        },
        new("GET", "/v1/search", "Names below a folder that hold a text, without case.", SearchAsync)
        {
            Answer = typeof(NodePage), Query = ["q: the text", "path: the folder (/)", "cursor: where the next page begins", "limit: entries of a page (1000)"],
        },
        new("GET", "/v1/space", "Quota or disk: total and free.", SpaceAsync) { Answer = typeof(SpaceAnswer), Query = ["path: where (/)"] },
        new("GET", "/v1/checksums/{path*}", "A file's digest: from the index, or by reading it.", ChecksumAsync)
        {
            Answer = typeof(ChecksumAnswer), Query = ["algorithm: sha-256, sha-512, sha-1 or md5"],
        },
        new("GET", "/v1/recipes/{path*}", "The chunks that a file is made of: whoever has some of them asks for the ranges of the others only.", RecipeAsync)
        {
            Answer = typeof(FileRecipe), Query = ["offset: where a chunk begins (0); the next page begins where this one's chunks end"], Headers = ["If-Match"],
        },
    ];

    public static async Task ListAsync(Exchange x, CancellationToken ct)
    {
        var folder = await x.Services.Files.StatAsync(x.Who, x.Path, followLink: true, ct);
        var request = new ListRequest
        {
            Cursor = x.Query("cursor"),
            Count = x.QueryCount("limit", Limits.ListPageMax, Limits.ListPageMax),
            Sort = x.Query("sort") switch
            {
                null or "name" => ListSort.Name,
                "modified" => ListSort.ModifiedAt,
                "size" => ListSort.Size,
                _ => throw FluxException.Invalid("\"sort\" must be name, modified or size."),
            },
            Descending = x.Query("order") switch
            {
                null or "asc" => false,
                "desc" => true,
                _ => throw FluxException.Invalid("\"order\" must be asc or desc."),
            },
            Kind = x.Query("kind") switch
            {
                null => null,
                "file" => NodeKind.File,
                "folder" => NodeKind.Folder,
                "symlink" => NodeKind.Symlink,
                _ => throw FluxException.Invalid("\"kind\" must be file, folder or symlink."),
            },
            NameContains = x.Query("contains"),
        };
        if (FolderPage.WantsHtml(x))
        {
            await FolderPage.SendAsync(x, request, ct);
            return;
        }

        var page = await x.Services.Files.ListAsync(x.Who, x.Path, request, ct);
        var entries = page.Entries.Select(node => NodeEntry.From(x.Path.Append(node.Name), node)).ToList();
        await x.JsonAsync(200, new NodePage(NodeEntry.From(x.Path, folder), entries, page.Next), WireJson.Default.NodePage, ct);
    }

    private static async Task MetaAsync(Exchange x, CancellationToken ct) =>
        await x.NodeAsync(200, x.Path, await x.Services.Files.StatAsync(x.Who, x.Path, !x.QueryFlag("nofollow"), ct), ct);

    private static async Task SetMetaAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.MetaChange, ct);
        var node = await x.Services.Files.SetAttributesAsync(x.Who, x.Path, Change(body.Mode, body.ModifiedAt), followLink: true, ct);
        await x.NodeAsync(200, x.Path, node, ct);
    }

    public static AttributeChange Change(string? mode, DateTimeOffset? modified) => new() { Mode = Mode(mode), ModifiedAt = Time(modified) };

    private static int? Mode(string? text)
    {
        if (text is null)
        {
            return null;
        }

        return text.Length is > 0 and <= 4 && text.All(c => c is >= '0' and <= '7')
            ? Convert.ToInt32(text, 8)
            : throw FluxException.Invalid("\"mode\" must be octal, like \"644\".");
    }

    /// <summary>Nanoseconds in 64 bits end in 2262; a date beyond must not wrap around.</summary>
    private static FileTime? Time(DateTimeOffset? time) => time switch
    {
        null => null,
        { Year: > 1678 and < 2262 } inside => FileTime.From(inside),
        _ => throw FluxException.Invalid("A time must lie between the years 1679 and 2261."),
    };

    private static async Task MakeAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.MakeFolderBody, ct);
        var path = HttpPaths.FromText(body.Path);
        var node = await x.Services.Files.MakeFolderAsync(x.Who, path, null, body.Parents, ct);
        x.Response.Headers.Location = HttpPaths.FilesUrl(path) + "/";
        await x.NodeAsync(201, path, node, ct);
    }

    private static async Task MoveAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.PathPair, ct);
        var (from, to) = (HttpPaths.FromText(body.From), HttpPaths.FromText(body.To));
        await MakeParentsAsync(x, to, body.Parents, ct);
        await x.NodeAsync(200, to, await x.Services.Files.RenameAsync(x.Who, from, to, body.Replace, ct), ct);
    }

    private static async Task CopyAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.PathPair, ct);
        var (from, to) = (HttpPaths.FromText(body.From), HttpPaths.FromText(body.To));
        await MakeParentsAsync(x, to, body.Parents, ct);
        await x.NodeAsync(201, to, await x.Services.Files.CopyAsync(x.Who, from, to, body.Replace, ct), ct);
    }

    private static async Task MakeParentsAsync(Exchange x, FilePath path, bool wanted, CancellationToken ct)
    {
        if (wanted && !path.IsRoot && !path.Parent.IsRoot)
        {
            await x.Services.Files.MakeFolderAsync(x.Who, path.Parent, null, parents: true, ct);
        }
    }

    private static async Task BulkAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.BulkRequest, ct);
        if (body.Operations.Count > HttpLimits.BulkMax)
        {
            throw new FluxException(FluxError.TooLarge, $"At most {HttpLimits.BulkMax} operations fit in one request.");
        }

        var results = new List<ItemResult>(body.Operations.Count);
        for (var i = 0; i < body.Operations.Count; i++)
        {
            results.Add(await BulkItemAsync(x, i, body.Operations[i], ct));
        }

        await x.JsonAsync(200, new BulkAnswer(results), WireJson.Default.BulkAnswer, ct);
    }

    private static async Task<ItemResult> BulkItemAsync(Exchange x, int index, BulkOperation operation, CancellationToken ct)
    {
        try
        {
            var node = await DoAsync(x, operation, ct);
            return new ItemResult(index, operation.Path, node is null ? 204 : 200, null, null, node);
        }
        catch (FluxException error)
        {
            var (status, code) = HttpErrors.Map(error.Error);
            return new ItemResult(index, operation.Path, status, code, error.Message, null);
        }
    }

    private static async Task<NodeEntry?> DoAsync(Exchange x, BulkOperation operation, CancellationToken ct)
    {
        var files = x.Services.Files;
        var path = HttpPaths.FromText(operation.Path);
        switch (operation.Op)
        {
            case "remove":
                var tag = operation.Etag is { } text ? ETag.Parse(text) ?? throw FluxException.Invalid("\"etag\" must be a quoted strong entity tag.") : null;
                await FileUpload.RemoveAsync(files, x.Who, path, tag is null ? Precondition.None : new Precondition { Tags = [tag] }, operation.Recursive, ct);
                return null;
            case "mkdir":
                return NodeEntry.From(path, await files.MakeFolderAsync(x.Who, path, null, parents: true, ct));
            case "move":
                var to = HttpPaths.FromText(operation.To);
                return NodeEntry.From(to, await files.RenameAsync(x.Who, path, to, operation.Replace, ct));
            case "copy":
                var copy = HttpPaths.FromText(operation.To);
                return NodeEntry.From(copy, await files.CopyAsync(x.Who, path, copy, operation.Replace, ct));
            default:
                throw FluxException.Invalid("\"op\" must be remove, mkdir, move or copy.");
        }
    }

    private static async Task SearchAsync(Exchange x, CancellationToken ct)
    {
        var text = x.Query("q") is { Length: > 0 and <= Limits.NameBytesMax } q ? q : throw FluxException.Invalid("\"q\" must hold the text to look for.");
        var folder = x.Query("path") is { } path ? HttpPaths.FromText(path) : x.Who.PathPrefix;
        var page = await x.Services.Files.SearchAsync(x.Who, folder, text, x.Query("cursor"), x.QueryCount("limit", Limits.ListPageMax, Limits.ListPageMax), ct);
        var entries = page.Entries.Select(found => NodeEntry.From(found.Path, found.Node)).ToList();
        await x.JsonAsync(200, new NodePage(null, entries, page.Next), WireJson.Default.NodePage, ct);
    }

    private static async Task SpaceAsync(Exchange x, CancellationToken ct)
    {
        var space = await x.Services.Files.SpaceAsync(x.Who, x.Query("path") is { } path ? HttpPaths.FromText(path) : x.Who.PathPrefix, ct);
        await x.JsonAsync(200, new SpaceAnswer(space.BytesTotal, space.BytesFree, space.FilesTotal, space.FilesFree), WireJson.Default.SpaceAnswer, ct);
    }

    private static async Task ChecksumAsync(Exchange x, CancellationToken ct)
    {
        var algorithm = Digests.Parse(x.Query("algorithm") ?? "sha-256")
            ?? throw FluxException.Invalid("\"algorithm\" must be sha-256, sha-512, sha-1 or md5.");
        await using var file = await x.Services.Files.OpenAsync(x.Who, x.Path, new OpenRequest { Access = OpenAccess.Read, Frontend = "http" }, ct);
        var node = await file.StatAsync(ct);
        var digest = await file.FindDigestAsync(algorithm, ct);
        if (digest is null)
        {
            digest = await FileSender.DigestAsync(file, new SentRange(0, node.Size - 1), algorithm, ct);
            if (x.Who.Has(Core.Accounts.Scopes.Write))
            {
                await x.Services.Files.RememberDigestAsync(x.Who, x.Path, node.Version, digest, ct);
            }
        }

        var answer = new ChecksumAnswer(
            x.Path.ToString(), node.Version, node.Size, Digests.Name(algorithm), Convert.ToHexStringLower(digest.Value.Span), Digests.Format(digest));
        await x.JsonAsync(200, answer, WireJson.Default.ChecksumAnswer, ct);
    }

    private static async Task RecipeAsync(Exchange x, CancellationToken ct)
    {
        var offset = x.QueryLong("offset") ?? 0;
        await using var file = await x.Services.Files.OpenAsync(x.Who, x.Path, new OpenRequest { Access = OpenAccess.Read, Frontend = "http" }, ct);
        var node = await file.StatAsync(ct);
        var etag = node.ContentTag.IsEmpty ? null : ETag.Of(node.ContentTag.Span);
        if (Conditions.Evaluate(x, etag, node.ModifiedAt.ToDateTimeOffset()) == ConditionResult.Failed)
        {
            throw Conditions.Failed();
        }

        if (offset < 0 || offset > node.Size)
        {
            throw FluxException.Invalid($"\"offset\" must lie in the file, which has {node.Size} bytes.");
        }

        var chunks = await file.ChunksAsync(offset, ct);
        var answer = new FileRecipe(node.Size, etag, offset, [.. chunks.Select(chunk => new RecipeChunk(chunk.Hash.ToString(), chunk.Length))]);
        await x.JsonAsync(200, answer, WireJson.Default.FileRecipe, ct);
    }

    internal static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}

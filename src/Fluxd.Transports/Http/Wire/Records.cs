using System.Text.Json.Serialization;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Files;

namespace Fluxd.Transports.Http.Wire;

/// <summary>RFC 9457, with a stable code and the transfer to ask <c>fluxctl why</c> about.</summary>
public sealed record Problem
{
    public required string Type { get; init; }

    public required string Title { get; init; }

    public required int Status { get; init; }

    public required string Code { get; init; }

    public required string Detail { get; init; }

    public string? Transfer { get; init; }

    [JsonPropertyName("expected-offset")]
    public long? ExpectedOffset { get; init; }

    [JsonPropertyName("provided-offset")]
    public long? ProvidedOffset { get; init; }
}

/// <summary>A file, folder or link. <see cref="Href"/> is exact also where the name is no text.</summary>
public sealed record NodeEntry
{
    public required long Id { get; init; }

    public required string Name { get; init; }

    public required string Path { get; init; }

    public required string Href { get; init; }

    /// <summary>"file", "folder" or "symlink".</summary>
    public required string Kind { get; init; }

    public long Size { get; init; }

    public long Version { get; init; }

    public string? Etag { get; init; }

    public string? Type { get; init; }

    public required string Mode { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    public DateTimeOffset ChangedAt { get; init; }

    public string Owner { get; init; } = "";

    public bool CanWrite { get; init; }

    public bool IsSharedFolder { get; init; }

    internal static NodeEntry From(FilePath path, NodeInfo node) => new()
    {
        Id = node.Id,
        Name = path.IsRoot ? "" : path.Name.ToString(),
        Path = path.ToString(),
        Href = HttpPaths.FilesUrl(path) + (node.Kind == NodeKind.Folder && !path.IsRoot ? "/" : ""),
        Kind = KindText(node.Kind),
        Size = node.Size,
        Version = node.Version,
        Etag = node.ContentTag.IsEmpty ? null : ETag.Of(node.ContentTag.Span),
        Type = node.Kind == NodeKind.File && !path.IsRoot ? ContentTypes.Of(path.Name) : null,
        Mode = Convert.ToString(node.Mode, 8),
        ModifiedAt = node.ModifiedAt.ToDateTimeOffset(),
        ChangedAt = node.ChangedAt.ToDateTimeOffset(),
        Owner = node.OwnerName,
        CanWrite = node.CanWrite,
        IsSharedFolder = node.IsSharedFolder,
    };

    internal static string KindText(NodeKind kind) => kind switch
    {
        NodeKind.File => "file",
        NodeKind.Folder => "folder",
        _ => "symlink",
    };
}

/// <param name="Next">The cursor of the next page; null at the end.</param>
public sealed record NodePage(NodeEntry? Folder, IReadOnlyList<NodeEntry> Entries, string? Next);

public sealed record MetaChange(string? Mode, DateTimeOffset? ModifiedAt);

public sealed record PathPair(string From, string To, bool Replace = false, bool Parents = false);

public sealed record MakeFolderBody(string Path, bool Parents = true);

/// <param name="Op">"remove", "move", "copy" or "mkdir".</param>
public sealed record BulkOperation([property: JsonRequired] string Op, [property: JsonRequired] string Path, string? To, bool Replace = false, bool Recursive = true, string? Etag = null);

public sealed record BulkRequest([property: JsonRequired] IReadOnlyList<BulkOperation> Operations);

public sealed record ItemResult(int Index, string Path, int Status, string? Code, string? Detail, NodeEntry? Node);

public sealed record BulkAnswer(IReadOnlyList<ItemResult> Results);

public sealed record VersionEntry(long Version, long Size, string? Etag, DateTimeOffset ModifiedAt, DateTimeOffset CreatedAt, string Author, bool IsCurrent);

/// <param name="Next">What "before" asks for the next page.</param>
public sealed record VersionList(IReadOnlyList<VersionEntry> Versions, long? Next);

public sealed record RestoreBody(string Path, long Version);

public sealed record TrashItem(long Id, string Path, string Kind, long Size, DateTimeOffset RemovedAt, DateTimeOffset ExpiresAt);

public sealed record TrashList(IReadOnlyList<TrashItem> Entries, string? Next);

public sealed record TrashRestoreBody(string? To);

public sealed record SnapshotEntry(string Name, string Href);

public sealed record SnapshotList(IReadOnlyList<SnapshotEntry> Snapshots, string? Next);

public sealed record ArchiveBody([property: JsonRequired] IReadOnlyList<string> Paths, string Format = "zip", string? Name = null);

public sealed record ChecksumAnswer(string Path, long Version, long Size, string Algorithm, string Hex, string Digest);

public sealed record SpaceAnswer(long BytesTotal, long BytesFree, long FilesTotal, long FilesFree);

/// <summary>A resumable session, whatever protocol began it. The offset is durable.</summary>
public sealed record UploadEntry
{
    public required string Id { get; init; }

    public required string Href { get; init; }

    public required string Path { get; init; }

    /// <summary>"open" or "completed".</summary>
    public required string State { get; init; }

    public long? Size { get; init; }

    public long Offset { get; init; }

    public string Frontend { get; init; } = "";

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    public NodeEntry? Result { get; init; }

    internal static UploadEntry From(UploadInfo info) => new()
    {
        Id = info.Id.ToString(),
        Href = "/v1/uploads/" + info.Id,
        Path = info.Target.ToString(),
        State = info.State == UploadState.Completed ? "completed" : "open",
        Size = info.Size,
        Offset = info.DurableOffset,
        Frontend = info.Frontend,
        CreatedAt = info.CreatedAt.ToDateTimeOffset(),
        UpdatedAt = info.UpdatedAt.ToDateTimeOffset(),
        ExpiresAt = info.ExpiresAt.ToDateTimeOffset(),
        Result = info.Result is { } node ? NodeEntry.From(info.Target, node) : null,
    };
}

public sealed record UploadList(IReadOnlyList<UploadEntry> Uploads, string? Next);

/// <summary>A session for delta transfer or for any other way of sending bytes.</summary>
public sealed record UploadBody(string Path, long? Size, string? Sha256, string? IfMatch, bool IfNoneMatch, DateTimeOffset? ModifiedAt, string? Mode, bool Parents = true);

public sealed record HaveBody([property: JsonRequired] IReadOnlyList<string> Chunks, string? Base);

/// <param name="Have">"1" where the chunk need not be sent, "0" where it must, in the order asked.</param>
public sealed record HaveAnswer(string Have);

public sealed record BlocksPlace(long Offset, int Length);

public sealed record BlocksBody([property: JsonRequired] IReadOnlyList<BlocksPlace> Places);

public sealed record RecipeChunk([property: JsonRequired] string Hash, int Length);

public sealed record RecipeBody(long Offset, [property: JsonRequired] IReadOnlyList<RecipeChunk> Chunks);

/// <param name="Chunks">Those from <paramref name="Offset"/> on, some of them; none at the end, or where there is nothing to spare.</param>
public sealed record FileRecipe(long Size, string? Etag, long Offset, IReadOnlyList<RecipeChunk> Chunks);

public sealed record RecipeAnswer(long Offset, IReadOnlyList<int> Missing);

public sealed record LoginBody(string User, string Password);

public sealed record SessionAnswer(string User, bool IsAdmin, string Csrf, DateTimeOffset ExpiresAt);

public sealed record TokenBody(string? Scope, int? Seconds, string? Path, string? Algorithm);

public sealed record TokenAnswer([property: JsonPropertyName("access_token")] string AccessToken, [property: JsonPropertyName("token_type")] string TokenType, [property: JsonPropertyName("expires_in")] int ExpiresIn, string Scope);

public sealed record SignBody(string Path, string Method = "GET", int? Seconds = null);

public sealed record SignAnswer(string Url, DateTimeOffset ExpiresAt);

public sealed record ChangeEntry
{
    public required long Cursor { get; init; }

    /// <summary>"put", "mkdir", "move", "remove", "setattr" or "symlink".</summary>
    public required string Op { get; init; }

    public required string Path { get; init; }

    public required string Href { get; init; }

    public string? From { get; init; }

    public required string Kind { get; init; }

    public long Version { get; init; }

    public long Size { get; init; }

    public string? Etag { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    public DateTimeOffset At { get; init; }

    public string Author { get; init; } = "";
}

public sealed record PullAnswer(IReadOnlyList<ChangeEntry> Changes, long Cursor, bool More);

public sealed record PushOperation
{
    /// <summary>Chosen by the client; the same id again is answered as the first time.</summary>
    public required string Id { get; init; }

    public required string Op { get; init; }

    public required string Path { get; init; }

    public string? To { get; init; }

    /// <summary>The version the client saw; 0 says that there must be none; null says don't care.</summary>
    public long? BaseVersion { get; init; }

    /// <summary>put: a finished or complete upload session.</summary>
    public string? Upload { get; init; }

    /// <summary>put: the chunks of the content, all of which must be there for this principal.</summary>
    public IReadOnlyList<RecipeChunk>? Recipe { get; init; }

    public DateTimeOffset? ModifiedAt { get; init; }

    public string? Mode { get; init; }
}

public sealed record PushRequest([property: JsonRequired] IReadOnlyList<PushOperation> Operations);

public sealed record PushResult
{
    public required string Id { get; init; }

    /// <summary>"applied", "duplicate", "conflict", "missing", "denied" or "failed".</summary>
    public required string Result { get; init; }

    public NodeEntry? Current { get; init; }

    public IReadOnlyList<int>? Missing { get; init; }

    public string? Detail { get; init; }
}

public sealed record PushAnswer(IReadOnlyList<PushResult> Results, long Cursor);

public sealed record SseStats(int Subscriptions, int Devices);

public sealed record StatsAnswer(long Cursor, long OplogSize, SseStats Sse);

public sealed record WhoAnswer(string User, string Scopes, string Path, bool Admin, string Credential, bool MustChangePassword);

/// <summary>What the server saw of a probe: the doctor compares it with what was sent.</summary>
/// <param name="Nonce">Another one in each answer: the same twice came out of a cache.</param>
public sealed record ProbeAnswer(string Method, long BodyBytes, string Address, bool Forwarded, bool Trusted, bool Secure, string Host, string Protocol, int HeaderBytes, bool Local, string? Nonce = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(PushResult))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(NodeEntry))]
[JsonSerializable(typeof(NodePage))]
[JsonSerializable(typeof(MetaChange))]
[JsonSerializable(typeof(PathPair))]
[JsonSerializable(typeof(MakeFolderBody))]
[JsonSerializable(typeof(BulkRequest))]
[JsonSerializable(typeof(BulkAnswer))]
[JsonSerializable(typeof(VersionList))]
[JsonSerializable(typeof(RestoreBody))]
[JsonSerializable(typeof(TrashList))]
[JsonSerializable(typeof(TrashRestoreBody))]
[JsonSerializable(typeof(SnapshotList))]
[JsonSerializable(typeof(ArchiveBody))]
[JsonSerializable(typeof(ChecksumAnswer))]
[JsonSerializable(typeof(SpaceAnswer))]
[JsonSerializable(typeof(UploadEntry))]
[JsonSerializable(typeof(UploadList))]
[JsonSerializable(typeof(UploadBody))]
[JsonSerializable(typeof(HaveBody))]
[JsonSerializable(typeof(HaveAnswer))]
[JsonSerializable(typeof(RecipeBody))]
[JsonSerializable(typeof(BlocksBody))]
[JsonSerializable(typeof(RecipeAnswer))]
[JsonSerializable(typeof(FileRecipe))]
[JsonSerializable(typeof(LoginBody))]
[JsonSerializable(typeof(SessionAnswer))]
[JsonSerializable(typeof(TokenBody))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(SignBody))]
[JsonSerializable(typeof(SignAnswer))]
[JsonSerializable(typeof(PullAnswer))]
[JsonSerializable(typeof(ChangeEntry))]
[JsonSerializable(typeof(PushRequest))]
[JsonSerializable(typeof(PushAnswer))]
[JsonSerializable(typeof(StatsAnswer))]
[JsonSerializable(typeof(ProbeAnswer))]
[JsonSerializable(typeof(WhoAnswer))]
[JsonSerializable(typeof(ItemResult))]
internal sealed partial class WireJson : JsonSerializerContext;

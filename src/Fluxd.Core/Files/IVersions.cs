using Fluxd.Core.Accounts;

namespace Fluxd.Core.Files;

public sealed record FileVersion(long Version, long Size, ReadOnlyMemory<byte> ContentTag, FileTime ModifiedAt, FileTime CreatedAt, string Author, bool IsCurrent);

public sealed record TrashEntry(long NodeId, FilePath Path, NodeKind Kind, long Size, FileTime RemovedAt, FileTime ExpiresAt);

public sealed record TrashPage(IReadOnlyList<TrashEntry> Entries, string? Next);

/// <summary>The past: versions of a file, the trash, snapshots. Reading it costs what reading the present costs.</summary>
public interface IVersions
{
    /// <summary>Newest first.</summary>
    ValueTask<IReadOnlyList<FileVersion>> ListAsync(Principal who, FilePath path, CancellationToken ct);

    /// <summary>Opens one version for reading.</summary>
    Task<IOpenFile> OpenAsync(Principal who, FilePath path, long version, CancellationToken ct);

    /// <summary>Makes an old version the current one; today's becomes a version.</summary>
    Task<NodeInfo> RestoreAsync(Principal who, FilePath path, long version, CancellationToken ct);

    ValueTask<TrashPage> ListTrashAsync(Principal who, string? cursor, int count, CancellationToken ct);

    /// <summary>Puts a removed node back, to its old place or to <paramref name="to"/>. Exists when the place is taken.</summary>
    Task<NodeInfo> RestoreTrashAsync(Principal who, long nodeId, FilePath? to, CancellationToken ct);

    /// <summary>Removes from the trash for good.</summary>
    Task PurgeTrashAsync(Principal who, long nodeId, CancellationToken ct);

    /// <summary>Names (UTC, <c>2026-01-31T14-00-00Z</c>) that can be read below <c>/.snapshots/</c>, newest first.</summary>
    ValueTask<IReadOnlyList<FileName>> ListSnapshotsAsync(Principal who, CancellationToken ct);
}

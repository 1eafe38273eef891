using Fluxd.Core.Accounts;

namespace Fluxd.Core.Files;

/// <summary>
/// A principal's tree: the one choke point (with <see cref="Uploads.IUploads"/>) for home, shared-folder rights,
/// scopes, path prefix and quota. Thread-safe. Every change returns when it is durable, and appends to the change log
/// in the same transaction. Failures are <see cref="FluxException"/>s.
/// <para>
/// The root shows the user's home; folders shared with the user appear in it by name. <c>/.snapshots/&lt;time&gt;/…</c>
/// is a read-only view of the past through every method that reads; it is not listed in the root.
/// </para>
/// </summary>
public interface IFiles
{
    ValueTask<NodeInfo> StatAsync(Principal who, FilePath path, bool followLink, CancellationToken ct);

    /// <summary>As <see cref="StatAsync"/>, for callers that show the principal's own unfinished uploads (SFTP).</summary>
    ValueTask<NodeInfo> StatWithPartialsAsync(Principal who, FilePath path, bool followLink, CancellationToken ct);

    /// <summary>The path with all links resolved. With <paramref name="lastMayBeMissing"/> the last name need not exist.</summary>
    ValueTask<FilePath> ResolveAsync(Principal who, FilePath path, bool lastMayBeMissing, CancellationToken ct);

    /// <summary>One page of a folder, keyset paged: entries added or removed meanwhile never shift a page.</summary>
    ValueTask<ListPage> ListAsync(Principal who, FilePath folder, ListRequest request, CancellationToken ct);

    /// <summary>Names below <paramref name="folder"/> that contain <paramref name="text"/>, without case.</summary>
    ValueTask<FoundPage> SearchAsync(Principal who, FilePath folder, string text, string? cursor, int count, CancellationToken ct);

    Task<IOpenFile> OpenAsync(Principal who, FilePath path, OpenRequest request, CancellationToken ct);

    /// <param name="parents">Make missing parents too, and accept an existing folder.</param>
    Task<NodeInfo> MakeFolderAsync(Principal who, FilePath path, AttributeChange? attributes, bool parents, CancellationToken ct);

    /// <summary>Removes a file or symlink into the trash. IsFolder for a folder.</summary>
    Task RemoveFileAsync(Principal who, FilePath path, Precondition precondition, CancellationToken ct);

    /// <summary>Removes a folder; NotEmpty unless <paramref name="recursive"/> (then the whole tree goes to the trash in one transaction).</summary>
    Task RemoveFolderAsync(Principal who, FilePath path, bool recursive, CancellationToken ct);

    /// <summary>Moves a node, folders too. Replaces a file (or an empty folder by a folder) only when asked to.</summary>
    Task<NodeInfo> RenameAsync(Principal who, FilePath from, FilePath to, bool replace, CancellationToken ct);

    /// <summary>Copies without moving bytes; folders whole. The copy is another node: later changes don't touch the first.</summary>
    Task<NodeInfo> CopyAsync(Principal who, FilePath from, FilePath to, bool replace, CancellationToken ct);

    /// <summary>Copies a byte range between two open files of the same principal (SFTP copy-data); shares chunks where it can.</summary>
    Task<long> CopyRangeAsync(IOpenFile from, long fromOffset, IOpenFile to, long toOffset, long count, CancellationToken ct);

    Task<NodeInfo> SetAttributesAsync(Principal who, FilePath path, AttributeChange change, bool followLink, CancellationToken ct);

    Task<NodeInfo> MakeSymlinkAsync(Principal who, FilePath path, ReadOnlyMemory<byte> target, CancellationToken ct);

    ValueTask<ReadOnlyMemory<byte>> ReadLinkAsync(Principal who, FilePath path, CancellationToken ct);

    ValueTask<SpaceInfo> SpaceAsync(Principal who, FilePath path, CancellationToken ct);

    /// <summary>A digest of the committed content that the index already knows, else null: the caller then streams.</summary>
    ValueTask<ContentDigest?> FindDigestAsync(Principal who, FilePath path, DigestAlgorithm algorithm, CancellationToken ct);

    /// <summary>Keeps a digest that the caller computed over exactly the content <paramref name="version"/>.</summary>
    Task RememberDigestAsync(Principal who, FilePath path, long version, ContentDigest digest, CancellationToken ct);
}

using Fluxd.Core.Uploads;

namespace Fluxd.Core.Files;

/// <summary>
/// A handle for random access. Calls on one handle may overlap; handles of one file inside the daemon share one
/// open file, so that the same principal's reader sees what a writer wrote before; everybody else sees the last
/// committed content. The handle follows its node through renames and removal.
/// <para>
/// <see cref="CloseAsync"/> publishes; disposing without closing is what a dropped connection does: nothing is
/// published, and a prefix worth keeping stays as a resumable upload.
/// </para>
/// </summary>
public interface IOpenFile : IAsyncDisposable
{
    OpenAccess Access { get; }

    /// <summary>Size and attributes including what was written and not yet committed.</summary>
    ValueTask<NodeInfo> StatAsync(CancellationToken ct);

    /// <summary>Reads up to the buffer's length; 0 at and beyond the end. Checks the checksum of what it reads.</summary>
    ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct);

    /// <summary>
    /// As <see cref="ReadAsync"/> for who reads straight through: may stop early where that spares work; 0 only at the end.
    /// One call at a time.
    /// </summary>
    ValueTask<int> ReadOnAsync(long offset, Memory<byte> buffer, CancellationToken ct) => ReadAsync(offset, buffer, ct);

    /// <summary>
    /// Some of the committed content's chunks in their order, at most <see cref="Limits.ChunksPerCallMax"/>, from
    /// <paramref name="offset"/> on, where one must begin; none at the end, and none where nothing can be spared by them: of a
    /// tiny file, or while somebody writes. They follow from the bytes, so whoever may read those may know them.
    /// </summary>
    ValueTask<IReadOnlyList<ChunkRef>> ChunksAsync(long offset, CancellationToken ct) => new([]);

    /// <summary>A digest of exactly the committed content that this handle reads, where it is known already; null also while somebody writes.</summary>
    ValueTask<ContentDigest?> FindDigestAsync(DigestAlgorithm algorithm, CancellationToken ct) => new((ContentDigest?)null);

    /// <summary>Takes all bytes; returns when they are accepted (not durable). Sequential writes stream into the chunker.</summary>
    /// <exception cref="FluxException">QuotaExceeded, NoSpace, Fenced, Denied (not opened for writing).</exception>
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct);

    ValueTask TruncateAsync(long size, CancellationToken ct);

    /// <summary>Attributes set here survive the commit at close.</summary>
    ValueTask SetAttributesAsync(AttributeChange change, CancellationToken ct);

    /// <summary>Publishes what was written so far; returns when bytes and name are on disk.</summary>
    Task FsyncAsync(CancellationToken ct);

    /// <summary>Publishes and ends the handle; returns when bytes and name are on disk. The node as it then is.</summary>
    Task<NodeInfo> CloseAsync(CancellationToken ct);
}

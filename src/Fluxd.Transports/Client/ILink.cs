using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;

namespace Fluxd.Transports.Client;

/// <summary>A file or folder of the server.</summary>
public sealed record RemoteEntry(FilePath Path, NodeKind Kind, long Size, string? Tag, DateTimeOffset ModifiedAt);

/// <param name="Offset">Durable.</param>
public sealed record RemoteUpload(string Id, long Offset, bool IsComplete);

/// <summary>A file that travels with others.</summary>
public sealed record SmallFile(FilePath Target, ReadOnlyMemory<byte> Content, byte[] Sha256, DateTimeOffset Modified);

public readonly record struct ChunkBytes(ChunkHash Hash, ReadOnlyMemory<byte> Bytes);

/// <param name="Offset">Of the chunk in its file.</param>
/// <param name="Changed">The blocks that the server lacks, ascending.</param>
public sealed record ChunkPatch(ChunkHash Hash, long Offset, ReadOnlyMemory<byte> Bytes, IReadOnlyList<int> Changed);

/// <summary>
/// The way to a server, whatever the protocol. Thread-safe; calls may overlap. Each call is one operation that may be
/// repeated after a failure: repeating it does no harm. Failures are <see cref="Core.FluxException"/>s; those with
/// IsTransient, and I/O errors, are worth another try.
/// </summary>
public interface ILink : IAsyncDisposable
{
    string Name { get; }

    /// <summary>For how long something has been under way without a word from the server. Zero where that can't be told.</summary>
    TimeSpan Silence => TimeSpan.Zero;

    /// <summary>Null when there is nothing of that name.</summary>
    Task<RemoteEntry?> FindAsync(FilePath path, CancellationToken ct);

    IAsyncEnumerable<RemoteEntry> ListAsync(FilePath folder, CancellationToken ct);

    /// <summary>With parents; an existing folder is fine.</summary>
    Task MakeFolderAsync(FilePath path, CancellationToken ct);

    Task RemoveAsync(FilePath path, bool recursive, CancellationToken ct);

    Task MoveAsync(FilePath from, FilePath to, bool replace, CancellationToken ct);

    /// <summary>Fills the buffer from <paramref name="offset"/>. Conflict when the content is no longer the tagged one.</summary>
    Task ReadAsync(FilePath path, string tag, long offset, Memory<byte> buffer, CancellationToken ct);

    /// <summary>
    /// Some of the content's chunks in their order, from <paramref name="offset"/> on, where one begins; none at the end, or where
    /// nothing can be spared. Conflict when the content is no longer the tagged one.
    /// </summary>
    Task<IReadOnlyList<ChunkRef>> RecipeAsync(FilePath path, string tag, long offset, CancellationToken ct);

    /// <summary>SHA-256 of the whole content.</summary>
    Task<byte[]> HashAsync(FilePath path, CancellationToken ct);

    /// <summary>A small file in one go; the server checks the hash.</summary>
    Task PutAsync(FilePath path, ReadOnlyMemory<byte> content, byte[] sha256, DateTimeOffset modified, CancellationToken ct);

    /// <summary>
    /// Small files together, with the folders they need; the server checks each hash. For each, in order: null when it is durable, else why not.
    /// </summary>
    Task<IReadOnlyList<FluxException?>> PutManyAsync(IReadOnlyList<SmallFile> files, CancellationToken ct);

    Task<RemoteUpload> BeginAsync(FilePath path, long size, DateTimeOffset modified, CancellationToken ct);

    /// <summary>Null when the session is unknown, cancelled or expired.</summary>
    Task<RemoteUpload?> FindUploadAsync(string id, CancellationToken ct);

    Task<IReadOnlyList<bool>> HaveAsync(string id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct);

    Task PutChunksAsync(string id, IReadOnlyList<ChunkBytes> chunks, CancellationToken ct);

    /// <summary>
    /// Hashes of the blocks (<see cref="Http.Uploads.PatchRoutes"/>) that the upload's target has now at these places; empty where the link
    /// or the server can't tell, or there is no such file.
    /// </summary>
    Task<byte[]> BlocksAsync(string id, IReadOnlyList<(long Offset, int Length)> places, CancellationToken ct) => Task.FromResult<byte[]>([]);

    /// <summary>Chunks of which the target has all other blocks in their place.</summary>
    Task PutPatchesAsync(string id, IReadOnlyList<ChunkPatch> patches, CancellationToken ct) => throw new NotSupportedException();

    Task<RecipeAppend> AppendAsync(string id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct);

    Task CompleteAsync(string id, CancellationToken ct);
}

using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;

namespace Fluxd.Core.Uploads;

/// <summary>One step of a recipe: a chunk by its identity, and how many bytes it has.</summary>
public readonly record struct ChunkRef(ChunkHash Hash, int Length);

/// <param name="DurableOffset">Where the upload stands; unchanged when something was missing.</param>
/// <param name="Missing">Indexes into the asked recipe: chunks that must be put first. Empty when it was appended.</param>
public sealed record RecipeAppend(long DurableOffset, IReadOnlyList<int> Missing);

/// <summary>
/// Delta transfer onto an upload session of <see cref="IUploads"/>: ask what need not be sent, send the rest, append
/// recipes. Bytes and recipes may alternate in one session; <see cref="IUploads.CompleteAsync"/> publishes either.
/// <para>
/// A hash is not a key: only chunks that this principal's own files, the readable base file named in the call, or this
/// session's own puts refer to may be used. Whether anybody else has a chunk can't be told from any answer. Thread-safe.
/// </para>
/// </summary>
public interface IChunkUploads
{
    /// <summary>
    /// Which of these chunks need not be sent. A yes may end (a restart, the base file's expiry): then the append says
    /// Missing, and the caller sends them after all. At most <see cref="Limits.ChunksPerCallMax"/> hashes.
    /// </summary>
    /// <param name="basePath">A file that the principal can read and that the new one probably resembles; null means the target as it is now.</param>
    Task<IReadOnlyList<bool>> HaveAsync(Principal who, UploadId id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct);

    /// <summary>Takes one chunk; idempotent. Invalid when the bytes don't have that hash. Durable no later than the append that names it.</summary>
    Task PutAsync(Principal who, UploadId id, ChunkHash chunk, ReadOnlyMemory<byte> bytes, CancellationToken ct);

    /// <summary>
    /// Appends chunks at the durable offset, all or none. When some are missing nothing changes and the answer says
    /// which. Conflict when <paramref name="offset"/> is not where the upload stands: the caller asks and goes on there.
    /// </summary>
    Task<RecipeAppend> AppendAsync(Principal who, UploadId id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct);
}

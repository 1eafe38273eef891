using Fluxd.Core.Accounts;

namespace Fluxd.Core.Uploads;

/// <summary>
/// Resumable uploads, one kind for all protocols: what began in one can be seen, resumed and finished in another.
/// Nothing shows under the target's name until <see cref="CompleteAsync"/>, which is one transaction whose time does
/// not depend on the file's size. Thread-safe.
/// </summary>
public interface IUploads
{
    /// <exception cref="FluxException">Denied, QuotaExceeded, NoSpace, Invalid, Exists/Conflict by the precondition.</exception>
    Task<UploadInfo> CreateAsync(Principal who, UploadRequest request, CancellationToken ct);

    ValueTask<UploadInfo> GetAsync(Principal who, UploadId id, CancellationToken ct);

    ValueTask<UploadPage> ListAsync(Principal who, string? cursor, int count, CancellationToken ct);

    /// <summary>
    /// Takes the session over for writing. The newest writer wins: an older one gets Fenced at its next call, whatever
    /// half-dead connection it belongs to, and its unfinished bytes don't count.
    /// </summary>
    Task<IUploadWriter> OpenAsync(Principal who, UploadId id, CancellationToken ct);

    /// <summary>Tells the final size where it was not known at creation. Conflict when it contradicts what is there.</summary>
    Task<UploadInfo> SetSizeAsync(Principal who, UploadId id, long size, CancellationToken ct);

    /// <summary>
    /// Publishes under the target's name. Idempotent: asked again after an answer was lost, it gives the same answer.
    /// Missing when bytes are missing, Conflict when the digest or the precondition fails (the session stays).
    /// </summary>
    Task<UploadInfo> CompleteAsync(Principal who, UploadId id, CancellationToken ct);

    /// <summary>One upload out of several finished parts, in this order, without moving bytes.</summary>
    Task<UploadInfo> ConcatenateAsync(Principal who, IReadOnlyList<UploadId> parts, UploadRequest request, CancellationToken ct);

    Task CancelAsync(Principal who, UploadId id, CancellationToken ct);
}

/// <summary>
/// One writer of one session; not for concurrent use. Disposing without <see cref="FlushAsync"/> keeps what was
/// durable, and makes the rest durable where that is still possible (a cut connection loses at most one group).
/// </summary>
public interface IUploadWriter : IAsyncDisposable
{
    UploadId Id { get; }

    /// <summary>Where the next <see cref="WriteAsync"/> goes: accepted, not necessarily durable.</summary>
    long Offset { get; }

    ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct);

    /// <summary>A part out of order. Overlaps must hold the same bytes' lengths: the newest bytes count. Adjacent parts join.</summary>
    ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct);

    /// <summary>Returns the durable offset: only this may be told to a client.</summary>
    Task<long> FlushAsync(CancellationToken ct);
}

namespace Fluxd.Store.Packs;

/// <summary>
/// Where chunk payloads live: append-only packs, written once, by one writer, then sealed. Safe from any thread,
/// except that a pack's writer has one owner at a time.
/// <para>Local packs sync a file; an object store would put one object for each segment at
/// <see cref="IPackWriter.Sync"/>. So nothing may be taken for durable, or be there for other readers, before.</para>
/// </summary>
internal interface IPackStore
{
    /// <summary>Makes a pack that didn't exist, under an id greater than 0 that no pack ever had. When this returns, the
    /// empty pack survives power loss. The caller disposes the writer.</summary>
    IPackWriter Create(long pack);

    /// <summary>Opens a pack for reading. The caller disposes the reader soon: files are kept open behind it.</summary>
    /// <exception cref="PackDamagedException">The pack isn't there.</exception>
    IPackReader Open(long pack);

    /// <summary>Removes a pack, if it is there; readers that have it open go on reading. Durable when this returns.</summary>
    void Remove(long pack);

    /// <summary>All packs, in the order of their ids.</summary>
    IReadOnlyList<PackFileInfo> List();

    /// <summary>
    /// The segments of a pack from an offset on (0, or the end of a segment), in order: only those whose trailers
    /// verify, those behind a damaged stretch included. A segment's trailer that verifies doesn't prove its payload:
    /// see <see cref="Verify"/>.
    /// </summary>
    IEnumerable<TrailerInfo> Scan(long pack, long from);

    /// <summary>The journal record of a trailer, verified again.</summary>
    byte[] ReadJournal(TrailerInfo trailer);

    /// <summary>The indexes of a segment's chunks whose stored bytes are missing or don't match: by checksum, and by
    /// hash of the raw bytes when <paramref name="rehash"/> is set.</summary>
    /// <exception cref="Disk.DiskException">They could not be read, which doesn't say that they are bad.</exception>
    IReadOnlyList<int> Verify(TrailerInfo trailer, bool rehash);

    /// <summary>Is the pack closed by a valid footer?</summary>
    bool IsSealed(long pack);

    /// <summary>Does no trailer begin in the pack, of whatever store, but one that was never written to its end? Then
    /// nothing in it was ever committed.</summary>
    bool IsBlank(long pack);

    /// <summary>Cuts what is behind a segment's end, durably; at 0 the pack goes. Nobody may be writing to it.</summary>
    void Cut(long pack, long end);

    /// <summary>Closes a pack that a dead process left open: keeps these segments, all that
    /// <see cref="Scan"/> from 0 gave up to where the log is whole, cuts what is behind the last, and seals. Never
    /// call it with fewer than the catalogue has acknowledged.</summary>
    void SealLeftOpen(long pack, IReadOnlyList<TrailerInfo> keep);
}

/// <summary>The one writer of a pack. Not thread-safe. After any failure it is suspect for good and refuses: what was
/// not synced before is unknown, and goes to another pack.</summary>
internal interface IPackWriter : IDisposable
{
    long Pack { get; }

    /// <summary>Where the next payload byte goes.</summary>
    long Length { get; }

    /// <summary>Chunks appended since the last trailer, in order; the next trailer lists them.</summary>
    IReadOnlyList<ChunkEntry> OpenChunks { get; }

    /// <summary>Trailers written since the last sync.</summary>
    bool NeedsSync { get; }

    bool IsSuspect { get; }

    /// <summary>Appends chunks, whose stored bytes stand back to back in <paramref name="payload"/>; returns the offset
    /// of the first.</summary>
    long Append(ReadOnlySpan<byte> payload, ReadOnlySpan<ChunkEntry> chunks);

    /// <summary>Ends the segment with its trailer. The last trailer of a group carries the group's journal record, and is
    /// written when all others of the group are synced.</summary>
    TrailerInfo FinishSegment(long group, long firstChunkId, ReadOnlySpan<byte> journal);

    /// <summary>Everything written is durable when this returns.</summary>
    void Sync();

    /// <summary>Writes the footer and syncs. The segment must be finished; nothing can be appended afterwards.</summary>
    void Seal();
}

/// <summary>A pack open for reading. Thread-safe.</summary>
internal interface IPackReader : IDisposable
{
    long Pack { get; }

    long Length { get; }

    /// <summary>Fills the buffer.</summary>
    /// <exception cref="PackDamagedException">The pack ends before.</exception>
    void Read(Span<byte> buffer, long offset);

    /// <summary>These bytes will be read soon.</summary>
    void WillNeed(long offset, long length);

    /// <summary>These bytes won't be read again soon, and need not take up the page cache.</summary>
    void DontNeed(long offset, long length);
}

internal readonly record struct PackFileInfo(long Pack, long Length);

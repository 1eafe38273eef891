namespace Fluxd.Store.Packs;

/// <summary>
/// What a trailer says about its segment, without the journal record (which may be large and is read on its own).
/// A segment is what one group commit appended to one pack: payload, then this.
/// </summary>
internal sealed record TrailerInfo
{
    /// <summary>No trailer before this one.</summary>
    public const long NoPrevious = -1;

    public required long Pack { get; init; }

    /// <summary>Counted from 0 within the pack.</summary>
    public required int Segment { get; init; }

    /// <summary>The group commit that wrote it; a group may have written several, in one or more packs.</summary>
    public required long Group { get; init; }

    /// <summary>The chunks' ids in the catalogue are this one and those that follow it.</summary>
    public required long FirstChunkId { get; init; }

    public required long PayloadOffset { get; init; }

    public required long PayloadLength { get; init; }

    /// <summary>Where the trailer itself begins.</summary>
    public required long Offset { get; init; }

    /// <summary>Where the pack's trailer before this one begins, or <see cref="NoPrevious"/>.</summary>
    public required long Previous { get; init; }

    public required IReadOnlyList<ChunkEntry> Chunks { get; init; }

    public required int JournalLength { get; init; }

    public bool HasJournal => JournalLength > 0;

    /// <summary>The trailer's bytes without the padding behind them.</summary>
    public int Length => TrailerFormat.LengthOf(Chunks.Count, JournalLength);

    /// <summary>Where the next segment begins.</summary>
    public long End => PackLayout.Align(Offset + Length);
}

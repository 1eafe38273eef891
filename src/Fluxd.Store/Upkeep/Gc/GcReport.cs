namespace Fluxd.Store.Upkeep.Gc;

/// <summary>What a run of the collector is asked for.</summary>
internal sealed record GcRequest
{
    /// <summary>Only look: nothing is removed, moved or written.</summary>
    public bool DryRun { get; init; }

    /// <summary>Somebody waits for the space: open packs are closed first, young ones are compacted too, and copies of the catalogue are made until all that is doomed can go.</summary>
    public bool Hurry { get; init; }

    public long MoveBytesPerSecond { get; init; } = UpkeepLimits.MoveBytesPerSecond;

    /// <summary>How long to wait for those who looked before something was condemned; what is not free by then is left for the next run.</summary>
    public TimeSpan TicketWait { get; init; } = UpkeepLimits.TicketWait;

    /// <summary>Bytes that compaction may move or fold in this run.</summary>
    public long MoveBytesMax { get; init; } = long.MaxValue;
}

/// <summary>What one run did; of a dry one, what it would find.</summary>
internal sealed record GcReport
{
    public long ContentsRemoved { get; init; }

    /// <summary>Contents that nothing refers to and somebody still held, or might have.</summary>
    public long ContentsWaiting { get; init; }

    /// <summary>In sealed packs that are not doomed: what nothing refers to, records of commits included.</summary>
    public long BytesDead { get; init; }

    public long BytesLive { get; init; }

    /// <summary>Of the live bytes, those that are there more than once, each for an owner of its own.</summary>
    public long BytesDouble { get; init; }

    public int PacksDropped { get; init; }

    public int PacksCompacted { get; init; }

    /// <summary>Short packs whose chunks were put together.</summary>
    public int PacksMerged { get; init; }

    public long BytesMoved { get; init; }

    /// <summary>Found elsewhere, and given that place.</summary>
    public long BytesFolded { get; init; }

    /// <summary>Packs with a damaged chunk that something refers to: left as they are.</summary>
    public int PacksKeptForDamage { get; init; }

    /// <summary>Packs in which a chunk that had been dead was referred to meanwhile, or whose rows don't add up: left for another run.</summary>
    public int PacksLeft { get; init; }

    public int PacksUnlinked { get; init; }

    public long BytesFreed { get; init; }

    /// <summary>Packs that are empty by now and wait until the kept catalogue copies don't need them.</summary>
    public int PacksWaiting { get; init; }

    public long BytesWaiting { get; init; }

    /// <summary>Why less was done than there was to do; null when all was.</summary>
    public string? Stopped { get; init; }
}

/// <summary>Where a run stands.</summary>
internal enum GcPhase
{
    Contents,
    Marking,
    Dropping,
    Compacting,
    Merging,
    Unlinking,
}

/// <summary>Moments between which anything may happen: tests let it.</summary>
internal enum GcSeam
{
    Found,
    Condemned,
    TicketsBack,
    ContentsRemoved,
    BarrierUp,
    MarkedPage,
    Marked,
    Measured,
    RowsRemoved,
    ChunksRead,
    TwinsFound,
    ChunksCopied,
    Swapped,
    DeadRemoved,
    Doomed,
    Copied,
    Unlinked,
    Forgotten,
}

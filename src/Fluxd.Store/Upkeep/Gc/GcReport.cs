namespace Fluxd.Store.Upkeep.Gc;

/// <summary>What one run of the collector did.</summary>
internal sealed record GcReport
{
    public int ContentsRemoved { get; init; }

    public long BytesDead { get; init; }

    public int PacksDropped { get; init; }

    public int PacksCompacted { get; init; }

    public long BytesMoved { get; init; }

    /// <summary>Packs with a damaged chunk that something refers to: left as they are.</summary>
    public int PacksKeptForDamage { get; init; }

    public int PacksUnlinked { get; init; }

    public long BytesFreed { get; init; }

    /// <summary>Packs that are empty by now and wait until the kept catalogue copies are newer than they.</summary>
    public int PacksWaiting { get; init; }
}

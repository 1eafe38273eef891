namespace Fluxd.Store.Catalog.References;

/// <summary>What the collector must know beside the rows: who holds contents, and which chunks were referred to while it looked.</summary>
internal sealed class CatalogReferences
{
    internal ContentHolds Holds { get; } = new();

    /// <summary>While a collector is at work: every chunk that any write referred to since it began. The committer's thread only.</summary>
    internal ChunkMarks? Barrier { get; set; }
}

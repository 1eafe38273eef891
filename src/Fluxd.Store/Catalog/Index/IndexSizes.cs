namespace Fluxd.Store.Catalog.Index;

/// <summary>When the hash index merges, and how much at a time. Small ones let a test see every step.</summary>
internal sealed record IndexSizes(int Recent, int Slice, int FirstTier)
{
    internal static IndexSizes Default { get; } = new(CatalogLimits.RecentChunks, CatalogLimits.MergeSlice, CatalogLimits.FirstTierKeys);
}

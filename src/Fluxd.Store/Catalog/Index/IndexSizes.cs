namespace Fluxd.Store.Catalog.Index;

/// <summary>When the hash index merges, and how much at a time. Small ones let a test see every step.</summary>
internal sealed record IndexSizes(int Recent, int Slice, int FirstTier)
{
    internal static IndexSizes Default { get; } = new(CatalogLimits.RecentChunks, CatalogLimits.MergeSlice, CatalogLimits.FirstTierKeys);

    /// <summary>
    /// How big the first tier gets beside a second one of so many keys. A merge writes nearly every page of the table that it
    /// goes into, so each key pays for the pages of half a first tier once for each batch, and for those of the second once
    /// for each move: together least where the first has the root of twice a batch times the second.
    /// </summary>
    internal long FirstTierBeside(long secondTier) => Math.Min(FirstTier, Math.Max(4L * Recent, (long)Math.Sqrt(2.0 * Recent * secondTier)));
}

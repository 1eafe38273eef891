using Fluxd.Store.Packs;

namespace Fluxd.Store.Catalog.Log;

/// <summary>
/// New chunks of the group that is being made: their ids are given, their bytes still belong to the caller, who
/// keeps them until the group is committed (or failed). Written when the group ends, again elsewhere if that fails.
/// </summary>
/// <param name="Lane">Chunks of one lane stand together in its packs.</param>
/// <param name="FirstId">Of the first; the others follow without gaps.</param>
/// <param name="Payload">The stored bytes, back to back.</param>
internal sealed record StagedChunks(int Lane, long FirstId, ReadOnlyMemory<byte> Payload, ChunkEntry[] Chunks);

/// <summary>Bits of <c>chunk.flags</c> beside the codec, which has bits 0 to 7.</summary>
internal static class ChunkFlags
{
    internal const int CodecMask = 0xFF;

    /// <summary>Its bytes don't match: it counts as absent for deduplication, and any upload of the same bytes heals.</summary>
    internal const int Bad = 0x100;
}

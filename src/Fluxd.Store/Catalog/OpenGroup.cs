using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Catalog;

/// <summary>
/// The chunks of the group that is being made. A write that fails takes its rows back but not its chunks: they stay
/// in the group, unreferenced, because later writes of the group may have found them here.
/// </summary>
internal sealed class OpenGroup(ChunkIndex index, long nextId)
{
    private readonly RecentChunks _added = new();
    private readonly List<StagedChunks> _staged = [];

    internal IReadOnlyList<StagedChunks> Staged => _staged;

    /// <summary>What the index takes over when the group is committed.</summary>
    internal IEnumerable<(ChunkHash Hash, long Id)> Added => _added.All;

    internal long NextId { get; private set; } = nextId;

    internal long Bytes { get; private set; }

    internal int Chunks { get; private set; }

    /// <param name="next">As for <see cref="ChunkIndex.Find"/>.</param>
    internal long? Find(CatalogReader reader, in ChunkHash hash, Func<long, long?> next)
    {
        foreach (var id in _added.Of(hash))
        {
            if (next(id) == id)
            {
                return id;
            }
        }

        return index.Find(reader, hash, next);
    }

    internal long Append(int lane, ReadOnlyMemory<byte> payload, ChunkEntry[] chunks, bool indexed)
    {
        var first = NextId;
        NextId += chunks.Length;
        Bytes += payload.Length;
        Chunks += chunks.Length;
        _staged.Add(new StagedChunks(lane, first, payload, chunks));
        if (indexed)
        {
            for (var i = 0; i < chunks.Length; i++)
            {
                _added.Add(chunks[i].Hash, first + i);
            }
        }

        return first;
    }
}

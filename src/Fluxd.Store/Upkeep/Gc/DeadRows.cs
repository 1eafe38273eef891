using Fluxd.Store.Catalog;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>
/// Takes the rows of dead chunks away, in the run that finds them and whatever becomes of their packs. Bytes at a place
/// that somebody else shares stay; if the row stayed with them, its former owner would find the chunk again, and could
/// tell from that that somebody has it.
/// </summary>
internal sealed class DeadRows(EmptyingRun run)
{
    private readonly List<(long Key, long Id)> _staleKeys = [];
    private readonly Dictionary<long, long> _removed = [];

    /// <summary>Rows of the hash index that name chunks which are no more.</summary>
    public IReadOnlyList<(long Key, long Id)> StaleKeys => _staleKeys;

    /// <summary>The packs with the rows that they have left.</summary>
    public async Task<List<PackUsage>> RemoveAsync(IReadOnlyList<PackUsage> packs, CancellationToken ct)
    {
        var dead = new List<long>();
        foreach (var pack in packs.Where(pack => pack.Rows > pack.LiveRows))
        {
            var ranges = await run.Catalog.ReadAsync(reader => PackChunks.Ranges(reader, pack.Pack), ct);
            foreach (var (first, rows) in PackChunks.Pages(ranges, UpkeepLimits.PageRows))
            {
                dead.AddRange(await run.Catalog.ReadAsync(
                    reader => PackChunks.Read(reader, pack.Pack, first, rows).Select(chunk => chunk.Id).Where(id => !run.Marker.SeemsLive(id)).ToList(), ct));
                if (dead.Count >= UpkeepLimits.SwapRows)
                {
                    await RemoveAsync(dead, ct);
                    dead.Clear();
                }
            }
        }

        await RemoveAsync(dead, ct);
        return [.. packs.Select(pack => pack with { Rows = pack.Rows - _removed.GetValueOrDefault(pack.Pack) })];
    }

    /// <summary>On the committer's thread, for chunks that nothing refers to.</summary>
    public static void Remove(CatalogTransaction transaction, SqliteCatalog catalog, IReadOnlyCollection<ChunkRow> dead, List<(long Key, long Id)> staleKeys)
    {
        foreach (var chunk in dead)
        {
            PackChunks.Remove(transaction, chunk.Id);
        }

        transaction.AfterCommit(() =>
        {
            staleKeys.AddRange(dead.Select(chunk => (chunk.Hash.FirstEight, chunk.Id)));
            catalog.Index.Forget(dead.Select(chunk => (chunk.Hash, chunk.Id)));
        });
    }

    private async Task RemoveAsync(List<long> ids, CancellationToken ct)
    {
        foreach (var slice in ids.Chunk(UpkeepLimits.SwapRows))
        {
            await run.Catalog.MoveChunksAsync(transaction => Remove(transaction, slice), ct);
            await run.Seam(GcSeam.RowsRemoved);
        }
    }

    /// <summary>Nothing can come to refer to a chunk while this runs.</summary>
    private bool Remove(CatalogTransaction transaction, long[] ids)
    {
        run.Marker.SeeLeases(transaction);
        var dead = ids.Where(id => !run.Marker.IsLive(id)).Select(id => PackChunks.Place(transaction, id)).OfType<(long Pack, ChunkRow Chunk)>().ToList();
        Remove(transaction, run.Catalog, [.. dead.Select(place => place.Chunk)], _staleKeys);
        transaction.AfterCommit(() => dead.ForEach(place => _removed[place.Pack] = _removed.GetValueOrDefault(place.Pack) + 1));
        return true;
    }
}

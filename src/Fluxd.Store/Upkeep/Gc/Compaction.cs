using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep.Gc;

internal enum CompactionOutcome
{
    Done,

    /// <summary>A chunk that something refers to does not match its hash: the pack stays as it is, and the chunk is flagged.</summary>
    Damaged,

    /// <summary>Somebody began to refer to a chunk that had been dead: another run will see.</summary>
    Revived,
}

/// <summary>
/// Empties one sealed pack. First the live chunks are written again, verified on the way, under ids that nothing knows;
/// then one commit gives their places to the ids that everybody knows, removes the dead rows and dooms the pack.
/// </summary>
internal sealed class Compaction(SqliteCatalog catalog, IPackStore packs, long pack, Marker marker, Throttle throttle)
{
    /// <summary>Compacted chunks stand together, apart from what clients write: files that lived long live on.</summary>
    private const int Lane = CatalogLimits.Lanes - 1;

    private readonly List<(long Old, long New)> _moved = [];

    public long BytesMoved { get; private set; }

    public async Task<CompactionOutcome> RunAsync(CancellationToken ct)
    {
        var ranges = await catalog.ReadAsync(reader => PackChunks.Ranges(reader, pack), ct);
        using (var file = packs.Open(pack))
        {
            foreach (var (first, count) in ranges)
            {
                for (var at = first; at < first + count; at += UpkeepLimits.PageRows)
                {
                    var rows = Math.Min(UpkeepLimits.PageRows, first + count - at);
                    var live = await catalog.ReadAsync(reader => PackChunks.Read(reader, pack, at, rows).Where(chunk => marker.Marks.IsSet(chunk.Id)).ToList(), ct);
                    if (!await MoveAsync(file, live, ct))
                    {
                        return CompactionOutcome.Damaged;
                    }
                }
            }
        }

        foreach (var slice in _moved.Chunk(UpkeepLimits.SwapRows))
        {
            await catalog.MoveChunksAsync(transaction => Swap(transaction, slice), ct);
        }

        return await RemoveDeadAsync(ranges, ct) && await catalog.MoveChunksAsync(transaction => Doom(transaction, ranges), ct)
            ? CompactionOutcome.Done
            : CompactionOutcome.Revived;
    }

    private async Task<bool> MoveAsync(IPackReader file, List<ChunkRow> chunks, CancellationToken ct)
    {
        for (var at = 0; at < chunks.Count;)
        {
            var batch = new List<ChunkRow>();
            var bytes = 0;
            while (at < chunks.Count && (batch.Count == 0 || bytes + chunks[at].Stored <= UpkeepLimits.MoveBytes))
            {
                bytes += chunks[at].Stored;
                batch.Add(chunks[at++]);
            }

            if (!await MoveBatchAsync(file, batch, bytes, ct))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<bool> MoveBatchAsync(IPackReader file, List<ChunkRow> batch, int bytes, CancellationToken ct)
    {
        var payload = new byte[bytes];
        var entries = new ChunkEntry[batch.Count];
        var filled = 0;
        for (var i = 0; i < batch.Count; i++)
        {
            var chunk = batch[i];
            if (!ChunkCheck.Read(file, chunk, payload.AsSpan(filled, chunk.Stored)))
            {
                await BadChunks.FlagAsync(catalog, [chunk], ct);
                return false;
            }

            entries[i] = new ChunkEntry(chunk.Hash, chunk.Raw, chunk.Stored, (ChunkCodec)(chunk.Flags & ChunkFlags.CodecMask), chunk.Crc);
            filled += chunk.Stored;
        }

        file.DontNeed(batch[0].Offset, batch[^1].Offset + batch[^1].Stored - batch[0].Offset);
        var first = await catalog.WriteAsync(transaction => transaction.AppendChunks(Lane, payload, entries, indexed: false), ct);
        _moved.AddRange(batch.Select((chunk, i) => (chunk.Id, first + i)));
        BytesMoved += bytes;
        await throttle.SpendAsync(bytes, ct);
        return true;
    }

    /// <summary>The old ids take the copies' places. Both places hold the same bytes, so nobody can tell.</summary>
    private static bool Swap(CatalogTransaction transaction, (long Old, long New)[] moved)
    {
        var places = TakePlaces(transaction, moved);
        foreach (var (chunk, place) in moved.Zip(places))
        {
            using var update = transaction.Sql("UPDATE chunk SET pack = ?2, off = ?3 WHERE id = ?1").Bind(chunk.Old).Bind(place.Pack).Bind(place.Offset);
            update.Run();
        }

        MoveRanges(transaction, moved, places);
        return true;
    }

    /// <summary>False: something refers to one of them by now.</summary>
    private async Task<bool> RemoveDeadAsync(List<(long First, long Count)> ranges, CancellationToken ct)
    {
        // Most of what is new is looked at here, so that the committer's thread has little left to see.
        await catalog.ReadAsync(marker.CatchUp, ct);
        foreach (var (first, count) in ranges)
        {
            for (var at = first; at < first + count; at += UpkeepLimits.SwapRows)
            {
                var rows = Math.Min(UpkeepLimits.SwapRows, first + count - at);
                if (!await catalog.MoveChunksAsync(transaction => RemoveDead(transaction, at, rows), ct))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>On the committer's thread: nothing can begin to refer to a chunk while this runs.</summary>
    private bool RemoveDead(CatalogTransaction transaction, long first, long count)
    {
        marker.CatchUp(transaction);
        var dead = PackChunks.Read(transaction, pack, first, count);
        if (dead.Exists(chunk => marker.Marks.IsSet(chunk.Id)))
        {
            return false;
        }

        foreach (var chunk in dead)
        {
            Remove(transaction, chunk.Id);
        }

        transaction.AfterCommit(() => catalog.Index.Forget(dead.Select(chunk => chunk.Hash)));
        return true;
    }

    /// <summary>Where the copies are; their own rows go, since the old ids take their places.</summary>
    private static List<(long Pack, long Offset)> TakePlaces(CatalogTransaction transaction, (long Old, long New)[] moved)
    {
        var places = new List<(long, long)>(moved.Length);
        foreach (var (_, copy) in moved)
        {
            using (var row = transaction.Sql("SELECT pack, off FROM chunk WHERE id = ?1").Bind(copy))
            {
                places.Add(row.Step() ? (row.Long(0), row.Long(1)) : throw new InvalidOperationException($"The copy {copy} of a chunk is gone."));
            }

            Remove(transaction, copy);
        }

        return places;
    }

    private static void MoveRanges(CatalogTransaction transaction, (long Old, long New)[] moved, List<(long Pack, long Offset)> places)
    {
        foreach (var (copy, count) in Runs(moved.Select(pair => pair.New)))
        {
            TakeOut(transaction, copy, count);
        }

        foreach (var group in moved.Zip(places).GroupBy(pair => pair.Second.Pack))
        {
            foreach (var (first, count) in Runs(group.Select(pair => pair.First.Old).Order()))
            {
                // A chunk that was moved before, and back into a pack that it was in once, finds its old range there.
                using var insert = transaction.Sql("INSERT INTO pack_range(pack, first, count) VALUES (?1, ?2, ?3) ON CONFLICT(pack, first) DO UPDATE SET count = max(count, excluded.count)")
                    .Bind(group.Key).Bind(first).Bind(count);
                insert.Run();
            }
        }
    }

    /// <summary>Ids of copies: they may span several packs' ranges.</summary>
    private static void TakeOut(CatalogTransaction transaction, long from, long count)
    {
        var hit = new List<(long Pack, long First, long Count)>();
        using (var rows = transaction.Sql("SELECT pack, first, count FROM pack_range WHERE first < ?1 + ?2 AND first + count > ?1").Bind(from).Bind(count))
        {
            while (rows.Step())
            {
                hit.Add((rows.Long(0), rows.Long(1), rows.Long(2)));
            }
        }

        foreach (var range in hit)
        {
            var (start, end) = (Math.Max(from, range.First), Math.Min(from + count, range.First + range.Count));
            Split(transaction, range.Pack, range.First, range.Count, start, end - start);
        }
    }

    /// <summary>Takes <paramref name="count"/> ids from <paramref name="from"/> on out of a range.</summary>
    private static void Split(CatalogTransaction transaction, long pack, long first, long length, long from, long count)
    {
        using (var remove = transaction.Sql("DELETE FROM pack_range WHERE pack = ?1 AND first = ?2").Bind(pack).Bind(first))
        {
            remove.Run();
        }

        Insert(first, from - first);
        Insert(from + count, first + length - from - count);

        void Insert(long start, long many)
        {
            if (many > 0)
            {
                using var insert = transaction.Sql("INSERT INTO pack_range(pack, first, count) VALUES (?1, ?2, ?3)").Bind(pack).Bind(start).Bind(many);
                insert.Run();
            }
        }
    }

    private static IEnumerable<(long First, long Count)> Runs(IEnumerable<long> ids)
    {
        long first = 0, count = 0;
        foreach (var id in ids)
        {
            if (count > 0 && id == first + count)
            {
                count++;
                continue;
            }

            if (count > 0)
            {
                yield return (first, count);
            }

            (first, count) = (id, 1);
        }

        if (count > 0)
        {
            yield return (first, count);
        }
    }

    private bool Doom(CatalogTransaction transaction, List<(long First, long Count)> ranges)
    {
        if (ranges.Exists(range => PackChunks.Read(transaction, pack, range.First, range.Count).Count > 0))
        {
            return false;
        }

        using (var old = transaction.Sql("DELETE FROM pack_range WHERE pack = ?1").Bind(pack))
        {
            old.Run();
        }

        using var doom = transaction.Sql("UPDATE pack SET state = 2, doomed_group = ?2 WHERE id = ?1").Bind(pack).Bind(catalog.AppliedGroup + 1);
        return doom.Run() == 1;
    }

    private static void Remove(CatalogTransaction transaction, long chunk)
    {
        using var remove = transaction.Sql("DELETE FROM chunk WHERE id = ?1").Bind(chunk);
        remove.Run();
    }
}

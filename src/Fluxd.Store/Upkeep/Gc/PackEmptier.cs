using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep.Gc;

internal enum EmptyOutcome
{
    Doomed,

    /// <summary>A chunk that something refers to does not match its hash: the pack stays as it is, and the chunk is flagged.</summary>
    Damaged,

    /// <summary>Something came to refer to a chunk that had been dead, or the rows don't add up: another run will see.</summary>
    Left,
}

/// <summary>
/// Empties one sealed pack. The live chunks are written again first, verified on the way, under ids that nothing knows;
/// then commits give their places to the ids that everybody knows, remove the dead rows, and doom the pack. At every
/// moment each row names a place whose bytes are durable; the old ones stay till the file goes, much later.
/// </summary>
internal sealed class PackEmptier(SqliteCatalog catalog, IPackStore packs, PackUsage usage, Marker marker, Throttle throttle, Func<GcSeam, ValueTask> seam)
{
    private readonly List<Move> _moves = [];
    private readonly Dictionary<long, (long Pack, long Offset)> _places = []; // of copies whose rows have gone
    private readonly List<(long Key, long Id)> _removed = [];
    private long _emptied;

    public long BytesMoved { get; private set; }

    /// <summary>Rows of the hash index that name chunks which are no more.</summary>
    public IReadOnlyList<(long Key, long Id)> StaleKeys => _removed;

    public async Task<EmptyOutcome> RunAsync(CancellationToken ct)
    {
        var ranges = await catalog.ReadAsync(reader => PackChunks.Ranges(reader, usage.Pack), ct);
        if (usage.LiveRows > 0 && !await TryCopyLiveAsync(ranges, ct))
        {
            return EmptyOutcome.Damaged;
        }

        foreach (var slice in _moves.Chunk(UpkeepLimits.SwapRows))
        {
            await catalog.MoveChunksAsync(transaction => Swap(transaction, slice), ct);
            await seam(GcSeam.Swapped);
        }

        if (!await RemoveDeadAsync(ranges, ct) || _emptied != usage.Rows)
        {
            return EmptyOutcome.Left;
        }

        var doomed = await catalog.MoveChunksAsync(transaction => Doom(transaction, ranges), ct);
        await seam(GcSeam.Doomed);
        return doomed ? EmptyOutcome.Doomed : EmptyOutcome.Left;
    }

    private async Task<bool> TryCopyLiveAsync(List<(long First, long Count)> ranges, CancellationToken ct)
    {
        try
        {
            return await CopyLiveAsync(ranges, ct);
        }
        catch (PackDamagedException)
        {
            // Its file is missing: fsck names it.
            return false;
        }
    }

    private async Task<bool> CopyLiveAsync(List<(long First, long Count)> ranges, CancellationToken ct)
    {
        using var file = packs.Open(usage.Pack);
        var copies = new Dictionary<long, long>(); // offset to the copy's id: chunks may share a place
        foreach (var (first, rows) in Pages(ranges, UpkeepLimits.PageRows))
        {
            var live = await catalog.ReadAsync(
                reader => PackChunks.Read(reader, usage.Pack, first, rows).Where(chunk => marker.SeemsLive(chunk.Id)).ToList(), ct);
            await seam(GcSeam.ChunksRead);
            if (!await CopyAsync(file, live, copies, ct))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<bool> CopyAsync(IPackReader file, List<ChunkRow> live, Dictionary<long, long> copies, CancellationToken ct)
    {
        var batch = new List<ChunkRow>();
        var bytes = 0;
        foreach (var chunk in live.Where(chunk => !copies.ContainsKey(chunk.Offset)).DistinctBy(chunk => chunk.Offset))
        {
            if (batch.Count > 0 && bytes + chunk.Stored > UpkeepLimits.MoveBytes)
            {
                if (!await CopyBatchAsync(file, batch, bytes, copies, ct))
                {
                    return false;
                }

                (batch, bytes) = ([], 0);
            }

            batch.Add(chunk);
            bytes += chunk.Stored;
        }

        if (batch.Count > 0 && !await CopyBatchAsync(file, batch, bytes, copies, ct))
        {
            return false;
        }

        _moves.AddRange(live.Select(chunk => new Move(chunk, copies[chunk.Offset])));
        return true;
    }

    private async Task<bool> CopyBatchAsync(IPackReader file, List<ChunkRow> batch, int bytes, Dictionary<long, long> copies, CancellationToken ct)
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
            file.DontNeed(chunk.Offset, chunk.Stored);
        }

        // In no index: nobody can come to refer to the copy's own id.
        var first = await catalog.WriteAsync(transaction => transaction.AppendChunks(CatalogLimits.MovedLane, payload, entries, indexed: false), ct);
        for (var i = 0; i < batch.Count; i++)
        {
            copies.Add(batch[i].Offset, first + i);
        }

        BytesMoved += bytes;
        await seam(GcSeam.ChunksCopied);
        await throttle.SpendAsync(bytes, ct);
        return true;
    }

    /// <summary>The old ids take the copies' places. Both places hold the same bytes, so nobody can tell.</summary>
    private bool Swap(CatalogTransaction transaction, Move[] moves)
    {
        var arrived = new List<(long Pack, long Id)>();
        foreach (var move in moves)
        {
            if (!_places.TryGetValue(move.Copy, out var place))
            {
                _places.Add(move.Copy, place = TakePlace(transaction, move));
            }

            var (pack, offset) = place;
            using var update = transaction.Sql("UPDATE chunk SET pack = ?2, off = ?3 WHERE id = ?1 AND pack = ?4 AND off = ?5")
                .Bind(move.Chunk.Id).Bind(pack).Bind(offset).Bind(usage.Pack).Bind(move.Chunk.Offset);
            if (update.Run() != 1)
            {
                throw new InvalidOperationException($"Chunk {move.Chunk.Id} is not where it was when it was copied.");
            }

            arrived.Add(place with { Item2 = move.Chunk.Id });
        }

        AddRanges(transaction, arrived);
        transaction.AfterCommit(() => _emptied += moves.Length);
        return true;
    }

    /// <summary>Where the copy is. Its own row goes, since others take its place.</summary>
    private (long Pack, long Offset) TakePlace(CatalogTransaction transaction, Move move)
    {
        if (PackChunks.Place(transaction, move.Copy) is not { } copy || copy.Chunk.Hash != move.Chunk.Hash
            || copy.Chunk.Stored != move.Chunk.Stored || copy.Chunk.Crc != move.Chunk.Crc || copy.Pack == usage.Pack)
        {
            throw new InvalidOperationException($"The copy {move.Copy} of chunk {move.Chunk.Id} is not what was written.");
        }

        RemoveRow(transaction, move.Copy);
        return (copy.Pack, copy.Chunk.Offset);
    }

    /// <summary>A pack's ranges name all ids of chunks in it, and may name others: they are looked up with the pack.</summary>
    private static void AddRanges(CatalogTransaction transaction, List<(long Pack, long Id)> arrived)
    {
        foreach (var pack in arrived.GroupBy(chunk => chunk.Pack, chunk => chunk.Id))
        {
            foreach (var (first, count) in Runs(pack.Order()))
            {
                using var insert = transaction.Sql("INSERT INTO pack_range(pack, first, count) VALUES (?1, ?2, ?3) ON CONFLICT(pack, first) DO UPDATE SET count = max(count, excluded.count)")
                    .Bind(pack.Key).Bind(first).Bind(count);
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

    /// <summary>False: something refers to one of them by now.</summary>
    private async Task<bool> RemoveDeadAsync(List<(long First, long Count)> ranges, CancellationToken ct)
    {
        foreach (var (first, rows) in Pages(ranges, UpkeepLimits.SwapRows))
        {
            var isDone = await catalog.MoveChunksAsync(transaction => RemoveDead(transaction, first, rows), ct);
            await seam(GcSeam.DeadRemoved);
            if (!isDone)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>On the committer's thread: nothing can come to refer to a chunk while this runs.</summary>
    private bool RemoveDead(CatalogTransaction transaction, long first, long count)
    {
        marker.SeeLeases(transaction);
        var dead = PackChunks.Read(transaction, usage.Pack, first, count);
        if (dead.Exists(chunk => marker.IsLive(chunk.Id)))
        {
            return false;
        }

        foreach (var chunk in dead)
        {
            RemoveRow(transaction, chunk.Id);
        }

        transaction.AfterCommit(() =>
        {
            _emptied += dead.Count;
            _removed.AddRange(dead.Select(chunk => (chunk.Hash.FirstEight, chunk.Id)));
            catalog.Index.Forget(dead.Select(chunk => (chunk.Hash, chunk.Id)));
        });
        return true;
    }

    private bool Doom(CatalogTransaction transaction, List<(long First, long Count)> ranges)
    {
        if (ranges.Exists(range => PackChunks.Read(transaction, usage.Pack, range.First, range.Count).Count > 0))
        {
            return false;
        }

        using (var old = transaction.Sql("DELETE FROM pack_range WHERE pack = ?1").Bind(usage.Pack))
        {
            old.Run();
        }

        using var doom = transaction.Sql("UPDATE pack SET state = 2, doomed_group = ?2 WHERE id = ?1 AND state = 1").Bind(usage.Pack).Bind(catalog.AppliedGroup + 1);
        return doom.Run() == 1;
    }

    private static IEnumerable<(long First, long Rows)> Pages(List<(long First, long Count)> ranges, int size)
    {
        foreach (var (first, count) in ranges)
        {
            for (var at = first; at < first + count; at += size)
            {
                yield return (at, Math.Min(size, first + count - at));
            }
        }
    }

    private static void RemoveRow(CatalogTransaction transaction, long chunk)
    {
        using var remove = transaction.Sql("DELETE FROM chunk WHERE id = ?1").Bind(chunk);
        remove.Run();
    }

    private readonly record struct Move(ChunkRow Chunk, long Copy);
}

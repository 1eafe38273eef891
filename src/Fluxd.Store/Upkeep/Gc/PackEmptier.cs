using Fluxd.Store.Catalog;
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
/// Empties one sealed pack. A durable place is found for each live chunk first, verified on the way: a copy under an id
/// that nothing knows, or another chunk with the same bytes; then commits give these places to the ids that everybody
/// knows, remove the dead rows, and doom the pack. At every moment each row names a place whose bytes are durable; the
/// old ones stay till the file goes, much later.
/// </summary>
internal sealed class PackEmptier(EmptyingRun run, PackUsage usage)
{
    private readonly LiveMover _mover = new(run, usage.Pack);
    private readonly Dictionary<long, (long Pack, ChunkRow Chunk)> _copies = []; // whose rows have gone
    private readonly List<(long Key, long Id)> _removed = [];
    private long _emptied;

    public long BytesMoved => _mover.BytesCopied;

    public long BytesFolded { get; private set; }

    /// <summary>Rows of the hash index that name chunks which are no more.</summary>
    public IReadOnlyList<(long Key, long Id)> StaleKeys => _removed;

    public async Task<EmptyOutcome> RunAsync(CancellationToken ct)
    {
        var ranges = await run.Catalog.ReadAsync(reader => PackChunks.Ranges(reader, usage.Pack), ct);
        if (usage.LiveRows > 0 && !await TryPlaceLiveAsync(ranges, ct))
        {
            return EmptyOutcome.Damaged;
        }

        if (!await SwapAllAsync(ct) || !await RemoveDeadAsync(ranges, ct) || _emptied != usage.Rows)
        {
            return EmptyOutcome.Left;
        }

        var doomed = await run.Catalog.MoveChunksAsync(Doom, ct);
        await run.Seam(GcSeam.Doomed);
        return doomed ? EmptyOutcome.Doomed : EmptyOutcome.Left;
    }

    private async Task<bool> TryPlaceLiveAsync(List<(long First, long Count)> ranges, CancellationToken ct)
    {
        try
        {
            return await _mover.RunAsync(ranges, ct);
        }
        catch (PackDamagedException)
        {
            // Its file is missing: fsck names it.
            return false;
        }
    }

    /// <summary>False: a place that was to be shared is no more.</summary>
    private async Task<bool> SwapAllAsync(CancellationToken ct)
    {
        foreach (var slice in _mover.Moves.Chunk(UpkeepLimits.SwapRows))
        {
            var isDone = await run.Catalog.MoveChunksAsync(transaction => Swap(transaction, slice), ct);
            await run.Seam(GcSeam.Swapped);
            if (!isDone)
            {
                return false;
            }
        }

        BytesFolded = _mover.BytesFolded;
        return true;
    }

    /// <summary>The old ids take the new places. Both places hold the same bytes, so nobody can tell.</summary>
    private bool Swap(CatalogTransaction transaction, Move[] moves)
    {
        var arrived = new List<(long Pack, long Id)>();
        var moved = 0;
        foreach (var move in moves)
        {
            if (PackChunks.Place(transaction, move.Chunk.Id) is not { } now || now.Pack != usage.Pack || now.Chunk.Offset != move.Chunk.Offset)
            {
                throw new InvalidOperationException($"Chunk {move.Chunk.Id} is not where it was when it was copied.");
            }

            if (move.Twin is { } twin)
            {
                if (!Twins.TryShare(transaction, move.Chunk.Id, twin))
                {
                    break;
                }
            }
            else
            {
                var (pack, copy) = TakePlace(transaction, move);
                PackChunks.Move(transaction, move.Chunk.Id, pack, copy);
                arrived.Add((pack, move.Chunk.Id));
            }

            moved++;
        }

        AddRanges(transaction, arrived);
        transaction.AfterCommit(() => _emptied += moved);
        return moved == moves.Length;
    }

    /// <summary>Where the copy is. Its own row goes, since others take its place.</summary>
    private (long Pack, ChunkRow Chunk) TakePlace(CatalogTransaction transaction, Move move)
    {
        if (_copies.TryGetValue(move.Copy, out var known))
        {
            return known;
        }

        if (PackChunks.Place(transaction, move.Copy) is not { } copy || copy.Chunk.Hash != move.Chunk.Hash || copy.Chunk.Raw != move.Chunk.Raw || copy.Pack == usage.Pack)
        {
            throw new InvalidOperationException($"The copy {move.Copy} of chunk {move.Chunk.Id} is not what was written.");
        }

        PackChunks.Remove(transaction, move.Copy);
        _copies.Add(move.Copy, copy);
        return copy;
    }

    private static void AddRanges(CatalogTransaction transaction, List<(long Pack, long Id)> arrived)
    {
        foreach (var pack in arrived.GroupBy(chunk => chunk.Pack, chunk => chunk.Id))
        {
            foreach (var (first, count) in Runs(pack.Order()))
            {
                PackChunks.AddRange(transaction, pack.Key, first, count);
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
        foreach (var (first, rows) in PackChunks.Pages(ranges, UpkeepLimits.SwapRows))
        {
            var isDone = await run.Catalog.MoveChunksAsync(transaction => RemoveDead(transaction, first, rows), ct);
            await run.Seam(GcSeam.DeadRemoved);
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
        run.Marker.SeeLeases(transaction);
        var dead = PackChunks.Read(transaction, usage.Pack, first, count);
        if (dead.Exists(chunk => run.Marker.IsLive(chunk.Id)))
        {
            return false;
        }

        DeadRows.Remove(transaction, run.Catalog, dead, _removed);
        transaction.AfterCommit(() => _emptied += dead.Count);
        return true;
    }

    /// <summary>Looks at all that the pack's ranges name by now: others may have come to share places in it.</summary>
    private bool Doom(CatalogTransaction transaction)
    {
        if (PackChunks.Ranges(transaction, usage.Pack).Exists(range => PackChunks.Read(transaction, usage.Pack, range.First, range.Count).Count > 0))
        {
            return false;
        }

        using (var old = transaction.Sql("DELETE FROM pack_range WHERE pack = ?1").Bind(usage.Pack))
        {
            old.Run();
        }

        using var doom = transaction.Sql("UPDATE pack SET state = 2, doomed_group = ?2 WHERE id = ?1 AND state = 1").Bind(usage.Pack).Bind(run.Catalog.AppliedGroup + 1);
        return doom.Run() == 1;
    }
}

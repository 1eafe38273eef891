using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Catalog.Index;

/// <summary>
/// Which chunk has this hash? New chunks are in memory; every so often they are merged, sorted by key, into a small
/// table, and that, when it has grown, into a big one: so that a commit never writes to random pages. Whatever the
/// tables say is confirmed on the chunk's own row. The committer writes; anybody may ask for a hint.
/// </summary>
internal sealed class ChunkIndex
{
    // Of a chunk that very many have, so many are looked at before it is written once more.
    private const int CandidatesMax = 256;

    // A merge of so many leaves arrays that only a full collection takes away.
    private const int LargeMerge = 85_000 / sizeof(long);

    private static readonly (long Key, long Id) s_lowest = (long.MinValue, long.MinValue);

    private readonly RecentChunks _recent = new();
    private readonly Database _database;
    private readonly IndexSizes _sizes;
    private readonly BloomFilter? _filter;
    private Merge? _merging;
    private int _merged;
    private int _batch;
    private long _firstTier;
    private long _secondTier;
    private bool _isMoving;
    private (long Key, long Id) _movedUpTo = s_lowest;

    /// <summary>Reads what is not merged yet into memory, and the keys into the filter.</summary>
    internal ChunkIndex(Database database, IndexSizes? sizes = null)
    {
        (_database, _sizes) = (database, sizes ?? IndexSizes.Default);
        LoadRecent();

        // More than one life leaves: a merge was cut off. A slice is one transaction, so this one comes to an end first.
        _batch = RecentCount > _sizes.Recent ? _sizes.Slice : int.MaxValue;
        _firstTier = database.Scalar("SELECT count(*) FROM hx1") ?? 0;
        _isMoving = database.Scalar("SELECT value FROM local WHERE key = 'hx1_moving'") == 1;
        _secondTier = database.Scalar("SELECT count(*) FROM hx2") ?? 0;
        _filter = BloomFilter.For(_firstTier + _secondTier);
        FillFilter("SELECT k FROM hx1");
        FillFilter("SELECT k FROM hx2");
    }

    /// <summary>Chunks whose hashes are in memory only.</summary>
    internal int RecentCount
    {
        get
        {
            lock (_recent)
            {
                return _recent.Count;
            }
        }
    }

    /// <summary>As <see cref="RecentCount"/>, and those that were deleted since: a store where chunks come and go has to let go of them too.</summary>
    internal int RecentPlaces
    {
        get
        {
            lock (_recent)
            {
                return _recent.Places;
            }
        }
    }

    /// <summary>A merge has begun or is due; call <see cref="MergeStep"/> when there is time.</summary>
    internal bool WantsMerge => _merging is not null || _isMoving || RecentPlaces > _sizes.Recent || _firstTier > _sizes.FirstTierBeside(_secondTier);

    /// <summary>Merging has fallen behind: do it before the next group.</summary>
    internal bool MustMerge => RecentPlaces > 2 * _sizes.Recent;

    /// <summary>
    /// A committed chunk with these bytes that is whole. From a reader's snapshot it is a hint, which may be over when
    /// it is used; only on the committer's thread does it stay so.
    /// </summary>
    /// <param name="next">The smallest id not below one that may be found: whose chunks count. Null: anybody's.</param>
    internal long? Find(CatalogReader reader, in ChunkHash hash, Func<long, long?>? next)
    {
        next ??= static id => id;
        return FindRecent(hash, next) ?? FindMerged(reader, hash, next);
    }

    /// <summary>A whole chunk with these bytes, whoever has it: for upkeep, never for an answer to anybody.</summary>
    internal long? FindHint(CatalogReader reader, in ChunkHash hash, Func<long, long?>? next = null) => Find(reader, hash, next);

    /// <summary>The keys that are in no table yet.</summary>
    internal List<(long Key, long Id)> RecentKeys()
    {
        lock (_recent)
        {
            return [.. _recent.All.Select(entry => (entry.Hash.FirstEight, entry.Id))];
        }
    }

    /// <summary>False: certainly new. A guess without the disk, for deciding whether work is worth doing.</summary>
    internal bool MayKnow(in ChunkHash hash)
    {
        lock (_recent)
        {
            return _recent.Has(hash) || (_filter?.MayHold(hash.FirstEight) ?? false);
        }
    }

    /// <summary>These are committed now.</summary>
    internal void Add(IEnumerable<(ChunkHash Hash, long Id)> chunks)
    {
        lock (_recent)
        {
            foreach (var (hash, id) in chunks)
            {
                _recent.Add(hash, id);
            }
        }
    }

    /// <summary>Chunks that were deleted or found bad. Rows of the tables may stay: they are confirmed on use.</summary>
    internal void Forget(IEnumerable<(ChunkHash Hash, long Id)> chunks)
    {
        lock (_recent)
        {
            foreach (var (hash, id) in chunks)
            {
                _recent.Remove(hash, id);
            }
        }
    }

    /// <summary>Takes rows of the tables away that name chunks which are no more. On the committer's thread; not logged, like the tables.</summary>
    internal int Remove(CatalogTransaction transaction, IEnumerable<(long Key, long Id)> chunks)
    {
        var removed = 0;
        foreach (var (key, id) in chunks)
        {
            using var first = transaction.Sql("DELETE FROM hx1 WHERE k = ?1 AND id = ?2").Bind(key).Bind(id);
            var some = first.Run();
            _firstTier -= some;
            using var second = transaction.Sql("DELETE FROM hx2 WHERE k = ?1 AND id = ?2").Bind(key).Bind(id);
            var others = second.Run();
            _secondTier -= others;
            removed += some + others;
        }

        return removed;
    }

    /// <summary>
    /// One slice of a merge, in a transaction of its own that need not be durable: a lost one is done again, since
    /// <c>merged_upto</c> moves last. The committer's thread, between groups.
    /// </summary>
    internal void MergeStep()
    {
        if (_merging is null && RecentPlaces > _sizes.Recent)
        {
            BeginMerge();
        }

        var before = (_merged, _firstTier, _secondTier, _isMoving, _movedUpTo);
        _database.Execute("BEGIN IMMEDIATE");
        try
        {
            if (_merging is not null)
            {
                MergeSlice(_merging);
            }
            else
            {
                MoveSlice();
            }

            _database.Execute("COMMIT");
        }
        catch
        {
            // On a full disk it is tried again later.
            (_merged, _firstTier, _secondTier, _isMoving, _movedUpTo) = before;
            _database.RollBack();
            throw;
        }

        if (_merging is not null && _merged == _merging.Keys.Length)
        {
            EndMerge(_merging);
        }
    }

    private long? FindRecent(in ChunkHash hash, Func<long, long?> next)
    {
        long[] ids;
        lock (_recent)
        {
            ids = _recent.Of(hash);
        }

        foreach (var id in ids.Take(CandidatesMax))
        {
            if (next(id) == id)
            {
                return id;
            }
        }

        return null;
    }

    private long? FindMerged(CatalogReader reader, in ChunkHash hash, Func<long, long?> next)
    {
        var key = hash.FirstEight;
        return _filter is not null && !_filter.MayHold(key)
            ? null
            : FindIn("SELECT id FROM hx1 WHERE k = ?1 AND id >= ?2 ORDER BY id LIMIT 1", reader, key, hash, next)
                ?? FindIn("SELECT id FROM hx2 WHERE k = ?1 AND id >= ?2 ORDER BY id LIMIT 1", reader, key, hash, next);
    }

    /// <summary>Goes in turns through the ids of the key and those that count, each leaping to the other's next: neither is walked whole.</summary>
    private static long? FindIn(string ids, CatalogReader reader, long key, in ChunkHash hash, Func<long, long?> next)
    {
        using var find = reader.Sql(ids);
        var counted = next(0);
        for (var i = 0; i < CandidatesMax && counted is { } from; i++)
        {
            if (find.Again().Bind(key).Bind(from).RunScalar() is not { } id)
            {
                return null;
            }

            counted = next(id);
            if (counted == id)
            {
                if (IsWhole(id, hash, reader))
                {
                    return id;
                }

                counted = next(id + 1);
            }
        }

        return null;
    }

    private static bool IsWhole(long id, in ChunkHash hash, CatalogReader reader)
    {
        using var row = reader.Sql("SELECT hash, flags FROM chunk WHERE id = ?1").Bind(id);
        Span<byte> expected = stackalloc byte[ChunkHash.Size];
        hash.CopyTo(expected);
        return row.Step() && row.Span(0).SequenceEqual(expected) && (row.Int(1) & ChunkFlags.Bad) == 0;
    }

    private void LoadRecent()
    {
        using var rows = _database.Sql("""
            SELECT id, hash FROM chunk
            WHERE id > (SELECT value FROM local WHERE key = 'merged_upto') AND (flags & ?1) = 0 ORDER BY id
            """).Bind(ChunkFlags.Bad);
        while (rows.Step())
        {
            _recent.Add(new ChunkHash(rows.Span(1)), rows.Long(0));
        }
    }

    private void FillFilter(string keys)
    {
        if (_filter is null)
        {
            return;
        }

        using var rows = _database.Sql(keys);
        while (rows.Step())
        {
            _filter.Add(rows.Long(0));
        }
    }

    private void BeginMerge()
    {
        Merge merging;
        lock (_recent)
        {
            // The oldest, so that all up to the newest of them are merged in the end.
            merging = new Merge(_recent.CameUntil(_batch), _recent.All, Math.Min(_batch, _recent.Count));
        }

        merging.Sort();
        (_merging, _merged) = (merging, 0);
    }

    private void MergeSlice(Merge merging)
    {
        var end = Math.Min(_merged + _sizes.Slice, merging.Keys.Length);
        using (var insert = _database.Sql("INSERT OR IGNORE INTO hx1(k, id) VALUES (?1, ?2)"))
        {
            for (var i = _merged; i < end; i++)
            {
                _firstTier += insert.Again().Bind(merging.Keys[i]).Bind(merging.Ids[i]).Run();
                _filter?.Add(merging.Keys[i]);
            }
        }

        if (end == merging.Keys.Length && end > 0)
        {
            using var done = _database.Sql("UPDATE local SET value = ?1 WHERE key = 'merged_upto'").Bind(merging.Ids.Max());
            done.Run();
        }

        _merged = end;
    }

    private void EndMerge(Merge merging)
    {
        lock (_recent)
        {
            _recent.RemoveOldest(merging.Came);
        }

        _merging = null;
        _batch = _batch < int.MaxValue / 2 ? 2 * _batch : int.MaxValue;
        if (merging.Keys.Length > LargeMerge)
        {
            // In the background, once for some hundred thousand chunks. By itself the runtime waits until there is twice the garbage.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }
    }

    /// <summary>
    /// Moves the next keys from the first tier to the second, once through from the lowest to the highest. What is merged
    /// behind it meanwhile waits for the next time: moved at once, those few would touch as many pages as many do.
    /// </summary>
    private void MoveSlice()
    {
        if (!_isMoving)
        {
            SetMoving(true);
        }

        var (key, id) = _movedUpTo;
        var (endKey, endId) = (long.MaxValue, long.MaxValue);
        bool more;
        using (var end = _database.Sql("SELECT k, id FROM hx1 WHERE (k, id) > (?1, ?2) ORDER BY k, id LIMIT 1 OFFSET ?3").Bind(key).Bind(id).Bind(_sizes.Slice - 1))
        {
            more = end.Step();
            if (more)
            {
                (endKey, endId) = (end.Long(0), end.Long(1));
            }
        }

        using (var move = _database.Sql("INSERT OR IGNORE INTO hx2(k, id) SELECT k, id FROM hx1 WHERE (k, id) > (?1, ?2) AND (k, id) <= (?3, ?4) ORDER BY k, id")
            .Bind(key).Bind(id).Bind(endKey).Bind(endId))
        {
            _secondTier += move.Run();
        }

        using var remove = _database.Sql("DELETE FROM hx1 WHERE (k, id) > (?1, ?2) AND (k, id) <= (?3, ?4)").Bind(key).Bind(id).Bind(endKey).Bind(endId);
        _firstTier -= remove.Run();
        _movedUpTo = more ? (endKey, endId) : s_lowest;
        if (!more)
        {
            SetMoving(false);
        }
    }

    private void SetMoving(bool moving)
    {
        using var set = _database.Sql("UPDATE local SET value = ?1 WHERE key = 'hx1_moving'").Bind(moving);
        set.Run();
        _isMoving = moving;
    }

    /// <summary>What is being merged.</summary>
    private sealed class Merge
    {
        public Merge(int came, IEnumerable<(ChunkHash Hash, long Id)> chunks, int count)
        {
            Came = came;
            (Keys, Ids) = (new long[count], new long[count]);
            foreach (var (i, (hash, id)) in chunks.Take(count).Index())
            {
                (Keys[i], Ids[i]) = (hash.FirstEight, id);
            }

        }

        /// <summary>How many came into memory, from the oldest on, until the last of these.</summary>
        public int Came { get; }

        public long[] Keys { get; }

        public long[] Ids { get; }

        /// <summary>Into the order of the table, so that neighbours share a page.</summary>
        public void Sort() => Array.Sort(Keys, Ids);
    }
}

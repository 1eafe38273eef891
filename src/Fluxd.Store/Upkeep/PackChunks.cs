using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Upkeep;

/// <summary>One chunk's row.</summary>
internal readonly record struct ChunkRow(long Id, ChunkHash Hash, long Offset, int Raw, int Stored, uint Crc, int Flags);

/// <summary>The chunks that a pack holds, by its ranges of ids.</summary>
internal static class PackChunks
{
    /// <summary>In order, none overlapping another: every chunk of the pack is in exactly one.</summary>
    public static List<(long First, long Count)> Ranges(CatalogReader reader, long pack)
    {
        var ranges = new List<(long First, long Count)>();
        using var rows = reader.Sql("SELECT first, count FROM pack_range WHERE pack = ?1 ORDER BY first").Bind(pack);
        while (rows.Step())
        {
            var (first, count) = (rows.Long(0), rows.Long(1));
            if (ranges.Count > 0 && ranges[^1] is var last && first <= last.First + last.Count)
            {
                // Healing and compaction note ids that an older range has already.
                ranges[^1] = (last.First, Math.Max(last.Count, first + count - last.First));
            }
            else
            {
                ranges.Add((first, count));
            }
        }

        return ranges;
    }

    /// <summary>Where one chunk is; null when there is none with this id.</summary>
    public static (long Pack, ChunkRow Chunk)? Place(CatalogReader reader, long id)
    {
        using var row = reader.Sql("SELECT hash, off, raw, stored, crc, flags, pack FROM chunk WHERE id = ?1").Bind(id);
        return row.Step()
            ? (row.Long(6), new ChunkRow(id, new ChunkHash(row.Span(0)), row.Long(1), row.Int(2), row.Int(3), (uint)row.Long(4), row.Int(5)))
            : null;
    }

    public static List<ChunkRow> Read(CatalogReader reader, long pack, long first, long count)
    {
        var chunks = new List<ChunkRow>();
        using var rows = reader.Sql("SELECT id, hash, off, raw, stored, crc, flags FROM chunk WHERE id >= ?1 AND id < ?2 AND pack = ?3 ORDER BY id")
            .Bind(first).Bind(first + count).Bind(pack);
        while (rows.Step())
        {
            chunks.Add(new ChunkRow(
                rows.Long(0), new ChunkHash(rows.Span(1)), rows.Long(2), rows.Int(3), rows.Int(4), (uint)rows.Long(5), rows.Int(6)));
        }

        return chunks;
    }

    /// <summary>Another place of the same bytes, as they are stored there.</summary>
    public static void Move(CatalogTransaction transaction, long id, long pack, in ChunkRow to)
    {
        using var move = transaction.Sql("UPDATE chunk SET pack = ?2, off = ?3, stored = ?4, crc = ?5, flags = ?6 WHERE id = ?1")
            .Bind(id).Bind(pack).Bind(to.Offset).Bind(to.Stored).Bind(to.Crc).Bind(to.Flags);
        move.Run();
    }

    public static void Remove(CatalogTransaction transaction, long id)
    {
        using var remove = transaction.Sql("DELETE FROM chunk WHERE id = ?1").Bind(id);
        remove.Run();
    }

    /// <summary>A pack's ranges name all ids of chunks in it, and may name others: they are looked up with the pack.</summary>
    public static void AddRange(CatalogTransaction transaction, long pack, long first, long count)
    {
        using var insert = transaction.Sql("INSERT INTO pack_range(pack, first, count) VALUES (?1, ?2, ?3) ON CONFLICT(pack, first) DO UPDATE SET count = max(count, excluded.count)")
            .Bind(pack).Bind(first).Bind(count);
        insert.Run();
    }

    /// <summary>Ranges in pieces of at most so many ids.</summary>
    public static IEnumerable<(long First, long Rows)> Pages(List<(long First, long Count)> ranges, int size)
    {
        foreach (var (first, count) in ranges)
        {
            for (var at = first; at < first + count; at += size)
            {
                yield return (at, Math.Min(size, first + count - at));
            }
        }
    }
}

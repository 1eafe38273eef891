using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Content;

/// <summary>Where one chunk of a file is.</summary>
/// <param name="Start">Its place in the content.</param>
internal readonly record struct PlannedChunk(
    long Start, int Length, long Id, ChunkHash Hash, long Pack, long Offset, int Stored, uint Crc, ChunkCodec Codec)
{
    internal long End => Start + Length;
}

/// <summary>A part of a file's recipe, resolved: the chunks that make up <see cref="Start"/> to <see cref="End"/>.</summary>
internal sealed record ChunkPlan(long Start, PlannedChunk[] Chunks, byte[]? Inline, long ContentSize, ChunkClass Class, bool IsComplete)
{
    private const string Rows = "SELECT id, hash, pack, off, raw, stored, crc, flags FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id";

    internal long End => Chunks.Length > 0 ? Chunks[^1].End : Start + (Inline?.Length ?? 0);

    /// <summary>The chunk at an offset inside the plan.</summary>
    internal int IndexOf(long offset)
    {
        int low = 0, high = Chunks.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = Chunks[middle].Start <= offset ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    /// <summary>The part of a content that holds an offset; empty at and beyond the end. Null: no such content.</summary>
    internal static ChunkPlan? Read(CatalogReader reader, long content, long offset)
    {
        using var row = reader.Sql("SELECT size, class, complete, recipe, inline FROM content WHERE id = ?1").Bind(content);
        if (!row.Step())
        {
            return null;
        }

        var (size, chunkClass, complete) = (row.Long(0), (ChunkClass)row.Int(1), row.Bool(2));
        if (!row.IsNull(4))
        {
            return new ChunkPlan(0, [], row.Bytes(4), size, chunkClass, complete);
        }

        if (!row.IsNull(3))
        {
            return new ChunkPlan(0, Resolve(reader, 0, row.Span(3)), null, size, chunkClass, complete);
        }

        using var part = reader.Sql("SELECT start, runs FROM content_part WHERE content = ?1 AND start <= ?2 ORDER BY start DESC LIMIT 1")
            .Bind(content).Bind(offset);
        return offset < size && part.Step()
            ? new ChunkPlan(part.Long(0), Resolve(reader, part.Long(0), part.Span(1)), null, size, chunkClass, complete)
            : new ChunkPlan(size, [], null, size, chunkClass, complete);
    }

    /// <summary>One chunk by itself; null when there is none.</summary>
    internal static PlannedChunk? Find(CatalogReader reader, long chunk)
    {
        using var row = reader.Sql(Rows).Bind(chunk).Bind(chunk + 1);
        return row.Step() ? From(row, 0) : null;
    }

    private static PlannedChunk[] Resolve(CatalogReader reader, long start, ReadOnlySpan<byte> recipe)
    {
        // All at once: growing would take three times as much. A damaged recipe may name more chunks than there can be.
        var runs = Recipe.Decode(recipe);
        var chunks = new PlannedChunk[(int)Math.Min(runs.Sum(run => (long)run.Count), ContentLimits.PartChunks)];
        var filled = 0;
        foreach (var (first, count) in runs)
        {
            using var rows = reader.Sql(Rows).Bind(first).Bind(first + count);
            for (var i = 0; i < count; i++)
            {
                if (!rows.Step() || rows.Long(0) != first + i)
                {
                    throw new FluxException(FluxError.Corrupt, "The catalogue lacks a piece of this file; run fluxctl store fsck.");
                }

                if (filled == chunks.Length)
                {
                    Array.Resize(ref chunks, 2 * filled);
                }

                chunks[filled] = From(rows, start);
                start = chunks[filled++].End;
            }
        }

        return filled == chunks.Length ? chunks : chunks[..filled];
    }

    private static PlannedChunk From(Statement row, long start) => new(
        start, row.Int(4), row.Long(0), new ChunkHash(row.Span(1)), row.Long(2), row.Long(3), row.Int(5), (uint)row.Long(6),
        (ChunkCodec)(row.Int(7) & 0xFF));
}

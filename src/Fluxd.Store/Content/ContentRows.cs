using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Files;

namespace Fluxd.Store.Content;

/// <summary>An unfinished content as its row has it.</summary>
internal sealed record UnfinishedContent(long Id, long Writer, long Size, ChunkClass? Class, RootHash Root, PlannedChunk? Tail);

/// <summary>The rows of <c>content</c> and <c>content_part</c>: written on the committer's thread, growing only.</summary>
internal static class ContentRows
{
    /// <summary>While too few bytes are there to choose a class.</summary>
    private const int NoClass = -1;

    internal static long Begin(CatalogTransaction transaction, ChunkClass? chunkClass)
    {
        var id = transaction.NextId(CatalogTransaction.ContentKind);
        using var insert = transaction.Sql("INSERT INTO content(id, size, class, root, complete, writer) VALUES (?1, 0, ?2, ?3, 0, 1)")
            .Bind(id).Bind(chunkClass is { } known ? (long)known : NoClass).Bind(RootHash.Empty.ToArray());
        insert.Run();
        return id;
    }

    /// <summary>The newest writer wins: an older one's next append fails.</summary>
    internal static UnfinishedContent TakeOver(CatalogTransaction transaction, long content)
    {
        using (var fence = transaction.Sql("UPDATE content SET writer = writer + 1 WHERE id = ?1 AND complete = 0").Bind(content))
        {
            if (fence.Run() == 0)
            {
                throw FluxException.NotFound("There is no unfinished content here to go on with.");
            }
        }

        using var row = transaction.Sql("SELECT writer, size, class, root, tail FROM content WHERE id = ?1").Bind(content);
        row.Step();
        return new UnfinishedContent(
            content, row.Long(0), row.Long(1), row.Int(2) == NoClass ? null : (ChunkClass)row.Int(2), new RootHash(row.Span(3)),
            row.LongOrNull(4) is { } tail ? TailChunk(transaction, tail, row.Long(1)) : null);
    }

    /// <summary>Adds a stretch behind what is there.</summary>
    /// <exception cref="FluxException">Fenced: somebody else writes now, or a stretch before it was lost.</exception>
    internal static void Append(CatalogTransaction transaction, long content, long writer, Extent extent, ReadOnlySpan<long> ids, RootHash root, ChunkClass? chunkClass)
    {
        using (var grow = transaction.Sql("""
            UPDATE content SET size = ?3, root = ?4, class = ?5, tail = NULL WHERE id = ?1 AND size = ?2 AND writer = ?6 AND complete = 0
            """)
            .Bind(content).Bind(extent.Start).Bind(extent.Start + extent.Length).Bind(root.ToArray())
            .Bind(chunkClass is { } known ? (long)known : NoClass).Bind(writer))
        {
            if (grow.Run() == 0)
            {
                throw new FluxException(FluxError.Fenced, "A newer writer took this upload over.");
            }
        }

        for (var at = 0; at < ids.Length;)
        {
            at += AppendPart(transaction, content, extent, ids, at);
        }
    }

    /// <param name="start">Where the tail begins: where all that is in the recipe ends.</param>
    internal static void SetTail(CatalogTransaction transaction, long content, long writer, long start, long? tail)
    {
        using var set = transaction.Sql("UPDATE content SET tail = ?4 WHERE id = ?1 AND writer = ?2 AND size = ?3 AND complete = 0")
            .Bind(content).Bind(writer).Bind(start).Bind(tail);
        if (set.Run() == 0)
        {
            throw new FluxException(FluxError.Fenced, "A newer writer took this upload over.");
        }
    }

    internal static ContentRef Complete(CatalogTransaction transaction, long content, long size, RootHash root)
    {
        using var complete = transaction.Sql("UPDATE content SET complete = 1, tail = NULL WHERE id = ?1").Bind(content);
        complete.Run();
        return new ContentRef(content, size, root.ToArray());
    }

    /// <summary>A content that came in one piece; the one of the same chunks if there is one.</summary>
    internal static ContentRef Insert(
        CatalogTransaction transaction, ChunkScope scope, long size, ChunkClass chunkClass, RootHash root, byte[]? recipe, byte[]? inline)
    {
        var tag = root.ToArray();
        if (recipe is not null && FindSame(transaction, scope, size, tag, recipe) is { } same)
        {
            transaction.KeepContent(same);
            return new ContentRef(same, size, tag);
        }

        var id = transaction.NextId(CatalogTransaction.ContentKind);
        using var insert = transaction.Sql("INSERT INTO content(id, size, class, root, complete, recipe, inline) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)")
            .Bind(id).Bind(size).Bind((long)chunkClass).Bind(tag).Bind(recipe).Bind(inline);
        insert.Run();
        return new ContentRef(id, size, tag);
    }

    /// <summary>The same chunks can only be the writer's own; the same bytes in others' chunks are none of its business.</summary>
    private static long? FindSame(CatalogTransaction transaction, ChunkScope scope, long size, byte[] tag, byte[] recipe)
    {
        var candidates = new List<(long Content, byte[] Recipe)>();
        using (var rows = transaction.Sql("SELECT id, recipe FROM content WHERE root = ?1 AND complete = 1 AND size = ?2 AND recipe IS NOT NULL ORDER BY id DESC LIMIT ?3")
            .Bind(tag).Bind(size).Bind(ContentLimits.SameContentsLookedAt))
        {
            while (rows.Step())
            {
                candidates.Add((rows.Long(0), rows.Bytes(1)));
            }
        }

        foreach (var (content, chunks) in candidates)
        {
            if (recipe.AsSpan().SequenceEqual(chunks))
            {
                return content;
            }

            if (IsOwn(transaction, scope, chunks) && HasBad(transaction, chunks))
            {
                Heal(transaction, content, recipe);
                return content;
            }
        }

        return null;
    }

    private static bool IsOwn(CatalogTransaction transaction, ChunkScope scope, byte[] recipe) =>
        scope.Finds && Recipe.Decode(recipe).TrueForAll(run => scope.Tree.Holds(transaction, run.First, run.Count));

    private static bool HasBad(CatalogTransaction transaction, byte[] recipe) => Recipe.Decode(recipe).Exists(run =>
    {
        using var bad = transaction.Sql("SELECT 1 FROM chunk WHERE id >= ?1 AND id < ?2 AND (flags & ?3) <> 0 LIMIT 1")
            .Bind(run.First).Bind(run.First + run.Count).Bind(ChunkFlags.Bad);
        return bad.Step();
    });

    /// <summary>
    /// The same bytes by other chunks: a chunk of the old recipe was found damaged, and what came now is whole. All
    /// versions that have this content are whole again.
    /// </summary>
    private static void Heal(CatalogTransaction transaction, long content, byte[] recipe)
    {
        using var heal = transaction.Sql("UPDATE content SET recipe = ?2 WHERE id = ?1").Bind(content).Bind(recipe);
        heal.Run();
    }

    /// <summary>Adds the runs of some parts of a recipe, from the part that begins at a place on.</summary>
    /// <returns>Where to go on; null at the end.</returns>
    internal static long? AddRuns(CatalogReader reader, long content, long from, List<ContentRun> runs)
    {
        using (var whole = reader.Sql("SELECT recipe FROM content WHERE id = ?1 AND recipe IS NOT NULL").Bind(content))
        {
            if (whole.Step())
            {
                runs.AddRange(Recipe.Decode(whole.Span(0)).Select(run => new ContentRun(run.First, run.Count, 0)));
                return null;
            }
        }

        const int PartsPerRead = 64;
        using var parts = reader.Sql("SELECT start, runs FROM content_part WHERE content = ?1 AND start >= ?2 ORDER BY start LIMIT ?3")
            .Bind(content).Bind(from).Bind(PartsPerRead);
        var (count, last) = (0, 0L);
        while (parts.Step())
        {
            (count, last) = (count + 1, parts.Long(0));
            var start = last;
            runs.AddRange(Recipe.Decode(parts.Span(1)).Select(run => new ContentRun(run.First, run.Count, start)));
        }

        return count == PartsPerRead ? last + 1 : null;
    }

    private static int AppendPart(CatalogTransaction transaction, long content, Extent extent, ReadOnlySpan<long> ids, int at)
    {
        var count = Math.Min(ContentLimits.PartChunks, ids.Length - at);
        using var insert = transaction.Sql("INSERT INTO content_part(content, start, runs) VALUES (?1, ?2, ?3)")
            .Bind(content).Bind(extent.StartOf(at)).Bind(Recipe.Encode(ids.Slice(at, count).ToArray()));
        insert.Run();
        return count;
    }

    private static PlannedChunk TailChunk(CatalogTransaction transaction, long id, long start)
    {
        using var row = transaction.Sql("SELECT hash, pack, off, raw, stored, crc, flags FROM chunk WHERE id = ?1").Bind(id);
        return row.Step()
            ? new PlannedChunk(
                start, row.Int(3), id, new ChunkHash(row.Span(0)), row.Long(1), row.Long(2), row.Int(4), (uint)row.Long(5), (Packs.ChunkCodec)(row.Int(6) & 0xFF))
            : throw new FluxException(FluxError.Corrupt, "The end of this upload is lost; start it again.");
    }
}

using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Content;

namespace Fluxd.Store.Files;

/// <summary>
/// Makes the ranges of a tree's own chunks anew from what its files, its past and its uploads hold. Chunks that come
/// while it runs have higher ids and are left alone; a chunk that it misses because an old one was taken up again
/// meanwhile costs a second copy of it, never a byte. Reads and writes in small pieces.
/// </summary>
internal sealed class OwnSweep(SqliteCatalog catalog)
{
    /// <returns>How many trees were swept.</returns>
    public async Task<int> RunAsync(CancellationToken ct)
    {
        var roots = await catalog.ReadAsync(db => Ids(db, "SELECT root FROM own_state WHERE stale = 1"), ct);
        foreach (var root in roots)
        {
            var below = await catalog.WriteAsync(db => Begin(db, root), ct);
            var held = new IdRanges(FilesLimits.OwnRangesMax);
            await CollectAsync(root, held, ct);
            await ApplyAsync(root, held.Below(below), below, ct);
        }

        return roots.Count;
    }

    private static long Begin(CatalogTransaction db, long root)
    {
        using (var seen = db.Sql("UPDATE own_state SET stale = 0 WHERE root = ?1").Bind(root))
        {
            seen.Run();
        }

        return db.Scalar("SELECT next FROM sequence WHERE name = 'chunk'") ?? 0;
    }

    private async Task CollectAsync(long root, IdRanges held, CancellationToken ct)
    {
        // Folders to look into: eight bytes for each that waits.
        var folders = new Stack<long>([root]);
        var longOnes = new List<long>();
        await PagesAsync<long>(after => catalog.ReadAsync(db => TrashPage(db, root, after, folders, longOnes, held), ct), 0, longOnes, held, ct);
        while (folders.TryPop(out var folder))
        {
            await PagesAsync<byte[]>(after => catalog.ReadAsync(db => FolderPage(db, folder, after, folders, longOnes, held), ct), [], longOnes, held, ct);
        }

        await PagesAsync<(long, long)>(after => catalog.ReadAsync(db => PastPage(db, root, after, longOnes, held), ct), default, longOnes, held, ct);
        longOnes.AddRange(await catalog.ReadAsync(db => Ids(db, """
            SELECT content FROM upload WHERE root = ?1 AND content IS NOT NULL
            UNION SELECT p.content FROM upload_part p JOIN upload u ON u.id = p.upload WHERE u.root = ?1
            """, root), ct));
        await LongOnesAsync(longOnes, held, ct);
    }

    /// <summary>Page after page until there is none; in between the contents of many parts, which have reads of their own.</summary>
    private async Task PagesAsync<TKey>(
        Func<TKey, ValueTask<(TKey Last, bool IsFull)>> page, TKey from, List<long> longOnes, IdRanges held, CancellationToken ct)
    {
        for (var isFull = true; isFull;)
        {
            (from, isFull) = await page(from);
            await LongOnesAsync(longOnes, held, ct);
        }
    }

    private async Task LongOnesAsync(List<long> contents, IdRanges held, CancellationToken ct)
    {
        foreach (var content in contents)
        {
            for (long? from = 0; from is { } start;)
            {
                var runs = new List<ContentRun>();
                from = await catalog.ReadAsync(db => ContentRows.AddRuns(db, content, start, runs), ct);
                runs.ForEach(run => held.Add(run.First, run.Count));
            }
        }

        contents.Clear();
    }

    private static (long Last, bool IsFull) TrashPage(CatalogReader db, long root, long after, Stack<long> folders, List<long> longOnes, IdRanges held)
    {
        var tops = Ids(db, "SELECT node FROM trash WHERE root = ?1 AND node > ?2 ORDER BY node LIMIT ?3", root, after, FilesLimits.SweepPage);
        foreach (var top in tops)
        {
            Visit(db, top, folders, longOnes, held);
        }

        return (tops.Count > 0 ? tops[^1] : after, tops.Count == FilesLimits.SweepPage);
    }

    private static (byte[] Last, bool IsFull) FolderPage(CatalogReader db, long folder, byte[] after, Stack<long> folders, List<long> longOnes, IdRanges held)
    {
        var count = 0;
        using var rows = db.Sql("SELECT id, name FROM node WHERE parent = ?1 AND name > ?2 ORDER BY name LIMIT ?3").Bind(folder).Bind(after).Bind(FilesLimits.SweepPage);
        while (rows.Step())
        {
            count++;
            after = rows.Bytes(1);
            Visit(db, rows.Long(0), folders, longOnes, held);
        }

        return (after, count == FilesLimits.SweepPage);
    }

    private static ((long, long) Last, bool IsFull) PastPage(CatalogReader db, long root, (long Replaced, long Id) after, List<long> longOnes, IdRanges held)
    {
        var count = 0;
        using var rows = db.Sql("""
            SELECT replaced, id, content FROM version WHERE root = ?1 AND replaced IS NOT NULL AND (replaced, id) > (?2, ?3) ORDER BY replaced, id LIMIT ?4
            """).Bind(root).Bind(after.Replaced).Bind(after.Id).Bind(FilesLimits.SweepPage);
        while (rows.Step())
        {
            count++;
            after = (rows.Long(0), rows.Long(1));
            Add(db, rows.Long(2), longOnes, held);
        }

        return (after, count == FilesLimits.SweepPage);
    }

    private static void Visit(CatalogReader db, long node, Stack<long> folders, List<long> longOnes, IdRanges held)
    {
        var isFile = false;
        using (var versions = db.Sql("SELECT content FROM version WHERE node = ?1").Bind(node))
        {
            while (versions.Step())
            {
                isFile = true;
                Add(db, versions.Long(0), longOnes, held);
            }
        }

        if (!isFile)
        {
            folders.Push(node);
        }
    }

    private static void Add(CatalogReader db, long content, List<long> longOnes, IdRanges held)
    {
        using var row = db.Sql("SELECT recipe, inline IS NULL FROM content WHERE id = ?1").Bind(content);
        if (!row.Step())
        {
            return;
        }

        if (!row.IsNull(0))
        {
            Recipe.Decode(row.Span(0)).ForEach(run => held.Add(run.First, run.Count));
        }
        else if (row.Bool(1))
        {
            longOnes.Add(content);
        }
    }

    /// <summary>Puts the new ranges in the place of the old ones, a stretch of ids at a time.</summary>
    private async Task ApplyAsync(long root, List<(long First, long Count)> held, long below, CancellationToken ct)
    {
        var from = 0L;
        for (var i = 0; from < below; i += FilesLimits.SweepPage)
        {
            var some = held.Skip(i).Take(FilesLimits.SweepPage).ToList();
            var (start, end) = (from, i + FilesLimits.SweepPage < held.Count ? held[i + FilesLimits.SweepPage].First : below);
            from = end;
            await catalog.WriteAsync(db => Replace(db, IdSet.OfTree(root), start, end, below, some), ct);
        }
    }

    private static int Replace(CatalogTransaction db, IdSet tree, long start, long end, long below, List<(long First, long Count)> held)
    {
        // A range that has grown meanwhile keeps what is new in it.
        var grown = tree.In(db, start, end).Where(range => range.First + range.Count > below).ToList();
        tree.Remove(db, start, end - 1);
        held.ForEach(range => tree.Add(db, range.First, range.Count));
        grown.ForEach(range => tree.Add(db, below, range.First + range.Count - below));
        return held.Count;
    }

    private static List<long> Ids(CatalogReader db, string sql, params ReadOnlySpan<long> values)
    {
        var ids = new List<long>();
        using var rows = db.Sql(sql);
        foreach (var value in values)
        {
            rows.Bind(value);
        }

        while (rows.Step())
        {
            ids.Add(rows.Long(0));
        }

        return ids;
    }
}

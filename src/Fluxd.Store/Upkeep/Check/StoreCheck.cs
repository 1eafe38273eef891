using System.Globalization;
using System.Text;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Content;
using Fluxd.Store.Packs;
using SQLitePCL;

namespace Fluxd.Store.Upkeep.Check;

/// <summary>
/// Compares the catalogue with itself and with the packs, and with <c>readData</c> every chunk with its hash. Changes
/// nothing. Sees one moment of the catalogue, also while clients write; but what takes as long as reading the packs goes
/// in short reads, since the write-ahead log grows for as long as somebody looks at one moment.
/// </summary>
internal sealed class StoreCheck(string catalogPath, IPackStore packs)
{
    private readonly List<Finding> _findings = [];
    private readonly HashSet<long> _broken = [];
    private int _more;
    private long _chunks;
    private long _bytes;

    /// <summary>What is being looked at, and how far it is.</summary>
    public Action<string> Progress { get; init; } = _ => { };

    public Task<CheckReport> RunAsync(bool readData, CancellationToken ct) => Task.Run(() => Run(readData, ct), ct);

    private CheckReport Run(bool readData, CancellationToken ct)
    {
        using var catalog = Database.Open(catalogPath, raw.SQLITE_OPEN_READONLY);
        catalog.Execute("BEGIN");
        Progress("the catalogue's own structure");
        CheckCatalog(catalog);
        Progress("packs and places");
        CheckPacks(catalog);
        CheckPlaces(catalog);
        if (readData)
        {
            catalog.Execute("COMMIT");
            CheckRecords(catalog, ct);
            ReadAll(catalog, ct);
            catalog.Execute("BEGIN");
        }

        Progress("files");
        CollectFlagged(catalog);
        CheckContents(catalog, ct);
        CheckVersions(catalog);
        CheckNodes(catalog);
        CheckUsage(catalog);
        return new CheckReport(_findings, _more, _chunks, _bytes);
    }

    private void Add(FindingKind kind, string what, IReadOnlyList<string>? paths = null)
    {
        if (_findings.Count < UpkeepLimits.FindingsMax)
        {
            _findings.Add(new Finding(kind, what, paths ?? []));
        }
        else
        {
            _more++;
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private void CheckCatalog(Database catalog)
    {
        using var check = catalog.Sql("PRAGMA quick_check(10)");
        while (check.Step())
        {
            if (check.Text(0) is var line && line != "ok")
            {
                Add(FindingKind.CatalogDamaged, line);
            }
        }
    }

    private void CheckPacks(Database catalog)
    {
        var files = packs.List().ToDictionary(file => file.Pack, file => file.Length);
        using var rows = catalog.Sql("SELECT id, state, len FROM pack ORDER BY id");
        while (rows.Step())
        {
            var (pack, state, length) = (rows.Long(0), rows.Int(1), rows.Long(2));
            if (!files.Remove(pack, out var there))
            {
                if (state != 2)
                {
                    Add(FindingKind.PackMissing, Text($"pack {pack:x16} is missing"));
                }
            }
            else if (there < length)
            {
                Add(FindingKind.PackShort, Text($"pack {pack:x16} has {there} bytes of {length}"));
            }
        }

        foreach (var stray in files.Keys.Order())
        {
            Add(FindingKind.PackUnknown, Text($"pack {stray:x16} belongs to nothing; it may be of an older catalogue: it was left alone"));
        }
    }

    private void CheckPlaces(Database catalog)
    {
        using var rows = catalog.Sql("""
            SELECT chunk.id FROM chunk LEFT JOIN pack ON pack.id = chunk.pack
            WHERE pack.id IS NULL OR pack.state = 2 OR chunk.off < 0 OR chunk.off + chunk.stored > pack.len
            """);
        while (rows.Step())
        {
            _broken.Add(rows.Long(0));
            Add(FindingKind.ChunkMisplaced, Text($"chunk {rows.Long(0)} lies outside its pack"));
        }
    }

    /// <summary>The log in the packs: each segment's trailer is there and verifies, none is missing before the committed end.</summary>
    private void CheckRecords(Database catalog, CancellationToken ct)
    {
        var all = new List<(long Pack, long Length)>();
        using (var rows = catalog.Sql("SELECT id, len FROM pack WHERE state <> 2 ORDER BY id"))
        {
            while (rows.Step())
            {
                all.Add((rows.Long(0), rows.Long(1)));
            }
        }

        foreach (var (pack, length) in all)
        {
            ct.ThrowIfCancellationRequested();
            try
            {
                var (segments, end) = (0, 0L);
                foreach (var trailer in packs.Scan(pack, 0).TakeWhile(trailer => trailer.End <= length))
                {
                    NameLost(pack, segments, trailer.Segment, end, trailer.PayloadOffset);
                    (segments, end) = (trailer.Segment + 1, trailer.End);
                }

                NameLost(pack, segments, end < length ? segments + 1 : segments, end, length);
            }
            catch (PackDamagedException)
            {
                // It is missing, or ends too early: named above, or let go since.
            }
        }
    }

    private void NameLost(long pack, int expected, int found, long from, long to)
    {
        if (found > expected)
        {
            Add(FindingKind.RecordDamaged, Text($"pack {pack:x16}: a record of commits between bytes {from} and {to} is damaged; run fluxctl store copy, so that no rebuild needs it"));
        }
    }

    /// <summary>Every chunk that there is now; ids of later ones are higher. In the order of ids, which is nearly that of the packs.</summary>
    private void ReadAll(Database catalog, CancellationToken ct)
    {
        var all = catalog.Scalar("SELECT sum(len) FROM pack WHERE state <> 2") ?? 0;
        var last = catalog.Scalar("SELECT max(id) FROM chunk") ?? 0;
        IPackReader? open = null;
        try
        {
            for (var page = Page(catalog, 0, last); page.Count > 0; page = Page(catalog, page[^1].Chunk.Id, last))
            {
                ct.ThrowIfCancellationRequested();
                foreach (var (pack, chunk) in page.OrderBy(place => place.Pack).ThenBy(place => place.Chunk.Offset))
                {
                    _chunks++;
                    _bytes += chunk.Stored;
                    if (!IsWhole(catalog, ref open, pack, chunk))
                    {
                        _broken.Add(chunk.Id);
                    }
                }

                Progress(Text($"{_bytes >> 20} of about {all >> 20} MiB read and compared"));
            }
        }
        finally
        {
            open?.Dispose();
        }
    }

    private static List<(long Pack, ChunkRow Chunk)> Page(Database catalog, long after, long last)
    {
        var page = new List<(long Pack, ChunkRow Chunk)>(UpkeepLimits.PageRows);
        using var rows = catalog.Sql("SELECT id, hash, off, raw, stored, crc, flags, pack FROM chunk WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3")
            .Bind(after).Bind(last).Bind(UpkeepLimits.PageRows);
        while (rows.Step())
        {
            page.Add((rows.Long(7), new ChunkRow(rows.Long(0), new(rows.Span(1)), rows.Long(2), rows.Int(3), rows.Int(4), (uint)rows.Long(5), rows.Int(6))));
        }

        return page;
    }

    /// <summary>A collector may have moved it since its row was read, or removed it: then it is looked for where it is now.</summary>
    private bool IsWhole(Database catalog, ref IPackReader? open, long pack, ChunkRow chunk)
    {
        while (true)
        {
            open = Switch(open, pack);
            if (open is not null && ChunkCheck.Read(open, chunk, new byte[chunk.Stored]))
            {
                return true;
            }

            if (Page(catalog, chunk.Id - 1, chunk.Id) is not [var now])
            {
                return true;
            }

            if (now == (pack, chunk))
            {
                return false;
            }

            (pack, chunk) = now;
        }
    }

    private IPackReader? Switch(IPackReader? open, long wanted)
    {
        if (open?.Pack == wanted)
        {
            return open;
        }

        open?.Dispose();
        try
        {
            return packs.Open(wanted);
        }
        catch (PackDamagedException)
        {
            return null;
        }
    }

    private void CollectFlagged(Database catalog)
    {
        using var rows = catalog.Sql("SELECT id FROM chunk WHERE (flags & ?1) <> 0").Bind(ChunkFlags.Bad);
        while (rows.Step())
        {
            _broken.Add(rows.Long(0));
        }
    }

    private void CheckContents(Database catalog, CancellationToken ct)
    {
        using var rows = catalog.Sql("SELECT id, size, recipe, inline, tail FROM content ORDER BY id");
        while (rows.Step())
        {
            ct.ThrowIfCancellationRequested();
            var content = rows.Long(0);
            var (sum, broken) = rows.IsNull(3) ? Measure(catalog, content, rows.BytesOrNull(2)) : (rows.Span(3).Length, 0);
            if (sum != rows.Long(1))
            {
                Add(FindingKind.ContentBroken, Text($"content {content} should have {rows.Long(1)} bytes and its chunks have {sum}"), PathsOf(catalog, content));
            }
            else if (broken > 0)
            {
                Add(FindingKind.ChunkDamaged, Text($"content {content}: {broken} of its chunks are damaged"), PathsOf(catalog, content));
            }
        }
    }

    private (long Bytes, int Broken) Measure(Database catalog, long content, byte[]? recipe)
    {
        if (recipe is not null)
        {
            return MeasureRecipe(catalog, recipe);
        }

        var (bytes, broken) = (0L, 0);
        using var parts = catalog.Sql("SELECT runs FROM content_part WHERE content = ?1 ORDER BY start").Bind(content);
        while (parts.Step())
        {
            var part = MeasureRecipe(catalog, parts.Bytes(0));
            (bytes, broken) = (bytes + part.Bytes, broken + part.Broken);
        }

        return (bytes, broken);
    }

    private (long Bytes, int Broken) MeasureRecipe(Database catalog, byte[] recipe)
    {
        var (bytes, broken) = (0L, 0);
        foreach (var (first, count) in Recipe.Decode(recipe))
        {
            using var sum = catalog.Sql("SELECT coalesce(sum(raw), 0) FROM chunk WHERE id >= ?1 AND id < ?2").Bind(first).Bind(first + count);
            bytes += sum.RunScalar() ?? 0;
            broken += _broken.Count == 0 ? 0 : Enumerable.Range(0, count).Count(i => _broken.Contains(first + i));
        }

        return (bytes, broken);
    }

    private void CheckVersions(Database catalog)
    {
        using var rows = catalog.Sql("""
            SELECT version.id, version.node FROM version LEFT JOIN content ON content.id = version.content
            WHERE content.id IS NULL OR content.complete = 0 OR content.size <> version.size
            """);
        while (rows.Step())
        {
            Add(FindingKind.VersionBroken, Text($"version {rows.Long(0)} has no whole content"), [PathOf(catalog, rows.Long(1))]);
        }
    }

    private void CheckNodes(Database catalog)
    {
        using var rows = catalog.Sql("""
            SELECT node.id FROM node LEFT JOIN node parent ON parent.id = node.parent
            WHERE node.parent <> 0 AND (parent.id IS NULL OR parent.kind <> 2)
            UNION ALL
            SELECT node.id FROM node LEFT JOIN version ON version.id = node.version
            WHERE node.kind = 1 AND node.version <> 0 AND (version.id IS NULL OR version.node <> node.id OR version.size <> node.size)
            """);
        while (rows.Step())
        {
            Add(FindingKind.NodeBroken, Text($"node {rows.Long(0)} hangs in the air"), [PathOf(catalog, rows.Long(0))]);
        }
    }

    private void CheckUsage(Database catalog)
    {
        using var trees = catalog.Sql("SELECT node FROM tree");
        while (trees.Step())
        {
            var root = trees.Long(0);
            using var sum = catalog.Sql("""
                WITH RECURSIVE below(id) AS (SELECT ?1 UNION ALL SELECT node.id FROM node JOIN below ON node.parent = below.id)
                SELECT coalesce(sum(CASE kind WHEN 1 THEN size END), 0), count(*) FROM node WHERE id <> ?1 AND id IN (SELECT id FROM below)
                """).Bind(root);
            sum.Step();
            var (bytes, files) = (sum.Long(0), sum.Long(1));
            using var usage = catalog.Sql("SELECT bytes, files FROM usage WHERE root = ?1").Bind(root);
            var (notedBytes, notedFiles) = usage.Step() ? (usage.Long(0), usage.Long(1)) : (0, 0);
            if (notedBytes != bytes || notedFiles != files)
            {
                Add(FindingKind.UsageWrong, Text($"tree {root} holds {files} files with {bytes} bytes, and its quota counts {notedFiles} with {notedBytes}"));
            }
        }
    }

    private static List<string> PathsOf(Database catalog, long content)
    {
        const int pathsMax = 20;
        var nodes = new List<long>();
        using (var rows = catalog.Sql("SELECT DISTINCT node FROM version WHERE content = ?1 LIMIT ?2").Bind(content).Bind(pathsMax))
        {
            while (rows.Step())
            {
                nodes.Add(rows.Long(0));
            }
        }

        return [.. nodes.Select(node => PathOf(catalog, node))];
    }

    /// <summary>"root:/a/b"; a node that was removed begins with its trash entry's number.</summary>
    private static string PathOf(Database catalog, long node)
    {
        var names = new Stack<string>();
        var at = node;
        for (var depth = 0; depth < Core.Limits.PathDepthMax; depth++)
        {
            using var row = catalog.Sql("SELECT parent, name FROM node WHERE id = ?1").Bind(at);
            if (!row.Step() || row.Long(0) == 0)
            {
                break;
            }

            names.Push(Encoding.UTF8.GetString(row.Span(1)));
            at = row.Long(0);
        }

        return Text($"{at}:/{string.Join('/', names)}");
    }
}

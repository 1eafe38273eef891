using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.References;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>
/// Removes contents that no version, upload or piece refers to. In two steps: first they are condemned, in a write that
/// sees that no row refers to them and that nobody holds them; then, when everybody who looked before that is gone,
/// removed, in a write that looks again. A reference or a holder in between pardons.
/// </summary>
internal sealed class ContentSweep(SqliteCatalog catalog, TimeSpan ticketWait, Func<GcSeam, ValueTask> seam)
{
    private const string Unreferenced = """
        NOT EXISTS (SELECT 1 FROM version WHERE version.content = content.id)
        AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.content = content.id)
        AND NOT EXISTS (SELECT 1 FROM upload_part WHERE upload_part.content = content.id)
        """;

    private const string Find = "SELECT id, " + Unreferenced + " FROM content WHERE id > ?1 ORDER BY id LIMIT ?2";
    private const string IsUnreferenced = "SELECT 1 FROM content WHERE id = ?1 AND " + Unreferenced;

    private readonly ContentHolds _holds = catalog.References.Holds;

    /// <returns>Removed, and left for a later run.</returns>
    public async Task<(long Removed, long Waiting)> RunAsync(CancellationToken ct)
    {
        for (long? after = 0; after is { } from;)
        {
            (var found, after) = await catalog.ReadAsync(reader => Page(reader, from), ct);
            foreach (var some in found.Chunk(UpkeepLimits.RemoveRows))
            {
                await seam(GcSeam.Found);
                await catalog.WriteAsync(transaction => Condemn(transaction, some), ct);
                await seam(GcSeam.Condemned);
            }
        }

        await WaitForTicketsAsync(ct);
        await seam(GcSeam.TicketsBack);
        var removed = 0L;
        var condemned = _holds.Condemned();
        foreach (var content in condemned)
        {
            ct.ThrowIfCancellationRequested();
            Removal step;
            do
            {
                step = await catalog.WriteAsync(transaction => Remove(transaction, content), ct);
            }
            while (step == Removal.Goes);
            removed += step == Removal.Gone ? 1 : 0;
            await seam(GcSeam.ContentsRemoved);
        }

        return (removed, condemned.Count - removed);
    }

    /// <summary>How many nothing refers to; removes none.</summary>
    public async Task<long> CountAsync(CancellationToken ct)
    {
        var count = 0L;
        for (long? after = 0; after is { } from;)
        {
            (var found, after) = await catalog.ReadAsync(reader => Page(reader, from), ct);
            count += found.Count(content => !_holds.IsHeld(content));
        }

        return count;
    }

    private static (List<long> Found, long? Next) Page(CatalogReader reader, long after)
    {
        var found = new List<long>();
        var (count, last) = (0, after);
        using var rows = reader.Sql(Find).Bind(after).Bind(UpkeepLimits.PageRows);
        while (rows.Step())
        {
            (count, last) = (count + 1, rows.Long(0));
            if (rows.Bool(1))
            {
                found.Add(last);
            }
        }

        return (found, count == UpkeepLimits.PageRows ? last : null);
    }

    private int Condemn(CatalogTransaction transaction, long[] contents)
    {
        var condemned = contents.Where(content => IsGarbage(transaction, content) && _holds.TryCondemn(content)).ToList();

        // Not before it is committed that nothing refers to them: till then a new look could still see a reference.
        transaction.AfterCommit(() => _holds.Seal(condemned));
        return condemned.Count;
    }

    private static bool IsGarbage(CatalogReader reader, long content)
    {
        using var row = reader.Sql(IsUnreferenced).Bind(content);
        return row.Step();
    }

    private async Task WaitForTicketsAsync(CancellationToken ct)
    {
        try
        {
            await _holds.WhenReturned(_holds.Newest).WaitAsync(ticketWait, ct);
        }
        catch (TimeoutException)
        {
            // Whatever is not ripe is left for the next run.
        }
    }

    /// <summary>On the committer's thread: no reference can come into being beside this.</summary>
    private Removal Remove(CatalogTransaction transaction, long content)
    {
        if (!_holds.IsRipe(content))
        {
            return Removal.Stays;
        }

        if (!IsGarbage(transaction, content))
        {
            _holds.Pardon(content);
            return Removal.Stays;
        }

        // A long one from its end on: what is left is a shorter content, never one with a hole.
        if (FirstOfLast(transaction, content, UpkeepLimits.RemoveParts) is { } start and > 0)
        {
            Run(transaction, "DELETE FROM content_part WHERE content = ?1 AND start >= ?2", content, start);
            Run(transaction, "UPDATE content SET size = ?2, complete = 0, tail = NULL WHERE id = ?1", content, start);
            return Removal.Goes;
        }

        Run(transaction, "DELETE FROM content_part WHERE content = ?1", content);
        Run(transaction, "DELETE FROM digest WHERE content = ?1", content);
        Run(transaction, "DELETE FROM content WHERE id = ?1", content);
        transaction.AfterCommit(() => _holds.Pardon(content));
        return Removal.Gone;
    }

    private static long? FirstOfLast(CatalogReader reader, long content, int count)
    {
        using var row = reader.Sql("SELECT start FROM content_part WHERE content = ?1 ORDER BY start DESC LIMIT 1 OFFSET ?2").Bind(content).Bind(count - 1);
        return row.RunScalar();
    }

    private static void Run(CatalogTransaction transaction, string sql, long content, long? start = null)
    {
        using var statement = transaction.Sql(sql).Bind(content);
        (start is { } value ? statement.Bind(value) : statement).Run();
    }

    private enum Removal
    {
        Stays,

        /// <summary>A part of it went; it stays condemned.</summary>
        Goes,
        Gone,
    }
}

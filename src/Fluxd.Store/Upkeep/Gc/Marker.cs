using Fluxd.Store.Catalog;
using Fluxd.Store.Content;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>
/// Marks every chunk that something refers to. Contents only grow and recipes of complete ones never change, so after
/// one pass over all of them it is enough to look again at what was unfinished, at what is new, and at the leases:
/// that is <see cref="CatchUp"/>, quick enough to run on the committer's thread right before something is removed.
/// There no reference can come into being beside it, and so no clock is part of the argument. One caller at a time.
/// </summary>
internal sealed class Marker
{
    private readonly ChunkMarks _marks;
    private readonly Dictionary<long, long> _unfinished = []; // content, the last part's start that was seen
    private long _nextContent;

    private Marker(long chunkBound, long nextContent) => (_marks, _nextContent) = (new ChunkMarks(chunkBound), nextContent);

    public ChunkMarks Marks => _marks;

    /// <summary>The first pass, in pages.</summary>
    public static async Task<Marker> MarkAllAsync(SqliteCatalog catalog, CancellationToken ct)
    {
        var marker = await catalog.ReadAsync(
            reader => new Marker(
                reader.Scalar("SELECT next FROM sequence WHERE name = 'chunk'") ?? 1,
                reader.Scalar("SELECT next FROM sequence WHERE name = 'content'") ?? 1),
            ct);
        for (long? at = 0; at is { } from;)
        {
            at = await catalog.ReadAsync(reader => marker.MarkContents(reader, from, marker._nextContent), ct);
        }

        for ((long Content, long Start)? at = (0, -1); at is { } from;)
        {
            at = await catalog.ReadAsync(reader => marker.MarkParts(reader, from), ct);
        }

        await catalog.ReadAsync(marker.CatchUp, ct);
        return marker;
    }

    /// <summary>Brings the marks up to what this reader or transaction sees.</summary>
    public bool CatchUp(CatalogReader reader)
    {
        foreach (var content in _unfinished.Keys.ToList())
        {
            LookAgain(reader, content);
        }

        var next = reader.Scalar("SELECT next FROM sequence WHERE name = 'content'") ?? 1;
        for (long? at = _nextContent - 1; at is { } from;)
        {
            at = MarkContents(reader, from, next);
        }

        foreach (var content in _unfinished.Keys.Where(content => content >= _nextContent).ToList())
        {
            LookAgain(reader, content);
        }

        MarkFinishedParts(reader, _nextContent, next);
        _nextContent = next;
        MarkLeases(reader);
        return true;
    }

    /// <summary>Contents with ids after <paramref name="after"/> and below <paramref name="bound"/>; where to go on, or null at the end.</summary>
    private long? MarkContents(CatalogReader reader, long after, long bound)
    {
        using var rows = reader.Sql("SELECT id, recipe, tail, complete FROM content WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3")
            .Bind(after).Bind(bound).Bind(UpkeepLimits.PageRows);
        var count = 0;
        var last = after;
        while (rows.Step())
        {
            last = rows.Long(0);
            count++;
            MarkRecipe(rows.Span(1));
            MarkTail(rows.LongOrNull(2));
            if (!rows.Bool(3))
            {
                _unfinished.TryAdd(last, -1);
            }
        }

        return count == UpkeepLimits.PageRows ? last : null;
    }

    private (long, long)? MarkParts(CatalogReader reader, (long Content, long Start) after)
    {
        using var rows = reader.Sql("SELECT content, start, runs FROM content_part WHERE (content, start) > (?1, ?2) ORDER BY content, start LIMIT ?3")
            .Bind(after.Content).Bind(after.Start).Bind(UpkeepLimits.PageParts);
        var count = 0;
        var last = after;
        while (rows.Step())
        {
            last = (rows.Long(0), rows.Long(1));
            count++;
            MarkRecipe(rows.Span(2));
        }

        return count == UpkeepLimits.PageParts ? last : null;
    }

    private void LookAgain(CatalogReader reader, long content)
    {
        using (var parts = reader.Sql("SELECT start, runs FROM content_part WHERE content = ?1 AND start > ?2 ORDER BY start").Bind(content).Bind(_unfinished[content]))
        {
            while (parts.Step())
            {
                _unfinished[content] = parts.Long(0);
                MarkRecipe(parts.Span(1));
            }
        }

        using var row = reader.Sql("SELECT tail, complete FROM content WHERE id = ?1").Bind(content);
        if (!row.Step() || row.Bool(1))
        {
            _unfinished.Remove(content);
            return;
        }

        MarkTail(row.LongOrNull(0));
    }

    /// <summary>Contents that came and were finished since the last look: their parts were in no page.</summary>
    private void MarkFinishedParts(CatalogReader reader, long from, long to)
    {
        using var rows = reader.Sql("SELECT runs FROM content_part WHERE content >= ?1 AND content < ?2").Bind(from).Bind(to);
        while (rows.Step())
        {
            MarkRecipe(rows.Span(0));
        }
    }

    private void MarkLeases(CatalogReader reader)
    {
        using var rows = reader.Sql("SELECT first, count FROM lease");
        while (rows.Step())
        {
            _marks.Set(rows.Long(0), rows.Long(1));
        }
    }

    private void MarkTail(long? tail)
    {
        if (tail is { } id)
        {
            _marks.Set(id, 1);
        }
    }

    private void MarkRecipe(ReadOnlySpan<byte> recipe)
    {
        foreach (var (first, count) in Recipe.Decode(recipe))
        {
            _marks.Set(first, count);
        }
    }
}

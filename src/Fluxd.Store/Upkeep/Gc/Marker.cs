using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Content;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>
/// Which chunks does a row refer to? A barrier is put up on the committer's thread first: from then on every chunk that
/// any write refers to is noted there. Then all rows are read, page by page. Marks and barrier together hold every
/// reference that there is at any later moment: it was there when the barrier went up, and was read; or it came after.
/// Chunks that are newer than the barrier are never touched.
/// </summary>
internal sealed class Marker : IAsyncDisposable
{
    private readonly SqliteCatalog _catalog;
    private readonly Func<GcSeam, ValueTask> _seam;
    private readonly ChunkMarks _marks;
    private readonly ChunkMarks _barrier;

    private Marker(SqliteCatalog catalog, Func<GcSeam, ValueTask> seam, long bound) =>
        (_catalog, _seam, _marks, _barrier) = (catalog, seam, new ChunkMarks(bound), new ChunkMarks(bound));

    public static async Task<Marker> BeginAsync(SqliteCatalog catalog, Func<GcSeam, ValueTask> seam, CancellationToken ct)
    {
        var marker = await catalog.WriteAsync(
            transaction =>
            {
                var made = new Marker(catalog, seam, transaction.Scalar("SELECT next FROM sequence WHERE name = 'chunk'") ?? 1);
                catalog.References.Barrier = made._barrier;
                return made;
            },
            ct);
        await seam(GcSeam.BarrierUp);
        return marker;
    }

    /// <summary>Chunks from here on are newer than the barrier.</summary>
    public long Bound => _marks.Bound;

    /// <summary>As far as is known off the committer's thread: good for choosing, not for removing.</summary>
    public bool SeemsLive(long chunk) => _marks.IsSet(chunk) || _barrier.IsSet(chunk);

    /// <summary>On the committer's thread, after <see cref="SeeLeases"/> in the same write.</summary>
    public bool IsLive(long chunk) => _marks.IsSet(chunk) || _barrier.IsSet(chunk);

    /// <summary>On the committer's thread. Whoever takes a lease marks the barrier; leases are few, so all are looked at each time as well.</summary>
    public void SeeLeases(CatalogTransaction transaction)
    {
        using var rows = transaction.Sql("SELECT first, count FROM lease");
        while (rows.Step())
        {
            _barrier.Set(rows.Long(0), rows.Long(1));
        }
    }

    public async Task MarkAsync(CancellationToken ct)
    {
        for (long? at = 0; at is { } from;)
        {
            at = await _catalog.ReadAsync(reader => MarkContents(reader, from), ct);
            await _seam(GcSeam.MarkedPage);
        }

        for ((long Content, long Start)? at = (0, -1); at is { } from;)
        {
            at = await _catalog.ReadAsync(reader => MarkParts(reader, from), ct);
            await _seam(GcSeam.MarkedPage);
        }

        await _catalog.ReadAsync(MarkLeases, ct);
        await _seam(GcSeam.Marked);
    }

    /// <summary>Takes the barrier down.</summary>
    public async ValueTask DisposeAsync() => await _catalog.WriteAsync(
        _ =>
        {
            if (_catalog.References.Barrier == _barrier)
            {
                _catalog.References.Barrier = null;
            }
        },
        CancellationToken.None);

    private long? MarkContents(CatalogReader reader, long after)
    {
        using var rows = reader.Sql("SELECT id, recipe, tail FROM content WHERE id > ?1 ORDER BY id LIMIT ?2").Bind(after).Bind(UpkeepLimits.PageRows);
        var (count, last) = (0, after);
        while (rows.Step())
        {
            (count, last) = (count + 1, rows.Long(0));
            MarkRecipe(rows.Span(1));
            if (rows.LongOrNull(2) is { } tail)
            {
                _marks.Set(tail);
            }
        }

        return count == UpkeepLimits.PageRows ? last : null;
    }

    private (long, long)? MarkParts(CatalogReader reader, (long Content, long Start) after)
    {
        using var rows = reader.Sql("SELECT content, start, runs FROM content_part WHERE (content, start) > (?1, ?2) ORDER BY content, start LIMIT ?3")
            .Bind(after.Content).Bind(after.Start).Bind(UpkeepLimits.PageParts);
        var (count, last) = (0, after);
        while (rows.Step())
        {
            (count, last) = (count + 1, (rows.Long(0), rows.Long(1)));
            MarkRecipe(rows.Span(2));
        }

        return count == UpkeepLimits.PageParts ? last : null;
    }

    /// <summary>All in one snapshot: ranges are joined, so a row may come to stand before a page's end.</summary>
    private bool MarkLeases(CatalogReader reader)
    {
        using var rows = reader.Sql("SELECT first, count FROM lease");
        while (rows.Step())
        {
            _marks.Set(rows.Long(0), rows.Long(1));
        }

        return true;
    }

    private void MarkRecipe(ReadOnlySpan<byte> recipe)
    {
        foreach (var (first, count) in Recipe.Decode(recipe))
        {
            _marks.Set(first, count);
        }
    }
}

namespace Fluxd.Store.Catalog.Index;

/// <summary>
/// All keys of the hash index in their order, chunks of the same bytes side by side. Read in pages while merges move
/// rows on: one may be missed or come twice in a row, and keys of chunks that are no more come too.
/// </summary>
internal sealed class IndexWalk
{
    private readonly SqliteCatalog _catalog;
    private readonly int _pageRows;
    private readonly Source[] _sources;

    internal IndexWalk(SqliteCatalog catalog, int pageRows)
    {
        (_catalog, _pageRows) = (catalog, pageRows);
        var recent = catalog.Index.RecentKeys();
        recent.Sort();
        _sources =
        [
            new Source(null, new Queue<(long, long)>(recent)),
            new Source("SELECT k, id FROM hx1 WHERE (k, id) > (?1, ?2) ORDER BY k, id LIMIT ?3", new()),
            new Source("SELECT k, id FROM hx2 WHERE (k, id) > (?1, ?2) ORDER BY k, id LIMIT ?3", new()),
        ];
    }

    internal async Task ForEachAsync(Action<long, long> take, CancellationToken ct)
    {
        while (true)
        {
            foreach (var source in _sources)
            {
                await FillAsync(source, ct);
            }

            if (_sources.Where(source => source.Rows.Count > 0).MinBy(source => source.Rows.Peek()) is not { } least)
            {
                return;
            }

            // As far as the others' first.
            var until = _sources.Where(source => source != least && source.Rows.Count > 0).Select(source => source.Rows.Peek())
                .DefaultIfEmpty((long.MaxValue, long.MaxValue)).Min();
            do
            {
                var (key, id) = least.Rows.Dequeue();
                take(key, id);
            }
            while (least.Rows.Count > 0 && least.Rows.Peek().CompareTo(until) <= 0);
        }
    }

    private async Task FillAsync(Source source, CancellationToken ct)
    {
        if (source.Rows.Count > 0 || source.Sql is not { } sql)
        {
            return;
        }

        await _catalog.ReadAsync(
            reader =>
            {
                using var rows = reader.Sql(sql).Bind(source.Last.Key).Bind(source.Last.Id).Bind(_pageRows);
                while (rows.Step())
                {
                    source.Rows.Enqueue(source.Last = (rows.Long(0), rows.Long(1)));
                }

                return true;
            },
            ct);
        source.Sql = source.Rows.Count < _pageRows ? null : sql;
    }

    private sealed class Source(string? sql, Queue<(long Key, long Id)> rows)
    {
        /// <summary>Null: nothing more is to come.</summary>
        public string? Sql { get; set; } = sql;

        public Queue<(long Key, long Id)> Rows { get; } = rows;

        public (long Key, long Id) Last { get; set; } = (long.MinValue, long.MinValue);
    }
}

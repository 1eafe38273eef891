using Fluxd.Store.Catalog;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>How much of a sealed pack something refers to.</summary>
/// <param name="Rows">Chunk rows that name this pack.</param>
/// <param name="LiveBytes">Chunks that share a place are counted each: it may be too much, never too little.</param>
internal sealed record PackUsage(long Pack, long Length, long LastGroup, long Rows, long LiveRows, long LiveBytes)
{
    public long DeadBytes => Math.Max(0, Length - LiveBytes);

    public double DeadShare => Length == 0 ? 1 : (double)DeadBytes / Length;

    /// <summary>Counts by the chunks' own rows, not by the packs' ranges: what is emptied must be all that there is.</summary>
    public static async Task<List<PackUsage>> MeasureAsync(SqliteCatalog catalog, Marker marker, CancellationToken ct)
    {
        var sealedPacks = await catalog.ReadAsync(ReadSealed, ct);
        var counts = sealedPacks.ToDictionary(pack => pack.Pack, _ => new Count());
        for (long? after = 0; after is { } from;)
        {
            after = await catalog.ReadAsync(reader => CountPage(reader, from, counts, marker), ct);
        }

        return [.. sealedPacks.Select(pack => pack with { Rows = counts[pack.Pack].Rows, LiveRows = counts[pack.Pack].Live, LiveBytes = counts[pack.Pack].Bytes })];
    }

    private static List<PackUsage> ReadSealed(CatalogReader reader)
    {
        var packs = new List<PackUsage>();
        using var rows = reader.Sql("SELECT id, len, last_group FROM pack WHERE state = 1 ORDER BY id");
        while (rows.Step())
        {
            packs.Add(new PackUsage(rows.Long(0), rows.Long(1), rows.Long(2), 0, 0, 0));
        }

        return packs;
    }

    private static long? CountPage(CatalogReader reader, long after, Dictionary<long, Count> counts, Marker marker)
    {
        using var rows = reader.Sql("SELECT id, pack, stored FROM chunk WHERE id > ?1 ORDER BY id LIMIT ?2").Bind(after).Bind(UpkeepLimits.PageRows);
        var (seen, last) = (0, after);
        while (rows.Step())
        {
            (seen, last) = (seen + 1, rows.Long(0));
            if (!counts.TryGetValue(rows.Long(1), out var count))
            {
                continue;
            }

            count.Rows++;
            if (marker.SeemsLive(last))
            {
                count.Live++;
                count.Bytes += rows.Long(2);
            }
        }

        return seen == UpkeepLimits.PageRows ? last : null;
    }

    private sealed class Count
    {
        public long Rows { get; set; }

        public long Live { get; set; }

        public long Bytes { get; set; }
    }
}

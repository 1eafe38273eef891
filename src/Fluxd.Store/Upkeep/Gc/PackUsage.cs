using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Log;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>How much of a sealed pack something refers to.</summary>
/// <param name="Rows">Chunk rows that name this pack.</param>
/// <param name="LiveBytes">Places that a live chunk has, each once.</param>
/// <param name="DoubleBytes">Of these, what could be folded onto other places.</param>
internal sealed record PackUsage(long Pack, long Length, long LastGroup, long Rows, long LiveRows, long LiveBytes, long DoubleBytes)
{
    public long DeadBytes => Math.Max(0, Length - LiveBytes);

    /// <summary>The share of the pack that need not be written again when it is emptied.</summary>
    public double GainShare => Length == 0 ? 1 : (double)(DeadBytes + DoubleBytes) / Length;

    /// <summary>What emptying it writes, when all that could be folded is.</summary>
    public long MovedBytes => LiveBytes - DoubleBytes;

    /// <summary>Counts by the chunks' own rows, not by the packs' ranges: what is emptied must be all that there is.</summary>
    public static async Task<List<PackUsage>> MeasureAsync(SqliteCatalog catalog, Marker marker, CancellationToken ct)
    {
        var sealedPacks = await catalog.ReadAsync(ReadSealed, ct);
        var counts = sealedPacks.ToDictionary(pack => pack.Pack, _ => new Count());
        var bad = new HashSet<long>();
        for (long? after = 0; after is { } from;)
        {
            after = await catalog.ReadAsync(reader => CountPage(reader, from, counts, bad, marker), ct);
        }

        var doubles = await Doubles.FindAsync(catalog, marker, bad, ct);
        var measured = new List<PackUsage>();
        foreach (var pack in sealedPacks)
        {
            var count = counts[pack.Pack];
            var usage = pack with { Rows = count.Rows, LiveRows = count.Live, LiveBytes = count.Bytes };
            measured.Add(count.Live == 0 ? usage : await LookCloserAsync(catalog, usage, count.MayShare, doubles, marker, ct));
        }

        return measured;
    }

    /// <summary>Counts places where chunks may share some, or may be folded.</summary>
    private static async Task<PackUsage> LookCloserAsync(
        SqliteCatalog catalog, PackUsage usage, bool mayShare, Doubles doubles, Marker marker, CancellationToken ct)
    {
        var ranges = await catalog.ReadAsync(reader => PackChunks.Ranges(reader, usage.Pack), ct);
        if (!mayShare && !ranges.Exists(range => doubles.HasAny(range.First, range.Count)))
        {
            return usage;
        }

        var places = new Dictionary<long, (int Stored, bool IsDouble)>();
        foreach (var (first, rows) in PackChunks.Pages(ranges, UpkeepLimits.PageRows))
        {
            foreach (var chunk in await catalog.ReadAsync(reader => PackChunks.Read(reader, usage.Pack, first, rows), ct))
            {
                if (marker.SeemsLive(chunk.Id))
                {
                    // A place that one of its chunks needs by itself is needed.
                    var isDouble = doubles.Has(chunk.Id) && (!places.TryGetValue(chunk.Offset, out var known) || known.IsDouble);
                    places[chunk.Offset] = (chunk.Stored, isDouble);
                }
            }
        }

        return usage with
        {
            LiveBytes = places.Values.Sum(place => (long)place.Stored),
            DoubleBytes = places.Values.Sum(place => place.IsDouble ? (long)place.Stored : 0),
        };
    }

    private static List<PackUsage> ReadSealed(CatalogReader reader)
    {
        var packs = new List<PackUsage>();
        using var rows = reader.Sql("SELECT id, len, last_group FROM pack WHERE state = 1 ORDER BY id");
        while (rows.Step())
        {
            packs.Add(new PackUsage(rows.Long(0), rows.Long(1), rows.Long(2), 0, 0, 0, 0));
        }

        return packs;
    }

    private static long? CountPage(CatalogReader reader, long after, Dictionary<long, Count> counts, HashSet<long> bad, Marker marker)
    {
        using var rows = reader.Sql("SELECT id, pack, stored, off, flags FROM chunk WHERE id > ?1 ORDER BY id LIMIT ?2").Bind(after).Bind(UpkeepLimits.PageRows);
        var (seen, last) = (0, after);
        while (rows.Step())
        {
            (seen, last) = (seen + 1, rows.Long(0));
            if ((rows.Int(4) & ChunkFlags.Bad) != 0)
            {
                bad.Add(last);
            }

            if (counts.TryGetValue(rows.Long(1), out var count))
            {
                count.Add(rows.Long(3), rows.Long(2), marker.SeemsLive(last));
            }
        }

        return seen == UpkeepLimits.PageRows ? last : null;
    }

    private sealed class Count
    {
        private long _offset = -1;

        public long Rows { get; private set; }

        public long Live { get; private set; }

        public long Bytes { get; private set; }

        /// <summary>Chunks as they were written lie one behind the other; where they don't, two may share a place.</summary>
        public bool MayShare { get; private set; }

        public void Add(long offset, long stored, bool isLive)
        {
            MayShare |= offset <= _offset;
            _offset = offset;
            Rows++;
            Live += isLive ? 1 : 0;
            Bytes += isLive ? stored : 0;
        }
    }
}

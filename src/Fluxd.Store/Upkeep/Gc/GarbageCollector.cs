using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>
/// Finds what nothing refers to and gives its room back, while clients go on. Marks all references; then, pack by
/// pack, moves what is alive out of packs that are mostly dead and dooms them, each step a commit of its own in which
/// the references are looked at once more on the committer's thread. A doomed pack's file goes when every kept copy
/// of the catalogue is newer than its last record. A crash anywhere leaves the old place or the new one, both durable.
/// </summary>
/// <param name="isPinned">Is this unfinished content being written now? Asked on the committer's thread.</param>
/// <param name="oldestCopyGroup">The newest group in the oldest kept catalogue copy; null while there is no copy.</param>
internal sealed class GarbageCollector(
    SqliteCatalog catalog, IPackStore packs, TimeProvider clock, Func<long, bool> isPinned, Func<long?> oldestCopyGroup, long moveBytesPerSecond = UpkeepLimits.MoveBytesPerSecond)
{
    private static readonly string Unreferenced = """
        NOT EXISTS (SELECT 1 FROM version WHERE version.content = content.id)
        AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.content = content.id)
        AND NOT EXISTS (SELECT 1 FROM upload_part WHERE upload_part.content = content.id)
        """;

    private static readonly string FindUnreferenced = $"SELECT id FROM content WHERE id > ?1 AND {Unreferenced} ORDER BY id LIMIT ?2";
    private static readonly string RemoveUnreferenced = $"DELETE FROM content WHERE id = ?1 AND {Unreferenced}";

    public async Task<GcReport> RunAsync(CancellationToken ct)
    {
        var report = new GcReport { ContentsRemoved = await RemoveContentsAsync(ct) };
        var marker = await Marker.MarkAllAsync(catalog, ct);
        var throttle = new Throttle(moveBytesPerSecond, clock);
        foreach (var pack in await SealedPacksAsync(ct))
        {
            ct.ThrowIfCancellationRequested();
            var usage = await PackUsage.ReadAsync(catalog, pack, marker.Marks, ct);
            report = report with { BytesDead = report.BytesDead + usage.DeadBytes };
            if (usage.LiveChunks == 0 || usage.DeadShare > UpkeepLimits.CompactAbove)
            {
                report = await EmptyAsync(usage, marker, throttle, report, ct);
            }
        }

        return await UnlinkAsync(report, ct);
    }

    /// <summary>Contents that no version, upload or piece refers to, and that nobody is writing.</summary>
    private async Task<int> RemoveContentsAsync(CancellationToken ct)
    {
        var removed = 0;
        for (var after = 0L; ;)
        {
            var found = await catalog.ReadAsync(reader => Ids(reader, FindUnreferenced, after, UpkeepLimits.RemoveRows), ct);
            if (found.Count == 0)
            {
                return removed;
            }

            removed += await catalog.WriteAsync(transaction => found.Count(content => RemoveContent(transaction, content)), ct);
            after = found[^1];
        }
    }

    private bool RemoveContent(CatalogTransaction transaction, long content)
    {
        if (isPinned(content))
        {
            return false;
        }

        using (var remove = transaction.Sql(RemoveUnreferenced).Bind(content))
        {
            if (remove.Run() == 0)
            {
                return false;
            }
        }

        using var parts = transaction.Sql("DELETE FROM content_part WHERE content = ?1").Bind(content);
        parts.Run();
        using var digests = transaction.Sql("DELETE FROM digest WHERE content = ?1").Bind(content);
        digests.Run();
        return true;
    }

    private ValueTask<List<long>> SealedPacksAsync(CancellationToken ct) =>
        catalog.ReadAsync(reader => Ids(reader, "SELECT id FROM pack WHERE state = 1 AND id > ?1 ORDER BY id LIMIT ?2", 0, int.MaxValue), ct);

    private async Task<GcReport> EmptyAsync(PackUsage usage, Marker marker, Throttle throttle, GcReport report, CancellationToken ct)
    {
        var compaction = new Compaction(catalog, packs, usage.Pack, marker, throttle);
        return await compaction.RunAsync(ct) switch
        {
            CompactionOutcome.Done when usage.LiveChunks == 0 => report with { PacksDropped = report.PacksDropped + 1 },
            CompactionOutcome.Done => report with { PacksCompacted = report.PacksCompacted + 1, BytesMoved = report.BytesMoved + compaction.BytesMoved },
            CompactionOutcome.Damaged => report with { PacksKeptForDamage = report.PacksKeptForDamage + 1 },
            _ => report,
        };
    }

    private async Task<GcReport> UnlinkAsync(GcReport report, CancellationToken ct)
    {
        var doomed = await catalog.ReadAsync(ReadDoomed, ct);
        var limit = oldestCopyGroup() ?? -1;
        var ready = doomed.Where(pack => pack.NeededUpTo <= limit).ToList();
        foreach (var pack in ready)
        {
            packs.Remove(pack.Id);
            await catalog.MoveChunksAsync(transaction => Forget(transaction, pack.Id), ct);
        }

        return report with
        {
            PacksUnlinked = ready.Count,
            BytesFreed = ready.Sum(pack => pack.Length),
            PacksWaiting = doomed.Count - ready.Count,
        };
    }

    private static List<(long Id, long Length, long NeededUpTo)> ReadDoomed(CatalogReader reader)
    {
        var doomed = new List<(long, long, long)>();
        using var rows = reader.Sql("SELECT id, len, max(last_group, coalesce(doomed_group, 0)) FROM pack WHERE state = 2");
        while (rows.Step())
        {
            doomed.Add((rows.Long(0), rows.Long(1), rows.Long(2)));
        }

        return doomed;
    }

    private static int Forget(CatalogTransaction transaction, long pack)
    {
        using var remove = transaction.Sql("DELETE FROM pack WHERE id = ?1 AND state = 2").Bind(pack);
        return remove.Run();
    }

    private static List<long> Ids(CatalogReader reader, string sql, long after, int count)
    {
        var ids = new List<long>();
        using var rows = reader.Sql(sql).Bind(after).Bind(count);
        while (rows.Step())
        {
            ids.Add(rows.Long(0));
        }

        return ids;
    }
}

/// <summary>How much of a pack something refers to.</summary>
internal sealed record PackUsage(long Pack, long Length, int LiveChunks, long LiveBytes)
{
    public long DeadBytes => Math.Max(0, Length - LiveBytes);

    public double DeadShare => Length == 0 ? 1 : (double)DeadBytes / Length;

    public static async Task<PackUsage> ReadAsync(SqliteCatalog catalog, long pack, ChunkMarks marks, CancellationToken ct)
    {
        var ranges = await catalog.ReadAsync(reader => PackChunks.Ranges(reader, pack), ct);
        var length = await catalog.ReadAsync(reader => PackChunks.LengthOf(reader, pack), ct);
        var (chunks, bytes) = (0, 0L);
        foreach (var (first, count) in ranges)
        {
            for (var at = first; at < first + count; at += UpkeepLimits.PageRows)
            {
                var rows = Math.Min(UpkeepLimits.PageRows, first + count - at);
                var live = await catalog.ReadAsync(reader => PackChunks.Read(reader, pack, at, rows).Where(chunk => marks.IsSet(chunk.Id)).ToList(), ct);
                chunks += live.Count;
                bytes += live.Sum(chunk => (long)chunk.Stored);
            }
        }

        return new PackUsage(pack, length, chunks, bytes);
    }
}

/// <summary>One chunk's row.</summary>
internal readonly record struct ChunkRow(long Id, ChunkHash Hash, long Offset, int Raw, int Stored, uint Crc, int Flags);

/// <summary>The chunks that a pack holds, by its ranges of ids.</summary>
internal static class PackChunks
{
    public static List<(long First, long Count)> Ranges(CatalogReader reader, long pack)
    {
        var ranges = new List<(long, long)>();
        using var rows = reader.Sql("SELECT first, count FROM pack_range WHERE pack = ?1 ORDER BY first").Bind(pack);
        while (rows.Step())
        {
            ranges.Add((rows.Long(0), rows.Long(1)));
        }

        return ranges;
    }

    public static long LengthOf(CatalogReader reader, long pack)
    {
        using var row = reader.Sql("SELECT len FROM pack WHERE id = ?1").Bind(pack);
        return row.RunScalar() ?? 0;
    }

    public static List<ChunkRow> Read(CatalogReader reader, long pack, long first, long count)
    {
        var chunks = new List<ChunkRow>();
        using var rows = reader.Sql("SELECT id, hash, off, raw, stored, crc, flags FROM chunk WHERE id >= ?1 AND id < ?2 AND pack = ?3 ORDER BY id")
            .Bind(first).Bind(first + count).Bind(pack);
        while (rows.Step())
        {
            chunks.Add(new ChunkRow(
                rows.Long(0), new ChunkHash(rows.Span(1)), rows.Long(2), rows.Int(3), rows.Int(4), (uint)rows.Long(5), rows.Int(6)));
        }

        return chunks;
    }
}

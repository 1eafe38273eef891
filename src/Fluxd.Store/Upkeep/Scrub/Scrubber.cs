using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep.Scrub;

internal sealed record ScrubReport(int Packs, long Chunks, long Bytes, int NewlyBad, int Healed, int StillBad);

/// <summary>
/// Reads sealed packs, the one that was read longest ago first, and compares every chunk with its hash. Flags and
/// reports; deletes nothing. A damaged chunk whose bytes were uploaded again takes the place of the whole one.
/// </summary>
internal sealed class Scrubber(SqliteCatalog catalog, IPackStore packs, TimeProvider clock, long bytesPerSecond = UpkeepLimits.ScrubBytesPerSecond)
{
    /// <param name="notSince">Packs that were read after this moment are left for another time.</param>
    /// <param name="bytesMax">No further pack is begun when so much was read.</param>
    /// <param name="progress">Bytes read so far.</param>
    public async Task<ScrubReport> RunAsync(FileTime notSince, long bytesMax, Action<long> progress, CancellationToken ct)
    {
        var throttle = new Throttle(bytesPerSecond, clock);
        var report = new ScrubReport(0, 0, 0, 0, 0, 0);
        foreach (var pack in await DueAsync(notSince, ct))
        {
            if (report.Bytes >= bytesMax)
            {
                break;
            }

            report = await ScrubAsync(pack, report, throttle, progress, ct);
            await catalog.MoveChunksAsync(transaction => Note(transaction, pack), ct);
        }

        return report;
    }

    private ValueTask<List<long>> DueAsync(FileTime notSince, CancellationToken ct) => catalog.ReadAsync(
        reader =>
        {
            var due = new List<long>();
            using var rows = reader.Sql("SELECT id FROM pack WHERE state = 1 AND coalesce(scrubbed_at, 0) <= ?1 ORDER BY coalesce(scrubbed_at, 0), id").Bind(notSince.Nanoseconds);
            while (rows.Step())
            {
                due.Add(rows.Long(0));
            }

            return due;
        },
        ct);

    private async Task<ScrubReport> ScrubAsync(long pack, ScrubReport report, Throttle throttle, Action<long> progress, CancellationToken ct)
    {
        report = report with { Packs = report.Packs + 1 };
        var ranges = await catalog.ReadAsync(reader => PackChunks.Ranges(reader, pack), ct);
        using var file = TryOpen(pack);
        foreach (var (first, count) in ranges)
        {
            for (var at = first; at < first + count; at += UpkeepLimits.PageRows)
            {
                var rows = Math.Min(UpkeepLimits.PageRows, first + count - at);
                var chunks = await catalog.ReadAsync(reader => PackChunks.Read(reader, pack, at, rows), ct);
                report = await CheckAsync(file, chunks, report, throttle, progress, ct);
            }
        }

        return report;
    }

    private async Task<ScrubReport> CheckAsync(IPackReader? file, List<ChunkRow> chunks, ScrubReport report, Throttle throttle, Action<long> progress, CancellationToken ct)
    {
        var (bad, well) = (new List<ChunkRow>(), new List<ChunkRow>());
        var (still, healed) = (0, 0);
        foreach (var chunk in chunks)
        {
            var isGood = file is not null && ChunkCheck.Read(file, chunk, new byte[chunk.Stored]);
            var wasBad = (chunk.Flags & ChunkFlags.Bad) != 0;
            if (!isGood && wasBad)
            {
                var isHealed = await BadChunks.HealAsync(catalog, packs, chunk, ct);
                (still, healed) = isHealed ? (still, healed + 1) : (still + 1, healed);
            }
            else if (isGood == wasBad)
            {
                (isGood ? well : bad).Add(chunk);
            }

            file?.DontNeed(chunk.Offset, chunk.Stored);
            report = report with { Chunks = report.Chunks + 1, Bytes = report.Bytes + chunk.Stored };
            progress(report.Bytes);
            await throttle.SpendAsync(chunk.Stored, ct);
        }

        if (bad.Count > 0)
        {
            await BadChunks.FlagAsync(catalog, bad, ct);
        }

        if (well.Count > 0)
        {
            await BadChunks.ClearAsync(catalog, well, ct);
        }

        return report with { NewlyBad = report.NewlyBad + bad.Count, Healed = report.Healed + well.Count + healed, StillBad = report.StillBad + still };
    }

    private IPackReader? TryOpen(long pack)
    {
        try
        {
            return packs.Open(pack);
        }
        catch (Exception e) when (e is PackDamagedException or DiskException)
        {
            return null;
        }
    }

    private int Note(CatalogTransaction transaction, long pack)
    {
        using var note = transaction.Sql("UPDATE pack SET scrubbed_at = ?2 WHERE id = ?1").Bind(pack).Bind(FileTime.Now(clock).Nanoseconds);
        return note.Run();
    }
}

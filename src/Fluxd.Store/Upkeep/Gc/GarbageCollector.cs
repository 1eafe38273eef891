using Fluxd.Core;
using Fluxd.Store.Catalog;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>What a collector works on.</summary>
/// <param name="Copies">The groups of the oldest and the newest kept copy of the catalogue; null without a copy.</param>
/// <param name="MakeCopy">Makes another.</param>
/// <param name="RequireRoom">Throws NoSpace when so many bytes should not be written.</param>
/// <param name="PackBytes">The size of a full pack.</param>
internal sealed record GcParts(
    SqliteCatalog Catalog, IPackStore Packs, TimeProvider Clock, Func<(long? Oldest, long? Newest)> Copies, Func<CancellationToken, Task> MakeCopy, Action<long> RequireRoom,
    long PackBytes);

/// <summary>
/// Finds what nothing refers to and gives its room back, while clients go on. Removes contents, marks, dooms packs that
/// are all dead, moves what is alive out of those that are mostly dead or short, folding what is there more than once,
/// and takes away the files of doomed ones. Each step is a commit of its own, and a crash between any two leaves the old
/// place or the new one, both durable. Why it can't lose anything: docs/garbage-collection.md. One run at a time, and no
/// scrub beside it.
/// </summary>
internal sealed class GarbageCollector(GcParts parts, GcRequest request)
{
    private readonly List<(long Key, long Id)> _staleKeys = [];
    private GcReport _report = new();

    /// <summary>Called between any two steps.</summary>
    public Func<GcSeam, ValueTask> Seam { get; init; } = _ => default;

    /// <summary>The phase, and packs done of packs to do in it.</summary>
    public Action<GcPhase, int, int> Progress { get; init; } = (_, _, _) => { };

    public async Task<GcReport> RunAsync(CancellationToken ct)
    {
        Progress(GcPhase.Contents, 0, 0);
        if (request is { Hurry: true, DryRun: false })
        {
            await parts.Catalog.SealPacksAsync(ct);
        }

        await SweepContentsAsync(ct);
        await using (var marker = await Marker.BeginAsync(parts.Catalog, Seam, ct))
        {
            Progress(GcPhase.Marking, 0, 0);
            await marker.MarkAsync(ct);
            var usages = await PackUsage.MeasureAsync(parts.Catalog, marker, ct);
            await Seam(GcSeam.Measured);
            _report = _report with { BytesDead = usages.Sum(pack => pack.DeadBytes), BytesLive = usages.Sum(pack => pack.LiveBytes), BytesDouble = usages.Sum(pack => pack.DoubleBytes) };
            if (!request.DryRun)
            {
                await EmptyAllAsync(usages, marker, ct);
            }
        }

        if (!request.DryRun)
        {
            await RemoveStaleKeysAsync(ct);
            await UnlinkAsync(ct);
        }

        return await WithWaitingAsync(ct);
    }

    private async Task SweepContentsAsync(CancellationToken ct)
    {
        var sweep = new ContentSweep(parts.Catalog, request.TicketWait, Seam);
        var (removed, waiting) = request.DryRun ? (0, await sweep.CountAsync(ct)) : await sweep.RunAsync(ct);
        _report = _report with { ContentsRemoved = removed, ContentsWaiting = waiting };
    }

    private async Task EmptyAllAsync(List<PackUsage> usages, Marker marker, CancellationToken ct)
    {
        var (oldest, _) = parts.Copies();
        var choice = PackChoice.Of(usages, pack => request.Hurry || pack.LastGroup <= oldest, parts.PackBytes, request.MoveBytesMax);
        _report = choice.IsAll ? _report : _report with { Stopped = "As much was moved as one round may; the next goes on." };
        var throttle = new Throttle(request.MoveBytesPerSecond, parts.Clock);
        var run = new EmptyingRun(parts.Catalog, parts.Packs, marker, choice.Packs, throttle, parts.RequireRoom, Seam);
        await EmptyPhaseAsync(GcPhase.Dropping, choice.Dead, run, ct);
        var left = (await RemoveDeadRowsAsync([.. usages.Where(pack => pack.LiveRows > 0)], run, ct)).ToDictionary(pack => pack.Pack);
        await EmptyPhaseAsync(GcPhase.Compacting, choice.Mixed.ConvertAll(pack => left[pack.Pack]), run, ct);
        await EmptyPhaseAsync(GcPhase.Merging, choice.Short.ConvertAll(pack => left[pack.Pack]), run, ct);
    }

    private async Task<List<PackUsage>> RemoveDeadRowsAsync(List<PackUsage> packs, EmptyingRun run, CancellationToken ct)
    {
        if (!HasRoom(packs.Sum(pack => pack.Rows - pack.LiveRows) * UpkeepLimits.RowRecordBytes))
        {
            return packs;
        }

        var rows = new DeadRows(run);
        try
        {
            return await rows.RemoveAsync(packs, ct);
        }
        finally
        {
            _staleKeys.AddRange(rows.StaleKeys);
        }
    }

    private async Task EmptyPhaseAsync(GcPhase phase, List<PackUsage> packs, EmptyingRun run, CancellationToken ct)
    {
        for (var i = 0; i < packs.Count && (phase == GcPhase.Dropping || HasRoom(packs[i].MovedBytes)); i++)
        {
            Progress(phase, i, packs.Count);
            await EmptyAsync(packs[i], phase, run, ct);
        }
    }

    /// <summary>Moving takes room first and gives it back much later; what is only folded needs none.</summary>
    private bool HasRoom(long bytes)
    {
        try
        {
            if (bytes > 0)
            {
                parts.RequireRoom(bytes);
            }

            return true;
        }
        catch (FluxException e) when (e.Error == FluxError.NoSpace)
        {
            NoteNoRoom();
            return false;
        }
    }

    private void NoteNoRoom() => _report = _report with { Stopped = "There is not room enough to move what is alive out of packs that are partly dead." };

    private async Task EmptyAsync(PackUsage usage, GcPhase phase, EmptyingRun run, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var emptier = new PackEmptier(run, usage);
        try
        {
            var outcome = await emptier.RunAsync(ct);
            _report = (outcome, phase) switch
            {
                (EmptyOutcome.Doomed, GcPhase.Dropping) => _report with { PacksDropped = _report.PacksDropped + 1 },
                (EmptyOutcome.Doomed, GcPhase.Merging) => _report with { PacksMerged = _report.PacksMerged + 1 },
                (EmptyOutcome.Doomed, _) => _report with { PacksCompacted = _report.PacksCompacted + 1 },
                (EmptyOutcome.Damaged, _) => _report with { PacksKeptForDamage = _report.PacksKeptForDamage + 1 },
                _ => _report with { PacksLeft = _report.PacksLeft + 1 },
            };
        }
        catch (FluxException e) when (e.Error == FluxError.NoSpace && parts.Catalog.Fault is null)
        {
            // Copies that were made already are garbage of the next run.
            NoteNoRoom();
        }
        finally
        {
            _report = _report with { BytesMoved = _report.BytesMoved + emptier.BytesMoved, BytesFolded = _report.BytesFolded + emptier.BytesFolded };
            _staleKeys.AddRange(emptier.StaleKeys);
        }
    }

    /// <summary>Keys of chunks that are no more: they cost room and a look each time, and nothing else.</summary>
    private async Task RemoveStaleKeysAsync(CancellationToken ct)
    {
        foreach (var slice in _staleKeys.Order().Chunk(UpkeepLimits.IndexRows))
        {
            await parts.Catalog.WriteLazilyAsync(transaction => parts.Catalog.Index.Remove(transaction, slice), ct);
        }
    }

    private async Task UnlinkAsync(CancellationToken ct)
    {
        var unlinker = new PackUnlinker(parts.Catalog, parts.Packs, parts.Copies, request.TicketWait, Seam);
        for (var copies = 0; ; copies++)
        {
            Progress(GcPhase.Unlinking, 0, 0);
            var (count, bytes) = await unlinker.UnlinkAsync(ct);
            _report = _report with { PacksUnlinked = _report.PacksUnlinked + count, BytesFreed = _report.BytesFreed + bytes };
            var waiting = await unlinker.DoomedAsync(ct);
            if (copies == UpkeepLimits.CopiesKept || !waiting.Exists(pack => WouldHelp(pack)) || !await TryCopyAsync(ct))
            {
                return;
            }
        }
    }

    /// <summary>One more copy is worth its writing when packs then go; two only when somebody waits for the room.</summary>
    private bool WouldHelp(DoomedPack pack)
    {
        var (oldest, newest) = parts.Copies();
        return request.Hurry || ((newest is null || pack.DoomedGroup > newest) && pack.LastGroup <= oldest);
    }

    private async Task<bool> TryCopyAsync(CancellationToken ct)
    {
        try
        {
            // Something of its own to hold, or it would only take the place of the copy before.
            await parts.Catalog.WriteAsync(transaction => Touch(transaction), ct);
            await parts.MakeCopy(ct);
            await Seam(GcSeam.Copied);
            return true;
        }
        catch (Exception e) when (e is IOException or DiskException or Catalog.Sqlite.SqlException or FluxException)
        {
            _report = _report with { Stopped = $"No copy of the catalogue could be made, and doomed packs wait for one: {e.Message}" };
            return false;
        }
    }

    private static int Touch(CatalogTransaction transaction) => transaction.Run("""
        INSERT INTO meta(key, value) VALUES ('gc_copies', 1) ON CONFLICT(key) DO UPDATE SET value = value + 1
        """);

    private async Task<GcReport> WithWaitingAsync(CancellationToken ct)
    {
        var waiting = await new PackUnlinker(parts.Catalog, parts.Packs, parts.Copies, request.TicketWait, Seam).DoomedAsync(ct);
        return _report with { PacksWaiting = waiting.Count, BytesWaiting = waiting.Sum(pack => pack.Length) };
    }
}

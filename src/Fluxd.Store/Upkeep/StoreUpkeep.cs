using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Store.Upkeep.Gc;
using Fluxd.Store.Upkeep.Scrub;

namespace Fluxd.Store.Upkeep;

/// <summary>What an administrator asks of an open store, one long task at a time. Changes no file's bytes.</summary>
internal sealed class StoreUpkeep(FluxdStore store) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private volatile Func<string?> _doing = () => null;

    /// <summary>What one round on the timetable moves or folds at most.</summary>
    public long MoveBytesPerRound { get; init; } = UpkeepLimits.MoveBytesPerRound;

    private CatalogCopies Copies => new(store.CatalogFile, store.CopiesPath);

    public async Task<StoreStatRecord> StatAsync(CancellationToken ct)
    {
        var space = store.Disk.Space();
        var newest = Copies.List() is [var copy, ..] ? copy : null;
        return await store.Catalog.ReadAsync(
            reader => new StoreStatRecord
            {
                Path = store.StorePath,
                Id = store.Uuid.ToString(),
                Packs = reader.Scalar("SELECT count(*) FROM pack WHERE state <> 2") ?? 0,
                PackBytes = reader.Scalar("SELECT coalesce(sum(len), 0) FROM pack WHERE state <> 2") ?? 0,
                Chunks = reader.Scalar("SELECT coalesce(sum(count), 0) FROM pack_range WHERE pack IN (SELECT id FROM pack WHERE state <> 2)") ?? 0,
                CatalogBytes = new FileInfo(store.CatalogFile).Length,
                CurrentFiles = reader.Scalar("SELECT coalesce(sum(files), 0) FROM usage") ?? 0,
                CurrentBytes = reader.Scalar("SELECT coalesce(sum(bytes), 0) FROM usage") ?? 0,
                DiskBytesTotal = space.Total,
                DiskBytesFree = space.Free,
                LastCopyAt = newest?.MadeAt,
                OldestScrubAt = Time(reader.Scalar("SELECT min(coalesce(scrubbed_at, 0)) FROM pack WHERE state = 1")),
                Doing = _doing(),
                LastGcAt = Time(reader.Scalar("SELECT value FROM meta WHERE key = 'gc_at'")),
                Problem = store.Fault?.Message,
            },
            ct);
    }

    public Task<FsckRecord> CheckAsync(bool readData, CancellationToken ct) => AloneAsync(
        async () =>
        {
            var report = await new StoreCheck(store.CatalogFile, store.Packs) { Progress = text => Show("check: " + text) }.RunAsync(readData, ct);
            return new FsckRecord(
                report.HasDamage,
                [.. report.Findings.Select(finding => new FsckFindingRecord(finding.Kind.ToString(), finding.IsDamage, finding.What, finding.Paths))],
                report.More, report.Chunks, report.BytesRead);
        },
        ct);

    public Task<ScrubRecord> ScrubAsync(long bytesPerSecond, CancellationToken ct) => AloneAsync(
        async () =>
        {
            var report = await new Scrubber(store.Catalog, store.Packs, store.Clock, bytesPerSecond).RunAsync(
                FileTime.Now(store.Clock), long.MaxValue, ShowScrub, ct);
            return Show(report);
        },
        ct);

    public Task<BackupRecord> BackupAsync(string folder, CancellationToken ct)
    {
        RequireWholePath(folder);
        return AloneAsync(
            async () =>
            {
                Show("backup: copying the catalogue");
                var report = await new StoreBackup(store.StorePath, store.CatalogFile).RunAsync(
                    folder, (done, all) => Show(FormattableString.Invariant($"backup: {done >> 20} of {all >> 20} MiB of packs looked at")), ct);
                return new BackupRecord(folder, report.PacksCopied, report.PacksKept, report.PacksRemoved, report.BytesCopied);
            },
            ct);
    }

    public Task<ExportRecord> ExportAsync(string folder, CancellationToken ct)
    {
        RequireWholePath(folder);
        return AloneAsync(
            async () =>
            {
                Show("export: copying the catalogue");
                var report = await new StoreExport(store.StorePath, store.CatalogFile, store.Contents).RunAsync(
                    folder, (files, bytes) => Show(FormattableString.Invariant($"export: {files} files, {bytes >> 20} MiB written")), ct);
                return new ExportRecord(folder, report.Files, report.Bytes, report.Problems, report.More);
            },
            ct);
    }

    public Task<CopyRecord> CopyAsync(CancellationToken ct) => AloneAsync(() => MakeCopyOnlyAsync(ct), ct);

    /// <summary>The daily copy; null when the newest is not that old, or the store is read-only.</summary>
    public async Task<CopyRecord?> CopyIfDueAsync(CancellationToken ct) =>
        store.Fault is not null || (Copies.List() is [var newest, ..] && store.Clock.GetUtcNow() - newest.MadeAt < UpkeepLimits.CopyEvery)
            ? null
            : await AloneAsync(() => MakeCopyOnlyAsync(ct), ct, Timeout.InfiniteTimeSpan);

    public void Dispose() => _one.Dispose();

    private Task<CopyRecord> MakeCopyOnlyAsync(CancellationToken ct)
    {
        _doing = () => FormattableString.Invariant($"copy of the catalogue: {Copies.BytesWritten >> 20} of about {new FileInfo(store.CatalogFile).Length >> 20} MiB");
        return MakeCopyAsync(ct);
    }

    /// <summary>Copies must not fill the last of the disk, where clients' commits need it.</summary>
    private async Task<CopyRecord> MakeCopyAsync(CancellationToken ct)
    {
        if (store.Disk.Space().Free < new FileInfo(store.CatalogFile).Length + StoreLimits.BallastBytes)
        {
            throw new FluxException(FluxError.NoSpace, "The disk has not room enough for another copy of the catalogue.");
        }

        var copy = await Copies.MakeAsync(ct);
        return new CopyRecord(copy.Path, copy.MadeAt, new FileInfo(copy.Path).Length);
    }

    /// <summary>Somebody asked and waits: nothing is left for another day.</summary>
    public Task<GcRecord> CollectAsync(bool dryRun, long bytesPerSecond, CancellationToken ct) =>
        CollectAsync(new GcRequest { DryRun = dryRun, Hurry = true, MoveBytesPerSecond = bytesPerSecond }, ct);

    /// <summary>The daily round; null when the last was not that long ago, the store is read-only, or something else runs.</summary>
    public async Task<GcRecord?> CollectIfDueAsync(long bytesPerSecond, CancellationToken ct)
    {
        var last = Time(await store.Catalog.ReadAsync(reader => reader.Scalar("SELECT value FROM meta WHERE key = 'gc_at'"), ct));
        return store.Fault is not null || _one.CurrentCount == 0 || IsRecent(last)
            ? null
            : await CollectAsync(new GcRequest { MoveBytesPerSecond = bytesPerSecond, MoveBytesMax = MoveBytesPerRound }, ct, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The hourly stretch of the round through all packs; null when every pack was read within the month, or something else runs.</summary>
    public async Task<ScrubRecord?> ScrubIfDueAsync(long bytesPerSecond, CancellationToken ct)
    {
        if (store.Fault is not null || _one.CurrentCount == 0)
        {
            return null;
        }

        var closed = await store.Catalog.ReadAsync(reader => reader.Scalar("SELECT sum(len) FROM pack WHERE state = 1") ?? 0, ct);
        var report = await AloneAsync(
            () => new Scrubber(store.Catalog, store.Packs, store.Clock, bytesPerSecond).RunAsync(
                new FileTime(FileTime.Now(store.Clock).Nanoseconds - (UpkeepLimits.ScrubEvery.Ticks * TimeSpan.NanosecondsPerTick)),
                UpkeepLimits.ScrubStretch(closed, bytesPerSecond), ShowScrub, ct),
            ct,
            Timeout.InfiniteTimeSpan);
        return report.Packs == 0 ? null : Show(report);
    }

    /// <summary>A time that is yet to come is a clock's fault, and puts nothing off.</summary>
    private bool IsRecent(DateTimeOffset? last) =>
        last is { } at && store.Clock.GetUtcNow() - at is var since && since >= TimeSpan.Zero && since < UpkeepLimits.CollectEvery;

    private Task<GcRecord> CollectAsync(GcRequest request, CancellationToken ct, TimeSpan wait = default) => AloneAsync(
        async () =>
        {
            var parts = new GcParts(store.Catalog, store.Packs, store.Clock, KeptGroups, MakeCopyAsync, store.Space.RequireRoom, store.Manifest.PackBytes);
            if (!request.DryRun)
            {
                RequireRoomToCollect();
            }

            var report = await new GarbageCollector(parts, request)
            {
                Progress = (phase, done, all) => Show(Describe(phase, done, all)),
            }.RunAsync(ct);
            if (!request.DryRun)
            {
                await store.Catalog.WriteAsync(NoteCollected, ct);
                store.Space.RestoreBallast();
            }

            return Show(request, report);
        },
        ct,
        wait);

    /// <summary>It writes before it gives back, and a commit that finds no room at all makes the store read-only.</summary>
    private void RequireRoomToCollect()
    {
        if (store.Disk.Space().Free < UpkeepLimits.CollectRoom && !store.Space.GiveUpBallast())
        {
            throw new FluxException(FluxError.NoSpace, "The disk is too full even to collect garbage: free 32 MiB of it by other means, then ask again.");
        }
    }

    private static void RequireWholePath(string folder)
    {
        if (!Path.IsPathRooted(folder))
        {
            throw FluxException.Invalid("Name the folder by its whole path, from / on.");
        }
    }

    private void Show(string doing) => _doing = () => doing;

    private void ShowScrub(long bytes) => _doing = () => FormattableString.Invariant($"scrub: {bytes >> 20} MiB read");

    private static ScrubRecord Show(ScrubReport report) => new(report.Packs, report.Chunks, report.Bytes, report.NewlyBad, report.Healed, report.StillBad);

    private (long? Oldest, long? Newest) KeptGroups() => Copies.List() is { Count: > 0 } kept ? (kept[^1].Group, kept[0].Group) : default;

    private int NoteCollected(CatalogTransaction transaction)
    {
        using var note = transaction.Sql("INSERT INTO meta(key, value) VALUES ('gc_at', ?1) ON CONFLICT(key) DO UPDATE SET value = excluded.value")
            .Bind(FileTime.Now(store.Clock).Nanoseconds);
        return note.Run();
    }

    private static GcRecord Show(GcRequest request, GcReport report) => new()
    {
        DryRun = request.DryRun,
        ContentsRemoved = report.ContentsRemoved,
        ContentsWaiting = report.ContentsWaiting,
        BytesDead = report.BytesDead,
        BytesLive = report.BytesLive,
        BytesDouble = report.BytesDouble,
        PacksEmptied = report.PacksDropped + report.PacksCompacted + report.PacksMerged,
        BytesMoved = report.BytesMoved,
        BytesFolded = report.BytesFolded,
        PacksKeptForDamage = report.PacksKeptForDamage,
        BytesFreed = report.BytesFreed,
        BytesWaiting = report.BytesWaiting,
        Stopped = report.Stopped,
    };

    private static string Describe(GcPhase phase, int done, int all) => "garbage collection: " + phase switch
    {
        GcPhase.Contents => "looking for contents that nothing refers to",
        GcPhase.Marking => "marking what is needed",
        GcPhase.Dropping => FormattableString.Invariant($"{done} of {all} dead packs let go"),
        GcPhase.Compacting => FormattableString.Invariant($"{done} of {all} half-empty packs moved"),
        GcPhase.Merging => FormattableString.Invariant($"{done} of {all} short packs put together"),
        _ => "taking empty packs away",
    };

    private static DateTimeOffset? Time(long? nanoseconds) =>
        nanoseconds is { } at and > 0 ? DateTimeOffset.UnixEpoch.AddTicks(at / TimeSpan.NanosecondsPerTick) : null;

    /// <param name="wait">Timetables wait for their turn; people are told that it is not theirs.</param>
    private async Task<T> AloneAsync<T>(Func<Task<T>> work, CancellationToken ct, TimeSpan wait = default)
    {
        if (!await _one.WaitAsync(wait, ct))
        {
            throw new FluxException(FluxError.Busy, "The store is being checked, scrubbed, collected, copied, backed up or exported already; wait for that to end.");
        }

        try
        {
            return await work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FluxException(FluxError.Unavailable, $"That failed: {e.Message} The daemon's own user must be able to write there.", e);
        }
        finally
        {
            _doing = () => null;
            _one.Release();
        }
    }
}

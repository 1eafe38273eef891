using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Core.Files;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Store.Upkeep.Scrub;

namespace Fluxd.Store.Upkeep;

/// <summary>What an administrator asks of an open store, one long task at a time. Changes no file's bytes.</summary>
internal sealed class StoreUpkeep(FluxdStore store) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);

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
                OldestScrubAt = OldestScrub(reader.Scalar("SELECT min(coalesce(scrubbed_at, 0)) FROM pack WHERE state = 1")),
                Problem = store.Fault?.Message,
            },
            ct);
    }

    public Task<FsckRecord> CheckAsync(bool readData, CancellationToken ct) => AloneAsync(
        async () =>
        {
            var report = await new StoreCheck(store.CatalogFile, store.Packs).RunAsync(readData, ct);
            return new FsckRecord(
                report.HasDamage,
                [.. report.Findings.Select(finding => new FsckFindingRecord(finding.Kind.ToString(), finding.IsDamage, finding.What, finding.Paths))],
                report.More, report.Chunks, report.BytesRead);
        },
        ct);

    public Task<ScrubRecord> ScrubAsync(long bytesPerSecond, CancellationToken ct) => AloneAsync(
        async () =>
        {
            var report = await new Scrubber(store.Catalog, store.Packs, store.Clock, bytesPerSecond).RunAsync(FileTime.Now(store.Clock), _ => { }, ct);
            return new ScrubRecord(report.Packs, report.Chunks, report.Bytes, report.NewlyBad, report.Healed, report.StillBad);
        },
        ct);

    public Task<BackupRecord> BackupAsync(string folder, CancellationToken ct)
    {
        if (!Path.IsPathRooted(folder))
        {
            throw FluxException.Invalid("Name the backup's folder by its whole path, from / on.");
        }

        return AloneAsync(
            async () =>
            {
                var report = await new StoreBackup(store.StorePath, store.CatalogFile).RunAsync(folder, _ => { }, ct);
                return new BackupRecord(folder, report.PacksCopied, report.PacksKept, report.PacksRemoved, report.BytesCopied);
            },
            ct);
    }

    public Task<CopyRecord> CopyAsync(CancellationToken ct) => AloneAsync(() => MakeCopyAsync(ct), ct);

    /// <summary>The daily copy; null when the newest is not that old, or the store is read-only.</summary>
    public async Task<CopyRecord?> CopyIfDueAsync(CancellationToken ct) =>
        store.Fault is not null || (Copies.List() is [var newest, ..] && store.Clock.GetUtcNow() - newest.MadeAt < UpkeepLimits.CopyEvery) ? null : await CopyAsync(ct);

    public void Dispose() => _one.Dispose();

    private async Task<CopyRecord> MakeCopyAsync(CancellationToken ct)
    {
        var copy = await Copies.MakeAsync(ct);
        return new CopyRecord(copy.Path, copy.MadeAt, new FileInfo(copy.Path).Length);
    }

    private static DateTimeOffset? OldestScrub(long? nanoseconds) =>
        nanoseconds is { } at and > 0 ? DateTimeOffset.UnixEpoch.AddTicks(at / TimeSpan.NanosecondsPerTick) : null;

    private async Task<T> AloneAsync<T>(Func<Task<T>> work, CancellationToken ct)
    {
        if (!await _one.WaitAsync(TimeSpan.Zero, ct))
        {
            throw new FluxException(FluxError.Busy, "The store is being checked, scrubbed, copied or backed up already; wait for that to end.");
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
            _one.Release();
        }
    }
}

using Fluxd.Daemon.Config;
using Fluxd.Store.Upkeep;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>Collects garbage once a day and reads a stretch of the packs through every hour, the first time an hour after the start.</summary>
internal static partial class UpkeepTimetable
{
    public static Hourly Start(StoreUpkeep upkeep, Func<StoreConfig> config, TimeProvider clock, ILogger logger)
    {
        return new Hourly(RunAsync, atOnce: false, e => Log.ScrubFailed(logger, e), clock);

        async Task RunAsync(CancellationToken ct)
        {
            try
            {
                await CollectAsync(config(), ct);
            }
#pragma warning disable CA1031 // What hinders the one must not keep the other from finding damage.
            catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
            {
                Log.CollectFailed(logger, e);
            }

            await ScrubAsync(config(), ct);
        }

        async Task CollectAsync(StoreConfig now, CancellationToken ct)
        {
            if (now.Gc && await upkeep.CollectIfDueAsync(now.GcRate.Bytes, ct) is { } done)
            {
                Log.Collected(logger, done.ContentsRemoved, done.BytesFreed, done.BytesWaiting, done.Stopped ?? "all was done");
            }
        }

        async Task ScrubAsync(StoreConfig now, CancellationToken ct)
        {
            if (now.Scrub && await upkeep.ScrubIfDueAsync(now.ScrubRate.Bytes, ct) is { } read)
            {
                if (read.NewlyBad + read.StillBad > 0)
                {
                    Log.Damaged(logger, read.NewlyBad, read.StillBad);
                }

                Log.Scrubbed(logger, read.Packs, read.Bytes);
            }
        }
    }

    /// <summary>180 to 189 are this timetable's; next free: 185.</summary>
    private static partial class Log
    {
        [LoggerMessage(180, LogLevel.Information, "Collected garbage: {Contents} contents went, {Freed} bytes are free, {Waiting} more will be: {Note}")]
        public static partial void Collected(ILogger logger, long contents, long freed, long waiting, string note);

        [LoggerMessage(181, LogLevel.Information, "Read {Packs} packs through, {Bytes} bytes")]
        public static partial void Scrubbed(ILogger logger, int packs, long bytes);

        [LoggerMessage(182, LogLevel.Error, "Reading packs through found {New} damaged pieces and {Still} that were damaged before: run fluxctl store fsck")]
        public static partial void Damaged(ILogger logger, int @new, int still);

        [LoggerMessage(183, LogLevel.Error, "Garbage could not be collected; the next hour tries again")]
        public static partial void CollectFailed(ILogger logger, Exception exception);

        [LoggerMessage(184, LogLevel.Error, "Packs could not be read through; the next hour tries again")]
        public static partial void ScrubFailed(ILogger logger, Exception exception);
    }
}

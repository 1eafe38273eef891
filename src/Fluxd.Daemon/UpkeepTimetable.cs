using Fluxd.Store.Upkeep;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>Collects garbage once a day and reads a stretch of the packs through every hour, the first time an hour after the start.</summary>
internal static partial class UpkeepTimetable
{
    public static Hourly Start(StoreUpkeep upkeep, TimeProvider clock, ILogger logger)
    {
        return new Hourly(RunAsync, atOnce: false, e => Log.Failed(logger, e), clock);

        async Task RunAsync(CancellationToken ct)
        {
            if (await upkeep.CollectIfDueAsync(ct) is { } collected)
            {
                Log.Collected(logger, collected.ContentsRemoved, collected.BytesFreed, collected.BytesWaiting);
            }

            if (await upkeep.ScrubIfDueAsync(ct) is { } read)
            {
                if (read.NewlyBad + read.StillBad > 0)
                {
                    Log.Damaged(logger, read.NewlyBad, read.StillBad);
                }

                Log.Scrubbed(logger, read.Packs, read.Bytes);
            }
        }
    }

    /// <summary>180 to 189 are this timetable's; next free: 184.</summary>
    private static partial class Log
    {
        [LoggerMessage(180, LogLevel.Information, "Collected garbage: {Contents} contents went, {Freed} bytes are free, {Waiting} more will be")]
        public static partial void Collected(ILogger logger, long contents, long freed, long waiting);

        [LoggerMessage(181, LogLevel.Information, "Read {Packs} packs through, {Bytes} bytes")]
        public static partial void Scrubbed(ILogger logger, int packs, long bytes);

        [LoggerMessage(182, LogLevel.Error, "Reading packs through found {New} damaged pieces and {Still} that were damaged before: run fluxctl store fsck")]
        public static partial void Damaged(ILogger logger, int @new, int still);

        [LoggerMessage(183, LogLevel.Error, "Collecting garbage or reading through failed; the next hour tries again")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}

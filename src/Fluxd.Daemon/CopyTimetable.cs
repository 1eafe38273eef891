using Fluxd.Store.Upkeep;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>A copy of the catalogue a day: looks every hour, so that restarts don't put it off.</summary>
internal static partial class CopyTimetable
{
    public static Hourly Start(StoreUpkeep upkeep, TimeProvider clock, ILogger logger)
    {
        return new Hourly(RunAsync, atOnce: true, e => Log.Failed(logger, e), clock);

        async Task RunAsync(CancellationToken ct)
        {
            if (await upkeep.CopyIfDueAsync(ct) is { } copy)
            {
                Log.Copied(logger, copy.Path, copy.Bytes);
            }
        }
    }

    /// <summary>160 to 169 are this timetable's; next free: 162.</summary>
    private static partial class Log
    {
        [LoggerMessage(160, LogLevel.Information, "Copied the catalogue to {Path}, {Bytes} bytes")]
        public static partial void Copied(ILogger logger, string path, long bytes);

        [LoggerMessage(161, LogLevel.Error, "The catalogue could not be copied; the next hour tries again")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}

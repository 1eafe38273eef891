using Fluxd.Store.Files;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>Lets old versions, the trash and forgotten uploads go, an hour after the start and then every hour.</summary>
internal static partial class PastTimetable
{
    public static Hourly Start(PastKeeper keeper, TimeProvider clock, ILogger logger) => new(
        async ct => Log.Expired(logger, (await keeper.RunAsync(ct)).ToString()), atOnce: false, e => Log.Failed(logger, e), clock);

    /// <summary>170 to 179 are the timetable's; next free: 172.</summary>
    private static partial class Log
    {
        [LoggerMessage(170, LogLevel.Debug, "Let go of the past: {What}")]
        public static partial void Expired(ILogger logger, string what);

        [LoggerMessage(171, LogLevel.Error, "Old versions could not be let go; the next hour tries again")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}

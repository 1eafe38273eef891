using Fluxd.Store.Upkeep;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>A copy of the catalogue a day: looks every hour, so that restarts don't put it off.</summary>
internal sealed partial class CopyTimetable : IAsyncDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromHours(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private readonly StoreUpkeep _upkeep;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;

    public CopyTimetable(StoreUpkeep upkeep, TimeProvider clock, ILogger logger)
    {
        (_upkeep, _clock, _logger) = (upkeep, clock, logger);
        _loop = Task.Run(LoopAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task LoopAsync()
    {
        try
        {
            while (true)
            {
                await RunOnceAsync();
                await Task.Delay(s_look, _clock, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The daemon stops.
        }
    }

    private async Task RunOnceAsync()
    {
        try
        {
            if (await _upkeep.CopyIfDueAsync(_stop.Token) is { } copy)
            {
                Log.Copied(_logger, copy.Path, copy.Bytes);
            }
        }
#pragma warning disable CA1031 // A background loop: a fault is logged, and the next hour tries again.
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            Log.Failed(_logger, e);
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

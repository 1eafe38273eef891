using Fluxd.Store.Files;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>Lets old versions, the trash and forgotten uploads go, an hour after the start and then every hour.</summary>
internal sealed partial class PastTimetable : IAsyncDisposable
{
    private static readonly TimeSpan s_every = TimeSpan.FromHours(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private readonly PastKeeper _keeper;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;

    public PastTimetable(PastKeeper keeper, TimeProvider clock, ILogger logger)
    {
        (_keeper, _clock, _logger) = (keeper, clock, logger);
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
                await Task.Delay(s_every, _clock, _stop.Token);
                await RunOnceAsync();
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
            var expired = await _keeper.RunAsync(_stop.Token);
            Log.Expired(_logger, expired.ToString());
        }
#pragma warning disable CA1031 // A background loop: a fault is logged, and the next hour tries again.
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            Log.Failed(_logger, e);
        }
    }

    /// <summary>170 to 179 are the timetable's; next free: 172.</summary>
    private static partial class Log
    {
        [LoggerMessage(170, LogLevel.Debug, "Let go of the past: {What}")]
        public static partial void Expired(ILogger logger, string what);

        [LoggerMessage(171, LogLevel.Error, "Old versions could not be let go; the next hour tries again")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}

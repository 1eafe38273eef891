using Fluxd.Daemon.Config;
using Fluxd.Daemon.Hosting;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>
/// The life of the process: open the parts, start the frontends, tell systemd, wait for a signal, drain, stop. Every
/// loop it starts is awaited before it returns.
/// </summary>
internal sealed partial class Daemon(LiveConfig config, IReadOnlyDictionary<string, string> environment, bool isTrial) : IAsyncDisposable
{
    /// <summary>A migration copies the catalogue first, which takes its time on a slow disk.</summary>
    private static readonly TimeSpan OpeningMax = TimeSpan.FromMinutes(10);

    /// <summary>After the drain: aborting, syncing, closing.</summary>
    private static readonly TimeSpan ClosingMax = TimeSpan.FromSeconds(15);

    private readonly SystemdNotifier _notifier = new(environment.GetValueOrDefault("NOTIFY_SOCKET"), TimeProvider.System);
    private readonly StopSignals _signals = new();
    private readonly Logging _logging = new(config.Current.Log, environment);

    public async Task RunAsync()
    {
        _signals.Register();
        var logger = _logging.Factory.CreateLogger("Fluxd.Daemon");
        config.Changed += next => _logging.SetLevel(next.Log);
        _notifier.ExtendTimeout(OpeningMax);
        _notifier.Status("Opening the store");
        await using var parts = await Composition.OpenAsync(config, InheritedSockets.FromEnvironment(), _logging.Factory, isTrial, CancellationToken.None);
        var control = new DaemonControl(config, parts, _notifier, _logging.Factory.CreateLogger<DaemonControl>(), TimeProvider.System);
        control.Frontends = await parts.MakeFrontendsAsync(control, CancellationToken.None);
        var runner = new FrontendRunner(control.Frontends, _logging.Factory.CreateLogger<FrontendRunner>());
        await runner.StartAsync(CancellationToken.None);

        // Only now: a start that fails at a port must not make a user whose password nobody is shown.
        var welcome = isTrial ? await Welcome.FirstUserAsync(parts.Identity.Accounts) : null;
        control.State = "ready";
        _notifier.Ready(control.Summary);
        Log.Ready(logger, Program.Version, config.File ?? "the built-in settings");
        welcome?.Print(control.Frontends, config.Current, Console.Out);
        await ServeAsync(control, parts);
        await StopAsync(control, runner, logger);
    }

    public ValueTask DisposeAsync()
    {
        _signals.Dispose();
        _notifier.Dispose();
        _logging.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ServeAsync(DaemonControl control, Composition parts)
    {
        using var ended = new CancellationTokenSource();
        var watchdog = Watchdog.Interval(environment) is { } interval
            ? new Watchdog(_notifier, interval, parts.IsAliveAsync, TimeProvider.System).RunAsync(ended.Token)
            : Task.CompletedTask;
        var reloads = ReloadOnSignalAsync(control, ended.Token);
        await _signals.First;
        await ended.CancelAsync();
        await Task.WhenAll(watchdog, reloads);
    }

    private async Task ReloadOnSignalAsync(DaemonControl control, CancellationToken ct)
    {
        try
        {
            await foreach (var _ in _signals.Reloads.ReadAllAsync(ct))
            {
                await control.ReloadAsync(ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
        }
    }

    private async Task StopAsync(DaemonControl control, FrontendRunner runner, ILogger logger)
    {
        var drain = config.Current.Daemon.Drain.Span;
        control.State = "draining";
        _notifier.ExtendTimeout(drain + ClosingMax);
        _notifier.Stopping($"Waiting up to {drain.TotalSeconds:0} s for running transfers");
        Log.Stopping(logger, drain.TotalSeconds);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_signals.Second);
        deadline.CancelAfter(drain);
        await runner.StopAsync(deadline.Token);
        Log.Stopped(logger);
    }

    /// <summary>1 to 19 are the daemon's own life; next free: 4.</summary>
    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "fluxd {Version} is ready, settings from {Config}")]
        public static partial void Ready(ILogger logger, string version, string config);

        [LoggerMessage(2, LogLevel.Information, "Stopping: running transfers have {Seconds} seconds")]
        public static partial void Stopping(ILogger logger, double seconds);

        [LoggerMessage(3, LogLevel.Information, "Stopped")]
        public static partial void Stopped(ILogger logger);
    }
}

using Fluxd.Core;
using Fluxd.Core.Frontends;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon.Hosting;

/// <summary>
/// Starts all frontends or none, and stops them in three steps: stop accepting, drain until the deadline, abort. One
/// frontend that misbehaves while stopping never keeps the others from it. The first to start is the last to go: the
/// admin socket, so that one can see what a daemon waits for.
/// </summary>
internal sealed partial class FrontendRunner(IReadOnlyList<IFrontend> frontends, ILogger<FrontendRunner> logger)
{
    private readonly List<IFrontend> _running = [];

    public IReadOnlyList<IFrontend> Running
    {
        get
        {
            lock (_running)
            {
                return [.. _running];
            }
        }
    }

    /// <summary>Returns when every frontend listens. When one can't, those that already do are taken down again.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        foreach (var frontend in frontends)
        {
            try
            {
                await frontend.StartAsync(ct);
                if (frontend.Endpoints.Count == 0)
                {
                    await frontend.AbortAsync();
                    throw NowhereToListen(frontend.Name);
                }
            }
            catch (Exception e)
            {
                await AbortAsync();
                throw e as FluxException ?? new FluxException(FluxError.Unavailable, $"The frontend \"{frontend.Name}\" could not start: {e.Message}", e);
            }

            lock (_running)
            {
                _running.Add(frontend);
            }

            Log.Listening(logger, frontend.Name, string.Join(", ", frontend.Endpoints));
        }
    }

    /// <summary>Ready means that every enabled frontend listens: one that silently doesn't would never be missed.</summary>
    public static FluxException NowhereToListen(string name) => FluxException.Invalid(
        $"[{name}] is enabled and has nowhere to listen: name an address in {name}.listen, or set {name}.enabled = false.");

    /// <param name="deadline">Cancelled when draining has lasted long enough, or by the second signal.</param>
    public async Task StopAsync(CancellationToken deadline)
    {
        var running = Running;
        await StopAsync([.. running.Skip(1)], deadline);
        await StopAsync([.. running.Take(1)], deadline);
        lock (_running)
        {
            _running.Clear();
        }
    }

    private async Task StopAsync(IReadOnlyList<IFrontend> some, CancellationToken deadline)
    {
        // What was acknowledged is durable already, so no step here may be skipped for another's failure.
        await Task.WhenAll(some.Select(frontend => TryAsync(frontend, "stop accepting", () => frontend.StopAcceptingAsync(CancellationToken.None))));
        await Task.WhenAll(some.Select(frontend => TryAsync(frontend, "drain", () => frontend.DrainAsync(deadline))));
        await Task.WhenAll(some.Select(frontend => TryAsync(frontend, "abort", frontend.AbortAsync)));
    }

    private async Task AbortAsync()
    {
        await Task.WhenAll(Running.Select(frontend => TryAsync(frontend, "abort", frontend.AbortAsync)));
        lock (_running)
        {
            _running.Clear();
        }
    }

    private async Task TryAsync(IFrontend frontend, string step, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (OperationCanceledException)
        {
            Log.CutShort(logger, frontend.Name, frontend.ConnectionCount);
        }
        catch (Exception e)
        {
            Log.StopFailed(logger, e, frontend.Name, step);
        }
    }

    /// <summary>100 to 119 are the runner's; next free: 103.</summary>
    private static partial class Log
    {
        [LoggerMessage(100, LogLevel.Information, "{Frontend} listens on {Endpoints}")]
        public static partial void Listening(ILogger logger, string frontend, string endpoints);

        [LoggerMessage(101, LogLevel.Warning, "{Frontend}: the time to drain is over, {Connections} connections are cut; their uploads can be resumed")]
        public static partial void CutShort(ILogger logger, string frontend, int connections);

        [LoggerMessage(102, LogLevel.Error, "{Frontend} failed to {Step}")]
        public static partial void StopFailed(ILogger logger, Exception exception, string frontend, string step);
    }
}

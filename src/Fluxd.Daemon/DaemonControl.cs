using System.Diagnostics;
using Fluxd.Core;
using Fluxd.Core.Admin;
using Fluxd.Core.Frontends;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Hosting;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>What fluxctl and signals ask of the running daemon. Thread-safe.</summary>
internal sealed partial class DaemonControl(
    LiveConfig config, Composition parts, SystemdNotifier notifier, ILogger<DaemonControl> logger, TimeProvider clock) : IDaemonControl
{
    private readonly DateTimeOffset _startedAt = clock.GetUtcNow();

    public IReadOnlyList<IFrontend> Frontends { get; set; } = [];

    /// <summary>"starting", "ready", "draining"; "degraded" is found out when somebody asks.</summary>
    public string State { get; set; } = "starting";

    /// <summary>For systemd's status line.</summary>
    public string Summary => string.Join("; ", Frontends.Select(frontend => $"{frontend.Name} on {string.Join(", ", frontend.Endpoints)}"));

    public async ValueTask<StatusRecord> StatusAsync(CancellationToken ct)
    {
        var store = await StoreAsync(ct);
        var problems = parts.Health.Check().Where(part => part.Problem is not null).Select(part => $"{part.Part}: {part.Problem}").ToArray();
        using var process = Process.GetCurrentProcess();
        return new StatusRecord
        {
            Version = Program.Version,
            ProcessId = Environment.ProcessId,
            StartedAt = _startedAt,
            State = State == "ready" && problems.Length > 0 ? "degraded" : State,
            Problems = problems,
            ConfigFile = config.File,
            ConfigLoadedAt = config.LoadedAt,
            Frontends = [.. Frontends.Select(frontend => new FrontendRecord(frontend.Name, true, frontend.Endpoints.Count > 0, frontend.Endpoints, frontend.ConnectionCount))],
            Store = store,
            Users = parts.Identity.Accounts.Users.Count,
            Sessions = parts.Identity.Sessions.List().Count,
            ResidentBytes = process.WorkingSet64,
        };
    }

    /// <summary>A store that can't be read must not keep anybody from seeing the rest; its fault is among the problems.</summary>
    private async Task<StoreStatRecord?> StoreAsync(CancellationToken ct)
    {
        try
        {
            return await parts.StoreStatAsync(ct);
        }
        catch (Exception e) when (e is FluxException or IOException)
        {
            Log.NoStoreFigures(logger, e);
            return null;
        }
    }

    public Task<ReloadRecord> ReloadAsync(CancellationToken ct)
    {
        notifier.Reloading();
        var result = config.Reload();
        if (result.Applied)
        {
            Log.Reloaded(logger, string.Join(", ", result.NeedsRestart.DefaultIfEmpty("nothing")));
        }
        else
        {
            Log.NotReloaded(logger, string.Join("; ", result.Faults));
        }

        notifier.Ready(result.Applied ? Summary : $"Old settings stay in force, the new ones are wrong: {result.Faults[0]}");
        return Task.FromResult(result);
    }

    /// <summary>140 to 149 are the control's; next free: 143.</summary>
    private static partial class Log
    {
        [LoggerMessage(140, LogLevel.Information, "The settings were read again; waiting for the next start: {NeedsRestart}")]
        public static partial void Reloaded(ILogger logger, string needsRestart);

        [LoggerMessage(141, LogLevel.Error, "The old settings stay in force, the new ones are wrong: {Faults}")]
        public static partial void NotReloaded(ILogger logger, string faults);

        [LoggerMessage(142, LogLevel.Warning, "The store's figures can't be read")]
        public static partial void NoStoreFigures(ILogger logger, Exception exception);
    }
}

namespace Fluxd.Core.Frontends;

/// <summary>
/// One way into the daemon. It is started once and stopped once, in this order: <see cref="StopAcceptingAsync"/>,
/// <see cref="DrainAsync"/> until its deadline, <see cref="AbortAsync"/>. What is committed stays committed; the rest
/// keeps its resumable state.
/// </summary>
public interface IFrontend
{
    /// <summary>"sftp", "http", "quic", "admin": names the configuration section, the systemd socket and the metrics tag.</summary>
    string Name { get; }

    /// <summary>Where it listens, as a person would write it; empty before start.</summary>
    IReadOnlyList<string> Endpoints { get; }

    int ConnectionCount { get; }

    /// <summary>Returns when it listens on every endpoint; throws <see cref="FluxException"/> in plain words otherwise.</summary>
    Task StartAsync(CancellationToken ct);

    Task StopAcceptingAsync(CancellationToken ct);

    /// <summary>Returns when no transfer runs any more, or when <paramref name="deadline"/> is cancelled.</summary>
    Task DrainAsync(CancellationToken deadline);

    Task AbortAsync();
}

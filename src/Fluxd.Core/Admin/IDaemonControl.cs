namespace Fluxd.Core.Admin;

/// <summary>What the admin socket asks of the running daemon itself. Thread-safe.</summary>
public interface IDaemonControl
{
    ValueTask<StatusRecord> StatusAsync(CancellationToken ct);

    /// <summary>
    /// Reads the configuration again. Returns when the new snapshot is in force, or with every fault when it is not
    /// (then the old one stays).
    /// </summary>
    Task<ReloadRecord> ReloadAsync(CancellationToken ct);
}

/// <summary>
/// One check of <c>fluxctl doctor</c>. Each part registers its own; the daemon runs them with its own rights, so they
/// see what it sees. Must not change anything and should answer within a second or two.
/// </summary>
public interface IDoctorCheck
{
    /// <summary>Stable, dotted: <c>limits.nofile</c>, <c>disk.free</c>, <c>security.tls</c>.</summary>
    string Name { get; }

    ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct);
}

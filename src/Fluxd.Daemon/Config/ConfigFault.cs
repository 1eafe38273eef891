namespace Fluxd.Daemon.Config;

/// <summary>One thing that is wrong: where, what stands there, what was expected.</summary>
/// <param name="Where">"line 3, column 5 of /etc/fluxd/fluxd.toml", "FLUXD_SFTP_LISTEN", "the command line", "the default".</param>
internal sealed record ConfigFault(string Key, string? Value, string Expected, string Where)
{
    public override string ToString() => $"{Key}{(Value is null ? "" : $" = {Value}")}: {Expected} ({Where})";
}

/// <summary>The configuration can't be used; carries every fault, not only the first.</summary>
internal sealed class ConfigException(IReadOnlyList<ConfigFault> faults)
    : Exception(string.Join('\n', faults))
{
    public IReadOnlyList<ConfigFault> Faults { get; } = faults;
}

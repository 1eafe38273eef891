using System.Reflection;
using Fluxd.Core.Admin;

namespace Fluxctl;

internal static class VersionOf
{
    public static string Program =>
        typeof(VersionOf).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Both come in one package: they differ when the daemon was not restarted, or when two are installed. Null when they agree.</summary>
    public static string? Mismatch(string daemons) => daemons == Program
        ? null
        : $"The daemon is of version {Show.Plain(daemons)}, fluxctl of {Program}. After an upgrade: sudo systemctl restart fluxd; else call the fluxctl that lies beside the daemon.";

    public static CheckRecord Compare(string daemons) => Mismatch(daemons) is { } mismatch
        ? new CheckRecord("daemon.version", CheckState.Warning, mismatch, "sudo systemctl restart fluxd")
        : new CheckRecord("daemon.version", CheckState.Good, $"fluxd and fluxctl are both of version {Program}.");
}

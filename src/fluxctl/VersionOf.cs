using System.Reflection;

namespace Fluxctl;

internal static class VersionOf
{
    public static string Program =>
        typeof(VersionOf).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}

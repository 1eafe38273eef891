using System.Diagnostics;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>Runs where this user may make a network of his own, with a packet filter in it.</summary>
internal sealed class NetworkNamespaceFactAttribute : FactAttribute
{
    public NetworkNamespaceFactAttribute() => Skip = Unshare is null ? "This user may not make a network namespace with nftables in it." : null!;

    /// <summary>The words that begin such a command; null where none does.</summary>
    public static string[]? Unshare { get; } = new string[][] { ["unshare", "--net"], ["unshare", "--net", "--map-root-user"] }.FirstOrDefault(Works);

    private static bool Works(string[] words)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(words[0], [.. words[1..], "nft", "add", "table", "inet", "probe"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

using System.Globalization;
using System.Net;

namespace Fluxd.Daemon.Hosting;

/// <summary>Who holds a port or a file, as far as /proc shows it to this user: the socket's inode, then the process with that descriptor.</summary>
internal static class PortHolder
{
    private const string TcpListening = "0A";

    /// <summary>"sshd (process 812)", "another user's process", or null when nobody is found.</summary>
    public static string? Find(IPEndPoint endpoint, bool udp)
    {
        try
        {
            string[] tables = udp ? ["/proc/net/udp", "/proc/net/udp6"] : ["/proc/net/tcp", "/proc/net/tcp6"];
            var inodes = tables.Where(File.Exists).SelectMany(File.ReadLines).Skip(1)
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Where(columns => columns.Length > 9 && Port(columns[1]) == endpoint.Port && (udp || columns[3] == TcpListening))
                .Select(columns => $"socket:[{columns[9]}]").ToHashSet(StringComparer.Ordinal);
            return inodes.Count == 0 ? null : ProcessWith(inodes) ?? "another user's process";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Who has this file open; null when nobody is found.</summary>
    public static string? OfFile(string path) => Directory.Exists("/proc/self/fd") ? ProcessWith([Path.GetFullPath(path)]) : null;

    private static int Port(string address) =>
        int.TryParse(address.AsSpan(address.LastIndexOf(':') + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var port) ? port : -1;

    private static string? ProcessWith(HashSet<string> open) =>
        Directory.EnumerateDirectories("/proc")
            .Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0]) && Holds(folder, open))
            .Select(folder => $"{File.ReadAllText(folder + "/comm").Trim()} (process {Path.GetFileName(folder)})")
            .FirstOrDefault();

    private static bool Holds(string process, HashSet<string> open)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(process + "/fd").Any(link => open.Contains(new FileInfo(link).LinkTarget ?? ""));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

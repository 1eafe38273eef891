using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Fluxd.Daemon.Hosting;

/// <summary>
/// Sockets that systemd opened for us (sd_listen_fds(3)), by the name that the socket unit gives them: "sftp", "http",
/// "https", "quic", "admin". They replace <c>listen</c>. Whoever takes a descriptor owns it.
/// </summary>
internal sealed partial class InheritedSockets
{
    private const int FirstDescriptor = 3;
    private const int SetFlags = 2; // F_SETFD
    private const int CloseOnExec = 1; // FD_CLOEXEC

    private readonly IReadOnlyList<(string Name, int Descriptor)> _sockets;

    private InheritedSockets(IReadOnlyList<(string Name, int Descriptor)> sockets) => _sockets = sockets;

    public static InheritedSockets None { get; } = new([]);

    public int Count => _sockets.Count;

    /// <summary>Reads and then forgets the variables, so that no child takes the sockets for its own.</summary>
    public static InheritedSockets FromEnvironment()
    {
        var sockets = Parse(
            Environment.GetEnvironmentVariable("LISTEN_PID"), Environment.GetEnvironmentVariable("LISTEN_FDS"),
            Environment.GetEnvironmentVariable("LISTEN_FDNAMES"), Environment.ProcessId);
        foreach (var name in new[] { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES" })
        {
            Environment.SetEnvironmentVariable(name, null);
        }

        foreach (var (_, descriptor) in sockets._sockets)
        {
            _ = SetDescriptorFlags(descriptor, SetFlags, CloseOnExec);
        }

        return sockets;
    }

    /// <summary>Names and not order tell them apart: stored descriptors come in the same list.</summary>
    public static InheritedSockets Parse(string? pid, string? count, string? names, int processId)
    {
        if (pid != processId.ToString(CultureInfo.InvariantCulture)
            || !int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number is < 1 or > 1024)
        {
            return None;
        }

        var given = (names ?? "").Split(':');
        return new InheritedSockets([.. Enumerable.Range(0, number).Select(i => (i < given.Length ? given[i] : "", FirstDescriptor + i))]);
    }

    /// <summary>Every descriptor of this name, of any family; empty when systemd opened none.</summary>
    public IReadOnlyList<int> Descriptors(string name) =>
        [.. _sockets.Where(socket => socket.Name == name).Select(socket => socket.Descriptor)];

    /// <summary>For parts that speak to a <see cref="Socket"/>: TCP, UDP and Unix alike.</summary>
    public static Socket Open(int descriptor) => new(new SafeSocketHandle(descriptor, ownsHandle: true));

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int SetDescriptorFlags(int descriptor, int command, int flags);
}

using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>
/// Who is at the other end of a Unix socket, as the kernel says: user, process, and all groups. The groups are asked
/// for too, because in a unit with PrivateUsers a member of the group arrives with the user id "nobody".
/// </summary>
internal sealed record PeerCredentials(int ProcessId, uint User, IReadOnlyList<uint> Groups)
{
    /// <summary>What the kernel shows for a user that this namespace doesn't map: never proof of anything.</summary>
    private const uint Overflow = 65_534;

    // <sys/socket.h> of Linux.
    private const int SolSocket = 1;
    private const int PeerCred = 17;
    private const int PeerGroups = 59;

    // <sys/un.h> of macOS.
    private const int SolLocal = 0;
    private const int LocalPeerCred = 1;
    private const int LocalPeerPid = 2;

    private const int GroupsMax = 65_536;

    public string Name => User == 0 ? "root" : "uid " + User.ToString(CultureInfo.InvariantCulture);

    public static PeerCredentials Of(Socket socket) => OperatingSystem.IsMacOS() ? OfMacOS(socket) : OfLinux(socket);

    /// <summary>Root, the daemon's own user, or a member of the group.</summary>
    public bool MayAdminister(uint daemonUser, uint? group) =>
        User == 0 || (User == daemonUser && User != Overflow) || (group is { } wanted && wanted != Overflow && Groups.Contains(wanted));

    private static PeerCredentials OfLinux(Socket socket)
    {
        Span<int> ucred = stackalloc int[3];
        socket.GetRawSocketOption(SolSocket, PeerCred, MemoryMarshal.AsBytes(ucred));
        return new PeerCredentials(ucred[0], (uint)ucred[1], [(uint)ucred[2], .. GroupsOf(socket)]);
    }

    private static uint[] GroupsOf(Socket socket)
    {
        // Too small a buffer is an error (ERANGE), so it grows to the kernel's own bound (NGROUPS_MAX).
        for (var count = 64; ; count = GroupsMax)
        {
            try
            {
                var groups = new uint[count];
                var length = socket.GetRawSocketOption(SolSocket, PeerGroups, MemoryMarshal.AsBytes(groups.AsSpan()));
                return groups[..(length / sizeof(uint))];
            }
            catch (SocketException) when (count < GroupsMax)
            {
            }
            catch (SocketException)
            {
                // Kernels before 4.13 don't know the option: the main group alone counts then.
                return [];
            }
        }
    }

    private static PeerCredentials OfMacOS(Socket socket)
    {
        // struct xucred: version, user, a 16-bit count padded to 32, at most 16 groups.
        Span<int> xucred = stackalloc int[19];
        socket.GetRawSocketOption(SolLocal, LocalPeerCred, MemoryMarshal.AsBytes(xucred));
        Span<int> process = stackalloc int[1];
        socket.GetRawSocketOption(SolLocal, LocalPeerPid, MemoryMarshal.AsBytes(process));
        var count = Math.Clamp(xucred[2] & 0xFFFF, 0, 16);
        return new PeerCredentials(process[0], (uint)xucred[1], [.. MemoryMarshal.Cast<int, uint>(xucred.Slice(3, count))]);
    }
}

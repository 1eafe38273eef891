using System.Net;
using System.Net.Sockets;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>Makes the sockets and picks the way of driving them.</summary>
internal static class UdpSockets
{
    /// <param name="isServer">Servers answer from the address that was hit; clients leave the source to the routes.</param>
    /// <param name="portable">Force the portable path (tests).</param>
    public static IUdpIo Open(IPEndPoint endPoint, bool isServer, bool portable = false) =>
        Wrap(() => Bind(endPoint), isServer, portable);

    /// <summary>A socket that somebody else bound (socket activation).</summary>
    public static IUdpIo Adopt(Socket socket, bool portable = false) =>
        Wrap(() => socket, isServer: true, portable);

    private static IUdpIo Wrap(Func<Socket> open, bool isServer, bool portable) => OperatingSystem.IsLinux() && !portable
        ? new LinuxUdpIo(open, isServer)
        : new SocketUdpIo(open, isServer);

    private static Socket Bind(IPEndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (endPoint.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

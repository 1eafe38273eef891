using System.Net;
using System.Net.Sockets;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// What every system has (macOS): one datagram per call, no ECN, source address left to the routes. A second socket on
/// loopback wakes the loop. Exercised by tests on Linux; not yet run on macOS.
/// </summary>
internal sealed unsafe class SocketUdpIo : IUdpIo
{
    private readonly Func<Socket> _open;
    private readonly bool _isServer;
    private readonly byte[] _buffer = new byte[65536];
    private readonly Socket _wakeReader = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket _wakeWriter = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly List<Socket> _waiting = [];
    private Socket _socket;

    public SocketUdpIo(Func<Socket> open, bool isServer)
    {
        _open = open;
        _isServer = isServer;
        _socket = open();
        Prepare();
        LocalEndPoint = (IPEndPoint)_socket.LocalEndPoint!;
        LocalAddress = SockAddress.From(LocalEndPoint);
        _wakeReader.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _wakeReader.Blocking = false;
        _wakeWriter.Connect(_wakeReader.LocalEndPoint!);
        _wakeWriter.Blocking = false;
    }

    public IPEndPoint LocalEndPoint { get; }

    public SockAddress LocalAddress { get; }

    public bool CanBatch => false;

    public void Wait(ulong nanoseconds)
    {
        _waiting.Clear();
        _waiting.Add(_socket);
        _waiting.Add(_wakeReader);
        Socket.Select(_waiting, null, null, (int)((nanoseconds + 999) / 1000));
        if (_waiting.Contains(_wakeReader))
        {
            Span<byte> one = stackalloc byte[1];
            _wakeReader.Receive(one, SocketFlags.None, out _);
        }
    }

    public void Wake() => _wakeWriter.Send((ReadOnlySpan<byte>)[1], SocketFlags.None, out _);

    public void Receive(IDatagramSink sink)
    {
        var from = new SocketAddress(_socket.AddressFamily);
        for (var i = 0; i < QuicLimits.ReceiveRoundsMax * QuicLimits.ReceiveBuffers && _socket.Available > 0; i++)
        {
            try
            {
                var (length, local, remote) = ReceiveOne(from);
                fixed (byte* data = _buffer)
                {
                    sink.OnDatagram(data, length, local, remote, 0);
                }
            }
            catch (SocketException)
            {
                return; // an ICMP error of an earlier send: QUIC's own timers notice a peer that is gone
            }
        }
    }

    private (int Length, SockAddress Local, SockAddress Remote) ReceiveOne(SocketAddress from)
    {
        if (!_isServer)
        {
            from.Size = from.Buffer.Length;
            var count = _socket.ReceiveFrom(_buffer.AsSpan(), SocketFlags.None, from);
            return (count, LocalAddress, SockAddress.From(from.Buffer.Span[..from.Size]));
        }

        EndPoint peer = new IPEndPoint(_socket.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
        var flags = SocketFlags.None;
        var length = _socket.ReceiveMessageFrom(_buffer.AsSpan(), ref flags, ref peer, out var information);
        var address = LocalEndPoint.AddressFamily == AddressFamily.InterNetworkV6 ? information.Address.MapToIPv6() : information.Address;
        return (length, SockAddress.From(new IPEndPoint(address, LocalEndPoint.Port)), SockAddress.From((IPEndPoint)peer));
    }

    public void Send(byte* data, int length, int segment, in SockAddress from, in SockAddress to, byte ecn)
    {
        var address = new SocketAddress(to.IsIpv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork, (int)to.Length);
        to.Bytes.CopyTo(address.Buffer.Span);
        try
        {
            for (var offset = 0; offset < length; offset += segment)
            {
                _socket.SendTo(new ReadOnlySpan<byte>(data + offset, Math.Min(segment, length - offset)), SocketFlags.None, address);
            }
        }
        catch (SocketException)
        {
            // A lost datagram, which QUIC repeats.
        }
    }

    public void Rebind()
    {
        var old = _socket;
        _socket = _open();
        Prepare();
        old.Dispose();
    }

    private void Prepare()
    {
        _socket.Blocking = false;
        _socket.ReceiveBufferSize = QuicLimits.SocketBufferBytes;
        _socket.SendBufferSize = QuicLimits.SocketBufferBytes;
        if (_isServer)
        {
            var isIpv6 = _socket.AddressFamily == AddressFamily.InterNetworkV6;
            _socket.SetSocketOption(isIpv6 ? SocketOptionLevel.IPv6 : SocketOptionLevel.IP, SocketOptionName.PacketInformation, true);
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _wakeReader.Dispose();
        _wakeWriter.Dispose();
    }
}

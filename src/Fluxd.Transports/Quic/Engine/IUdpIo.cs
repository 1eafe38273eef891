using System.Net;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>Takes what a socket received. Loop thread.</summary>
internal unsafe interface IDatagramSink
{
    void OnDatagram(byte* data, int length, in SockAddress local, in SockAddress remote, byte ecn);
}

/// <summary>
/// One UDP socket as the endpoint's loop needs it. Everything but <see cref="Wake"/> belongs to the loop thread.
/// The socket is never connected: answers go to the path that the library names, so that peers may move.
/// </summary>
internal unsafe interface IUdpIo : IDisposable
{
    IPEndPoint LocalEndPoint { get; }

    /// <summary>What the library is told as local address where the system does not say which one was hit.</summary>
    SockAddress LocalAddress { get; }

    /// <summary>Datagrams of equal size to one peer may be sent as one buffer.</summary>
    bool CanBatch { get; }

    /// <summary>Returns when something can be read, when it was woken, or after the time.</summary>
    void Wait(ulong nanoseconds);

    /// <summary>Ends the present or next <see cref="Wait"/>. Any thread.</summary>
    void Wake();

    /// <summary>Gives what is there to the sink, in bounded rounds.</summary>
    void Receive(IDatagramSink sink);

    /// <param name="segment">Size of each datagram in <paramref name="data"/>; only the last may be shorter.</param>
    void Send(byte* data, int length, int segment, in SockAddress from, in SockAddress to, byte ecn);

    /// <summary>A client goes on from a new port (and whatever source address the routes now give).</summary>
    void Rebind();
}

using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>How senders find their rate. Values are the library's.</summary>
public enum QuicCongestion
{
    Cubic = 1,

    /// <summary>Takes loss for what it mostly is on radio links: no congestion.</summary>
    Bbr = 2,
}

/// <summary>What both roles share.</summary>
internal record QuicTransportOptions
{
    /// <summary>For peers beyond the local network.</summary>
    public QuicCongestion Congestion { get; init; } = QuicCongestion.Bbr;

    /// <summary>BBR halves the throughput of loopback; local links lose little.</summary>
    public QuicCongestion LocalCongestion { get; init; } = QuicCongestion.Cubic;

    public Func<IPAddress, bool> IsLocal { get; init; } = IPAddress.IsLoopback;

    public TimeSpan IdleTimeout { get; init; } = QuicLimits.IdleTimeout;

    public TimeSpan HandshakeTimeout { get; init; } = QuicLimits.HandshakeTimeout;

    /// <summary>How long a silent peer is called each second while nothing moves on the streams under way.</summary>
    public TimeSpan CallingTime { get; init; } = QuicLimits.CallingTime;

    /// <summary>What a peer may send before it must wait for us.</summary>
    public QuicWindows Windows { get; init; } = QuicWindows.Whole;
}

/// <param name="Bytes">Of a connection, unread.</param>
/// <param name="BytesMax">Up to which the library grows that; 0: it does not.</param>
/// <param name="Streams">Bidirectional ones at once.</param>
internal sealed record QuicWindows(int Bytes, int BytesMax, int Streams)
{
    public static QuicWindows Whole { get; } = new(QuicLimits.ConnectionReceiveBytes, QuicLimits.ConnectionReceiveBytesMax, QuicLimits.BidiStreamsMax);

    /// <summary>Until <see cref="QuicConnection.Trust"/>.</summary>
    public static QuicWindows OfUnknown { get; } = new(QuicLimits.UnknownReceiveBytes, 0, QuicLimits.UnknownStreamsMax);
}

internal sealed record QuicServerOptions : QuicTransportOptions
{
    /// <summary>Asked for each handshake, so that a renewed certificate serves the next client.</summary>
    public required Func<TlsCertificate> Certificate { get; init; }

    /// <summary>Asked for each handshake: protocols can be added and taken away while the endpoint runs.</summary>
    public required Func<IReadOnlyList<string>> Protocols { get; init; }

    /// <summary>Given each connection whose handshake is done. Loop thread: must not block.</summary>
    public required Action<QuicConnection> Accepted { get; init; }

    /// <summary>32 bytes behind address tokens and stateless resets; kept over restarts, peers of the daemon's last life are told at once.</summary>
    public ReadOnlyMemory<byte> Secret { get; init; }

    public AdmissionLimits Limits { get; init; } = new();

    /// <summary>Unacknowledged bytes of all connections together, before each stream must do with little.</summary>
    public long SendBytesMax { get; init; } = QuicLimits.EndpointSendBytesMax;
}

/// <param name="Leaf">With its private key; not disposed here.</param>
internal sealed record TlsCertificate(X509Certificate2 Leaf, IReadOnlyList<X509Certificate2> Chain);

internal sealed record QuicClientOptions : QuicTransportOptions
{
    public required string ServerName { get; init; }

    public required string Protocol { get; init; }

    /// <summary>Judges the server's certificates (leaf first) on the thread pool; false ends the connection.</summary>
    public required Func<IReadOnlyList<X509Certificate2>, bool> Verify { get; init; }

    public TimeSpan KeepAlive { get; init; } = QuicLimits.ClientKeepAlive;
}

namespace Fluxd.Transports.Quic;

/// <summary>The bounds of the QUIC part, each with its reason.</summary>
internal static class QuicLimits
{
    /// <summary>Length of our connection ids: the least that a client's first choice may have (RFC 9000, 7.2), since each packet carries one, and fixed, so that short headers can be parsed.</summary>
    public const int ConnectionIdBytes = 8;

    /// <summary>Largest datagram that ngtcp2's path MTU discovery tries (Ethernet less IPv6 and UDP headers).</summary>
    public const int DatagramBytesMax = 1452;

    /// <summary>Datagrams that leave in one call with segmentation offload: 64 KiB is the kernel's bound.</summary>
    public const int BatchDatagramsMax = 44;

    /// <summary>Datagram buffers of one receive call; each may hold 64 KiB after the kernel joined datagrams (GRO).</summary>
    public const int ReceiveBuffers = 16;

    /// <summary>Receive calls in one round of the loop, so that timers and writers are never starved by a flood.</summary>
    public const int ReceiveRoundsMax = 8;

    /// <summary>What the kernel is asked for; net.core.rmem_max may allow less.</summary>
    public const int SocketBufferBytes = 8 << 20;

    /// <summary>What one read of a stored file fills: several chunks, or each would be read whole and copied in parts.</summary>
    public const int ReadBufferBytes = 256 << 10;

    /// <summary>Unacknowledged bytes of one stream before its writer waits: bandwidth-delay product of 300 Mbit/s at 100 ms.</summary>
    public const int StreamSendBytesMax = 4 << 20;

    /// <summary>Of all streams of one connection together: what a client that never reads can hold.</summary>
    public const int ConnectionSendBytesMax = 16 << 20;

    /// <summary>What a stream may always hold, even when its connection is over its own bound: no stream is starved by others.</summary>
    public const int StreamSendBytesMin = 128 << 10;

    /// <summary>A stream's first bytes, which go before other streams': most answers fit.</summary>
    public const int FirstTurnBytes = 16 << 10;

    /// <summary>What a stream sends before the next has its turn: with eight pieces under way the last is more than a link's bandwidth-delay product behind the first.</summary>
    public const int TurnBytes = 256 << 10;

    /// <summary>First flow-control window of a stream; the library grows it up to <see cref="StreamReceiveBytesMax"/>.</summary>
    public const int StreamReceiveBytes = 4 << 20;

    public const int StreamReceiveBytesMax = 12 << 20;

    /// <summary>First window of a client's connection; the library grows it up to <see cref="ConnectionReceiveBytesMax"/>.</summary>
    public const int ConnectionReceiveBytes = 8 << 20;

    public const int ConnectionReceiveBytesMax = 16 << 20;

    /// <summary>
    /// A server's window for all of a connection that nobody is known on: a login and the first operations fit, and the
    /// start of a slow-starting upload until the login is judged. 256 of them hold 64 MiB. Who is known has
    /// <see cref="ConnectionReceiveBytesMax"/>. The library does not grow it: it takes what it discards for consumed.
    /// </summary>
    public const int UnknownReceiveBytes = 256 << 10;

    /// <summary>Requests at once on such a connection: each holds a block of 32 KiB, however little it says.</summary>
    public const int UnknownStreamsMax = 16;

    /// <summary>Unacknowledged bytes of all connections of one endpoint: a gigabit at two seconds. Beyond it a stream may hold <see cref="StreamSendBytesMin"/>, so those who read go on, and those who don't hold little more.</summary>
    public const long EndpointSendBytesMax = 256 << 20;

    /// <summary>Control streams of HTTP/3 carry a few hundred bytes.</summary>
    public const int UniStreamReceiveBytes = 256 << 10;

    /// <summary>Consumed bytes are returned as credit in steps of this size, not per read.</summary>
    public const int CreditStepBytes = 64 << 10;

    /// <summary>Requests at once in one connection, as Kestrel's HTTP/2 default.</summary>
    public const int BidiStreamsMax = 100;

    /// <summary>HTTP/3 needs three (control, two for header compression); grease adds some.</summary>
    public const int UniStreamsMax = 10;

    /// <summary>Spare ids for the peer, so that it can migrate more than once within a round trip.</summary>
    public const int ActiveConnectionIds = 7;

    /// <summary>A peer silent for this long is gone (the smaller of both sides' values counts).</summary>
    public static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Five lost flights on a slow link still fit; half-open state is kept no longer.</summary>
    public static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Under half of the shortest UDP mapping time seen in home routers (30 s), and quick enough to notice a new address.</summary>
    public static readonly TimeSpan ClientKeepAlive = TimeSpan.FromSeconds(4);

    /// <summary>What a client takes for the round trip before it knows, in nanoseconds: a lost first packet is sent again after 0.3 s and not after one, and again before a user's patience ends.</summary>
    public const ulong ClientInitialRoundTrip = 100_000_000;

    /// <summary>With streams under way a peer that says nothing for this long is called, in nanoseconds: a dead link, a forgotten NAT mapping and its return are noticed soon …</summary>
    public const ulong CallAfter = 1_000_000_000;

    /// <summary>… but not for ever where nothing moves on them: a stream that waits for events does not keep a phone's radio awake.</summary>
    public static readonly TimeSpan CallingTime = TimeSpan.FromMinutes(1);

    /// <summary>A keep-alive as good as at once.</summary>
    public const ulong NudgeAfter = 1_000_000;

    /// <summary>Who was silent for this long, and for two probe timeouts, was away: what was sent meanwhile is probably lost.</summary>
    public const ulong Silence = 500_000_000;

    /// <summary>A connection's time skips at most this between two arrivals, in nanoseconds: half of the idle time, or it would end what has just come back.</summary>
    public const ulong HurryMax = 15_000_000_000;

    /// <summary>Retry tokens must come back at once.</summary>
    public static readonly TimeSpan RetryTokenLife = TimeSpan.FromSeconds(10);

    /// <summary>NEW_TOKEN spares a returning phone the Retry for a day.</summary>
    public static readonly TimeSpan AddressTokenLife = TimeSpan.FromHours(24);

    /// <summary>Unfinished handshakes before every newcomer must prove its address (Retry).</summary>
    public const int HandshakesBeforeRetry = 64;

    /// <summary>Unfinished handshakes at once, about 40 KiB each; beyond it newcomers are not answered.</summary>
    public const int HandshakesMax = 512;

    /// <summary>Unfinished handshakes of one address (IPv6: one /64): a household behind one address reconnecting at once fits.</summary>
    public const int HandshakesPerAddressMax = 48;

    /// <summary>Connections of one address (IPv6: one /64), unless [quic] connections_per_address says otherwise: an office behind one address. Not more, since each may hold the first windows and a few streams without a credential.</summary>
    public const int ConnectionsPerAddressMax = 256;

    /// <summary>Connections of one endpoint.</summary>
    public const int ConnectionsMax = 8192;

    /// <summary>Why newcomers get no answer is logged this often for each reason, in nanoseconds: a flood must not fill the disk.</summary>
    public const ulong RefusalSaidEvery = 60_000_000_000;

    /// <summary>Packets outside connections (version negotiation, Retry, stateless reset) per second, so that we are no reflector.</summary>
    public const int StatelessPacketsPerSecond = 500;

    /// <summary>One more than our stateless resets have, so that two ends never answer each other's (RFC 9000, 10.3.3); a client's keep-alive has 30.</summary>
    public const int StatelessResetTriggerBytesMin = 29;

    /// <summary>Blocks of 32 KiB, of what is sent and of what arrived, kept for reuse: 64 MiB.</summary>
    public const int PooledBlocksMax = 2048;

    /// <summary>A full send queue is waited for this long before a datagram counts as lost; QUIC repeats it.</summary>
    public static readonly TimeSpan SendWaitMax = TimeSpan.FromMilliseconds(20);
}

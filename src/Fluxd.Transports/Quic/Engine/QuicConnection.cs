using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.InteropServices;
using System.Threading.Channels;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

internal enum QuicState
{
    Handshaking,
    Open,

    /// <summary>We said goodbye and answer late packets with the same packet, for three probe timeouts (RFC 9000, 10.2.1).</summary>
    Closing,

    /// <summary>The peer said goodbye, or nobody is there: silent until the ids may be forgotten.</summary>
    Draining,

    Freed,
}

/// <summary>
/// One connection. The members of this file may be called from any thread; <c>QuicConnection.Loop.cs</c> and the
/// callbacks belong to the endpoint's loop thread, which alone touches the native objects.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The token source ends by being cancelled, in Finish; it owns no timer.")]
internal sealed unsafe partial class QuicConnection : Timed
{
    // A peer that opens streams faster than anybody takes them is cut off at this many.
    private const int WaitingStreamsMax = 2 * (QuicLimits.BidiStreamsMax + QuicLimits.UniStreamsMax);

    private readonly TaskCompletionSource _handshake = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _freed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<QuicStream> _incoming = Channel.CreateBounded<QuicStream>(
        new BoundedChannelOptions(WaitingStreamsMax) { SingleWriter = true, AllowSynchronousContinuations = false });
    private long _unacknowledged;
    private int _isTrusted;

    public QuicConnection(QuicEndpoint endpoint, bool isServer, IPEndPoint local, IPEndPoint remote)
    {
        Endpoint = endpoint;
        IsServer = isServer;
        Local = local;
        Remote = remote;
        Self = GCHandle.Alloc(this);
        ClosedToken = _closed.Token;
    }

    public QuicEndpoint Endpoint { get; }

    public bool IsServer { get; }

    public IPEndPoint Local { get; private set; }

    /// <summary>Where the peer is now; changes when it migrates.</summary>
    public IPEndPoint Remote { get; private set; }

    /// <summary>The negotiated protocol (ALPN); set when the handshake is done.</summary>
    public string Protocol { get; private set; } = "";

    /// <summary>Ends when the connection can carry streams (client: and its certificate was found good), or fails.</summary>
    public Task Handshake => _handshake.Task;

    public CancellationToken ClosedToken { get; }

    /// <summary>Ends when nothing native is left.</summary>
    public Task Freed => _freed.Task;

    /// <summary>Streams that the peer opens; fails with <see cref="CloseReason"/> at the end.</summary>
    public ChannelReader<QuicStream> Incoming => _incoming.Reader;

    public Exception? CloseReason { get; private set; }

    /// <summary>The peer's application code when it closed; −1 without.</summary>
    public long PeerCloseCode { get; private set; } = -1;

    public int Migrations { get; private set; }

    /// <summary>That began here.</summary>
    public int KeyUpdates { get; private set; }

    public long UnacknowledgedBytes => Volatile.Read(ref _unacknowledged);

    /// <summary>Waits for the handshake and for the peer's leave to open one more stream.</summary>
    public Task<QuicStream> OpenStreamAsync(bool bidirectional, CancellationToken ct)
    {
        var stream = new QuicStream(this, -1, canRead: bidirectional, canWrite: true)
        {
            Opening = new(TaskCreationOptions.RunContinuationsAsynchronously),
        };
        Endpoint.Post(() => OpenOrQueue(stream));
        return stream.Opening.Task.WaitAsync(ct);
    }

    /// <summary>Says goodbye after what is already written was handed to the network once; streams end.</summary>
    public void Close(long code, Exception? reason = null) => Endpoint.Post(() => CloseByApplication((ulong)code, reason ?? QuicErrors.ClosedHere));

    /// <summary>New packet keys; the peer follows. Refused before the handshake is confirmed and while another update is under way.</summary>
    public void UpdateKeys() => Endpoint.Post(() =>
    {
        if (State == QuicState.Open && NgTcp2.ngtcp2_conn_initiate_key_update(Native, Now) == 0)
        {
            KeyUpdates++;
            Endpoint.MarkDirty(this);
        }
    });

    /// <summary>Client: makes the server see our present address soon, by a keep-alive at once.</summary>
    public void Nudge() => Endpoint.Post(() =>
    {
        if (State == QuicState.Open && !IsServer)
        {
            NudgedUntil = QuicEndpoint.Now() + (2 * QuicLimits.NudgeAfter);
            Endpoint.MarkDirty(this);
        }
    });

    /// <summary>Round trip, congestion window and bytes in flight, as the library sees them now.</summary>
    public Task<QuicPathInfo> MeasureAsync(CancellationToken ct)
    {
        var measured = new TaskCompletionSource<QuicPathInfo>(TaskCreationOptions.RunContinuationsAsynchronously);
        Endpoint.Post(() => measured.TrySetResult(IsAlive ? Measure() : default));
        return measured.Task.WaitAsync(ct);
    }

    /// <summary>Server: it is known who the peer is, and from now on it may have the whole window and all streams. Once counts.</summary>
    public void Trust()
    {
        if (IsServer && Volatile.Read(ref _isTrusted) == 0 && Interlocked.Exchange(ref _isTrusted, 1) == 0)
        {
            Endpoint.Post(Widen);
        }
    }

    private void Widen()
    {
        if (IsAlive)
        {
            NgTcp2.ngtcp2_conn_extend_max_offset(Native, QuicLimits.ConnectionReceiveBytesMax - QuicLimits.UnknownReceiveBytes);
            NgTcp2.ngtcp2_conn_extend_max_streams_bidi(Native, QuicLimits.BidiStreamsMax - QuicLimits.UnknownStreamsMax);
            Endpoint.MarkDirty(this);
        }
    }

    /// <summary>Its streams, or those of all connections together, hold so much that each must do with little.</summary>
    internal bool IsSendingTooMuch => UnacknowledgedBytes > QuicLimits.ConnectionSendBytesMax || Endpoint.UnacknowledgedBytes > Endpoint.SendBytesMax;

    internal void AddUnacknowledged(long bytes)
    {
        Interlocked.Add(ref _unacknowledged, bytes);
        Endpoint.AddUnacknowledged(bytes);
    }

    /// <summary>Loop thread.</summary>
    internal QuicPathInfo Measure()
    {
        ngtcp2_conn_info info;
        NgTcp2.ngtcp2_conn_get_conn_info_versioned(Native, NgTcp2.V1, &info);
        return new QuicPathInfo(TimeSpan.FromTicks((long)info.smoothed_rtt / 100), (long)info.cwnd, (long)info.bytes_in_flight);
    }
}

internal readonly record struct QuicPathInfo(TimeSpan RoundTrip, long CongestionWindow, long BytesInFlight);

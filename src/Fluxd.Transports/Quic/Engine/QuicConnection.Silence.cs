using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// What a connection does about silence. A sender that hears nothing probes in doubling intervals, so after an outage of
/// ten seconds its next probe may be ten seconds away, and until then its full window lets nothing else out. So whoever
/// has streams under way and hears nothing says something each second (its window may have room where the other's has
/// none), and whoever hears from its peer again sends its due probe at once.
/// </summary>
internal sealed unsafe partial class QuicConnection
{
    private ulong _ahead;
    private ulong _heardAt;
    private ulong _movedAt;
    private ulong _arrivedAt;
    private ulong _aheadAtArrival;
    private ulong _sentAt;
    private ulong _keepAlive;
    private int _exchanges;
    private bool _hasReceived;

    /// <summary>
    /// The library's time on this connection. It runs ahead of the clock by what <see cref="HurryProbe"/> skipped: the
    /// library has no call to probe now, but all that it knows of time is what we tell it.
    /// </summary>
    internal ulong Now => QuicEndpoint.Now() + _ahead;

    /// <summary>Bytes came or went on streams since the last round.</summary>
    internal bool HasMoved { get; set; }

    /// <summary>Bytes came, or were acknowledged, since the last round: the link carries.</summary>
    internal bool HasArrived { get; set; }

    /// <summary>How often the peer's return made a probe leave before its time.</summary>
    internal int HurriedProbes { get; private set; }

    /// <summary>How often a packet that wants an answer left although nothing moved on streams: keep-alives and probes.</summary>
    internal int Calls { get; private set; }

    /// <summary>How long nothing has come while streams are under way. Any thread.</summary>
    public TimeSpan Silence => Volatile.Read(ref _exchanges) > 0 && Volatile.Read(ref _heardAt) is > 0 and var heard
        ? TimeSpan.FromMicroseconds(Math.Max(0, (long)(QuicEndpoint.Now() - heard)) / 1000.0)
        : TimeSpan.Zero;

    /// <summary>When the connection wants the loop again, on the endpoint's clock.</summary>
    internal ulong NextTimer()
    {
        var due = Pacer.NextTimer(Native);
        return due == ulong.MaxValue ? due : Math.Max(due, _ahead) - _ahead;
    }

    /// <summary>Sends what there is to send. Loop thread.</summary>
    internal void Flush()
    {
        var now = QuicEndpoint.Now();
        var silence = _hasReceived ? Heard(now) : 0;
        var stalled = now - LastArrival(now);
        var hasMoved = HasMoved;
        var wanted = WantedKeepAlive(now);
        var isLonger = wanted == 0 || (_keepAlive != 0 && wanted > _keepAlive);
        SetKeepAlive(isLonger ? _keepAlive : wanted);
        var hasSent = Send(now);

        // A longer pause counts from here on. Set before, it would take a keep-alive back that is just due, and the library makes no other.
        SetKeepAlive(wanted);
        if (hasSent)
        {
            Calls += hasMoved || HasMoved ? 0 : 1; // and nothing to hurry: its answer will tell what was lost before it
        }
        else if (IsAlive && IsHandshakeDone && silence >= QuicLimits.Silence)
        {
            // What left a moment ago may be answered yet, and the time skipped meanwhile would count as its round trip.
            var twoProbes = 2 * NgTcp2.ngtcp2_conn_get_pto(Native);
            if (stalled >= twoProbes && now - _sentAt >= twoProbes && Measure().BytesInFlight > 0)
            {
                HurryProbe(now, stalled);
            }
        }
    }

    /// <summary>Whether something left that the peer has to acknowledge.</summary>
    private bool Send(ulong now)
    {
        var before = Measure().BytesInFlight;
        Endpoint.Writer.Flush(this);
        if (!IsAlive || Measure().BytesInFlight <= before)
        {
            return false;
        }

        _sentAt = now;
        return true;
    }

    /// <summary>How long nothing had come before what has come now.</summary>
    private ulong Heard(ulong now)
    {
        _hasReceived = false;
        RetryBlocked();
        var silence = _heardAt == 0 ? 0 : now - _heardAt;
        _heardAt = now;
        return silence;
    }

    /// <summary>When bytes came or were acknowledged for the last time.</summary>
    private ulong LastArrival(ulong now)
    {
        if (HasArrived || _arrivedAt == 0)
        {
            HasArrived = false;
            _arrivedAt = now;
            _aheadAtArrival = _ahead;
        }

        return _arrivedAt;
    }

    private ulong WantedKeepAlive(ulong now)
    {
        if (HasMoved)
        {
            HasMoved = false;
            _movedAt = now;
        }

        if (NudgedUntil <= now)
        {
            NudgedUntil = null;
        }

        var usual = _client is null ? 0 : (ulong)_client.KeepAlive.Ticks * 100; // 0: none
        return NudgedUntil is not null ? QuicLimits.NudgeAfter
            : _exchanges == 0 || now - _movedAt >= (ulong)CallingTime.Ticks * 100 ? usual
            : usual == 0 ? QuicLimits.CallAfter : Math.Min(usual, QuicLimits.CallAfter);
    }

    private void SetKeepAlive(ulong wanted)
    {
        if (wanted != _keepAlive && IsAlive)
        {
            _keepAlive = wanted;
            NgTcp2.ngtcp2_conn_set_keep_alive_timeout(Native, wanted);
        }
    }

    /// <summary>
    /// Lets the library's time pass to its next timers until one made it send: at most by as long as nothing arrived (a
    /// doubled pause that began before the peer came back is no longer than that), and between two arrivals in all by
    /// <see cref="QuicLimits.HurryMax"/>, however often something is heard.
    /// </summary>
    private void HurryProbe(ulong now, ulong stalled)
    {
        const int TimersMax = 4; // acknowledgement, lost packets, keep-alive, probe
        var until = Math.Min(Now + stalled, now + _aheadAtArrival + QuicLimits.HurryMax);
        for (var timers = 0; timers < TimersMax; timers++)
        {
            var at = Now;
            var due = Pacer.NextTimer(Native);
            if (due > until)
            {
                return;
            }

            _ahead += due > at ? due - at : 0;
            if (!Expire())
            {
                return;
            }

            if (Send(now))
            {
                HurriedProbes++;
                return;
            }

            if (!IsAlive)
            {
                return;
            }
        }
    }
}

using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// Spreads a congestion window over a round trip. For CUBIC the library does that. Its BBR would send at its estimate of
/// the link's rate instead, which each round with a loss lowers and only a probe every few seconds raises; the window
/// that goes with it is twice as large and keeps the link busy until then. So under BBR the window alone bounds us, and
/// its bytes leave by the rule that the library has for CUBIC (RFC 9002, 7.7). Loop thread.
/// </summary>
internal sealed unsafe class Pacer(bool isOurs)
{
    // RFC 9002, 7.7: a little faster than the window, so that the pacing is not what limits.
    private const double Gain = 1.25;

    // What may leave at once after a pause, an initial window (RFC 9002, 7.7): a request and its answer are not spread.
    private const int BurstBytes = 10 * QuicLimits.DatagramBytesMax;

    // How late a timer may come and be made up for.
    private const ulong LatenessMax = 1_000_000;

    private bool _isOn;
    private ulong _next;
    private ulong _askedAt;

    /// <summary>The first round trip is known: before it the library spreads the first flight.</summary>
    public void Start() => _isOn = isOurs;

    /// <summary>What is still to be sent goes at once: the connection ends.</summary>
    public void Stop() => _isOn = false;

    /// <summary>False where the library paces: its timers then say when more may leave.</summary>
    public bool IsOn => _isOn;

    public bool IsWaiting(ulong now) => _isOn && _next > now;

    /// <summary>Asked before anything is sent; where it says no, <see cref="NextTimer"/> says when to ask again.</summary>
    public bool MayLeave(ulong now)
    {
        _askedAt = now;
        return !IsWaiting(now);
    }

    /// <summary>When the connection wants the loop again. A wait that has ended since it was asked for is due, and not over.</summary>
    public ulong NextTimer(void* connection) => IsWaiting(_askedAt) ? _next : NgTcp2.ngtcp2_conn_get_expiry(connection);

    public void Sent(void* connection, long bytes, ulong now)
    {
        if (!_isOn)
        {
            NgTcp2.ngtcp2_conn_update_pkt_tx_time(connection, now);
        }
        else if (bytes > 0)
        {
            ngtcp2_conn_info info;
            NgTcp2.ngtcp2_conn_get_conn_info_versioned(connection, NgTcp2.V1, &info);
            var perByte = info.smoothed_rtt / (Gain * info.cwnd);
            var credit = Math.Max(LatenessMax, (ulong)(BurstBytes * perByte));
            _next = Math.Max(_next + credit, now) - credit + (ulong)(bytes * perByte);
        }
    }
}

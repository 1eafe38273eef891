using System.Diagnostics.Metrics;
using System.Net;
using Fluxd.Core;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// Tells of newcomers that get no answer: they themselves see silence, so whoever runs the server must be told why.
/// Each counts; the log has one line a minute for each reason. Loop thread.
/// </summary>
internal sealed partial class Refusals(AdmissionLimits limits, ILogger log)
{
    private static readonly Counter<long> s_refused = FluxTelemetry.Meter.CreateCounter<long>(
        "fluxd.quic.refused", "{attempt}", "QUIC connection attempts that got no answer, by reason; a client repeats one some times");

    private readonly Dictionary<Admitted, ulong> _quietUntil = [];

    public void Add(Admitted reason, in SockAddress peer, ulong now)
    {
        var (tag, bound) = Words(reason);
        s_refused.Add(1, new KeyValuePair<string, object?>("reason", tag));
        if (!_quietUntil.TryGetValue(reason, out var until) || now >= until)
        {
            _quietUntil[reason] = now + QuicLimits.RefusalSaidEvery;
            LogRefused(Plain(peer), bound);
        }
    }

    private (string Tag, string Bound) Words(Admitted reason) => reason switch
    {
        Admitted.TooManyOfAddress => ("address", $"its address has {limits.ConnectionsPerAddressMax} connections already, as many as [quic] connections_per_address allows"),
        Admitted.TooManyHandshakesOfAddress => ("address_handshakes", $"its address has {limits.HandshakesPerAddressMax} unfinished handshakes, which no setting raises"),
        Admitted.TooManyHandshakes => ("handshakes", $"{limits.HandshakesMax} handshakes are unfinished, which no setting raises: a flood, or a machine that can't keep up"),
        Admitted.TooManyInAll => ("connections", "all frontends together have as many connections as [limits] connections allows"),
        _ => ("endpoint", $"this port has {limits.ConnectionsMax} connections, which no setting raises: add another to [quic] listen"),
    };

    private static IPAddress Plain(in SockAddress peer)
    {
        var address = peer.ToEndPoint().Address;
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    [LoggerMessage(6005, LogLevel.Warning, "A QUIC client at {Remote} gets no answer: {Bound}. Others of the next minute are only counted")]
    private partial void LogRefused(IPAddress remote, string bound);
}

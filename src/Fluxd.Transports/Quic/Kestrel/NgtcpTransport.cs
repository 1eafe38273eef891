using System.Net;
using System.Net.Sockets;
using Fluxd.Core;
using Fluxd.Core.Tls;
using Fluxd.Transports.Quic.Engine;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Kestrel;

internal sealed record NgtcpTransportOptions
{
    public required ICertificateProvider Certificates { get; init; }

    public QuicCongestion Congestion { get; init; } = QuicCongestion.Bbr;

    public QuicCongestion LocalCongestion { get; init; } = QuicCongestion.Cubic;

    public Func<IPAddress, bool> IsLocal { get; init; } = IPAddress.IsLoopback;

    public ReadOnlyMemory<byte> Secret { get; init; }

    public AdmissionLimits Limits { get; init; } = new();

    public Func<IPEndPoint, string?> HolderOf { get; init; } = _ => null;
}

/// <summary>
/// Our engine behind ASP.NET's multiplexed connection abstraction. Sockets are opened first, by address or as systemd
/// handed them over; then any number of listeners share each of them, told apart by their protocols (ALPN): Kestrel's
/// HTTP/3 is one, fluxd/1 another.
/// </summary>
internal sealed class NgtcpTransport(NgtcpTransportOptions options, ILoggerFactory loggers)
    : IMultiplexedConnectionListenerFactory, IConnectionListenerFactorySelector, IAsyncDisposable
{
    private readonly Dictionary<IPEndPoint, NgtcpSocket> _sockets = [];

    public IReadOnlyList<IPEndPoint> EndPoints => [.. _sockets.Keys];

    public int ConnectionCount => _sockets.Values.Sum(socket => socket.ConnectionCount);

    /// <returns>The address with the port that the system chose.</returns>
    /// <exception cref="FluxException">Unavailable: the address cannot be used.</exception>
    public IPEndPoint Open(IPEndPoint endPoint)
    {
        try
        {
            return Add(UdpSockets.Open(endPoint, isServer: true));
        }
        catch (SocketException e)
        {
            var holder = options.HolderOf(endPoint) is { } found ? $" {endPoint} is held by {found}." : "";
            throw new FluxException(FluxError.Unavailable, $"QUIC can't listen on UDP {endPoint}: {e.Message}.{holder} Free the port or change [quic] listen.", e);
        }
    }

    /// <summary>Takes over a bound UDP socket.</summary>
    public IPEndPoint Adopt(Socket socket) => Add(UdpSockets.Adopt(socket));

    private IPEndPoint Add(IUdpIo io)
    {
        var socket = new NgtcpSocket(io, options, loggers.CreateLogger("Fluxd.Quic"));
        _sockets[socket.EndPoint] = socket;
        return socket.EndPoint;
    }

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint ip && _sockets.ContainsKey(ip);

    public ValueTask<IMultiplexedConnectionListener> BindAsync(EndPoint endpoint, IFeatureCollection? features = null, CancellationToken cancellationToken = default)
    {
        var protocols = features?.Get<TlsConnectionCallbackOptions>()?.ApplicationProtocols.Select(protocol => protocol.ToString())
            ?? throw new InvalidOperationException("A QUIC listener needs TLS options with its protocols.");
        return new(_sockets[(IPEndPoint)endpoint].Listen([.. protocols]));
    }

    /// <summary>No new connections on any socket.</summary>
    public void StopAccepting()
    {
        foreach (var socket in _sockets.Values)
        {
            socket.StopAccepting();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var socket in _sockets.Values)
        {
            await socket.DisposeAsync();
        }
    }
}

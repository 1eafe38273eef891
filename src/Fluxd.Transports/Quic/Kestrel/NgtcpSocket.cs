using System.Collections.Immutable;
using System.Net;
using Fluxd.Transports.Quic.Engine;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Kestrel;

/// <summary>One endpoint of the engine, shared by listeners for different protocols.</summary>
internal sealed class NgtcpSocket : IAsyncDisposable
{
    private readonly QuicEndpoint _endpoint;
    private ImmutableDictionary<string, NgtcpListener> _listeners = ImmutableDictionary<string, NgtcpListener>.Empty;

    public NgtcpSocket(IUdpIo io, NgtcpTransportOptions options, ILogger log)
    {
        EndPoint = io.LocalEndPoint;
        var certificates = options.Certificates;
        _endpoint = new QuicEndpoint(
            io,
            new QuicServerOptions
            {
                Certificate = () => new TlsCertificate(certificates.Current, certificates.Chain),
                Protocols = () => [.. _listeners.Keys],
                Accepted = Accepted,
                Congestion = options.Congestion,
                LocalCongestion = options.LocalCongestion,
                IsLocal = options.IsLocal,
                Secret = options.Secret,
                Limits = options.Limits,
                Windows = QuicWindows.OfUnknown, // until a protocol's login, see IWaryConnection
            },
            log);
    }

    public IPEndPoint EndPoint { get; }

    public int ConnectionCount => _endpoint.ConnectionCount;

    public NgtcpListener Listen(IReadOnlyList<string> protocols)
    {
        var listener = new NgtcpListener(this, protocols);
        foreach (var protocol in protocols)
        {
            ImmutableInterlocked.AddOrUpdate(ref _listeners, protocol, listener, (_, _) => listener);
        }

        return listener;
    }

    internal void Remove(NgtcpListener listener)
    {
        foreach (var protocol in listener.Protocols)
        {
            ImmutableInterlocked.TryRemove(ref _listeners, protocol, out _);
        }
    }

    private void Accepted(QuicConnection connection)
    {
        if (!_listeners.TryGetValue(connection.Protocol, out var listener) || !listener.TryAdd(connection))
        {
            connection.Close(0);
        }
    }

    public void StopAccepting() => _endpoint.StopAccepting();

    public ValueTask DisposeAsync() => _endpoint.DisposeAsync();
}

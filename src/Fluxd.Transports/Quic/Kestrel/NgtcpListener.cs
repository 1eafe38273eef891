using System.Net;
using System.Threading.Channels;
using Fluxd.Transports.Quic.Engine;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Fluxd.Transports.Quic.Kestrel;

/// <summary>The connections of one protocol on one socket. The socket outlives it: others may share it.</summary>
internal sealed class NgtcpListener(NgtcpSocket socket, IReadOnlyList<string> protocols) : IMultiplexedConnectionListener
{
    private readonly Channel<QuicConnection> _connections = Channel.CreateBounded<QuicConnection>(QuicLimits.ConnectionsMax);

    public IReadOnlyList<string> Protocols => protocols;

    public EndPoint EndPoint => socket.EndPoint;

    internal bool TryAdd(QuicConnection connection) => _connections.Writer.TryWrite(connection);

    public async ValueTask<MultiplexedConnectionContext?> AcceptAsync(IFeatureCollection? features = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return new NgtcpConnectionContext(await _connections.Reader.ReadAsync(cancellationToken));
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        socket.Remove(this);
        _connections.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync(CancellationToken.None);
}

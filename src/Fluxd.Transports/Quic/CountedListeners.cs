using System.Net;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Fluxd.Transports.Quic;

/// <summary>
/// Makes the connections of an engine that isn't ours count against what all frontends together may hold. Our own asks
/// before it answers a stranger; here the handshake is done already, and one too many is closed at once.
/// </summary>
internal sealed class CountedListeners(IMultiplexedConnectionListenerFactory inner, ConnectionBudget budget)
    : IMultiplexedConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => inner is not IConnectionListenerFactorySelector selector || selector.CanBind(endpoint);

    public async ValueTask<IMultiplexedConnectionListener> BindAsync(EndPoint endpoint, IFeatureCollection? features = null, CancellationToken cancellationToken = default) =>
        new Listener(await inner.BindAsync(endpoint, features, cancellationToken), budget);

    private sealed class Listener(IMultiplexedConnectionListener inner, ConnectionBudget budget) : IMultiplexedConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<MultiplexedConnectionContext?> AcceptAsync(IFeatureCollection? features = null, CancellationToken cancellationToken = default)
        {
            while (await inner.AcceptAsync(features, cancellationToken) is { } connection)
            {
                if (budget.TryEnter())
                {
                    return new Connection(connection, budget);
                }

                connection.Abort(new ConnectionAbortedException("[limits] connections is reached."));
                await connection.DisposeAsync();
            }

            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    /// <summary>Whoever serves a connection disposes it at its end, Kestrel and fluxd/1 alike: then its place is free.</summary>
    private sealed class Connection(MultiplexedConnectionContext inner, ConnectionBudget budget) : MultiplexedConnectionContext
    {
        private int _hasLeft;

        public override string ConnectionId
        {
            get => inner.ConnectionId;
            set => inner.ConnectionId = value;
        }

        public override IFeatureCollection Features => inner.Features;

        public override IDictionary<object, object?> Items
        {
            get => inner.Items;
            set => inner.Items = value;
        }

        public override CancellationToken ConnectionClosed
        {
            get => inner.ConnectionClosed;
            set => inner.ConnectionClosed = value;
        }

        public override EndPoint? LocalEndPoint
        {
            get => inner.LocalEndPoint;
            set => inner.LocalEndPoint = value;
        }

        public override EndPoint? RemoteEndPoint
        {
            get => inner.RemoteEndPoint;
            set => inner.RemoteEndPoint = value;
        }

        public override ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => inner.AcceptAsync(cancellationToken);

        public override ValueTask<ConnectionContext> ConnectAsync(IFeatureCollection? features = null, CancellationToken cancellationToken = default) =>
            inner.ConnectAsync(features, cancellationToken);

        public override void Abort() => inner.Abort();

        public override void Abort(ConnectionAbortedException abortReason) => inner.Abort(abortReason);

        public override async ValueTask DisposeAsync()
        {
            try
            {
                await inner.DisposeAsync();
                await base.DisposeAsync();
            }
            finally
            {
                if (Interlocked.Exchange(ref _hasLeft, 1) == 0)
                {
                    budget.Leave();
                }
            }
        }
    }
}

using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Fluxd.Transports.Net;

/// <summary>
/// Kestrel's socket transport, whose listeners stop in the right order: first nobody accepts any more, then the
/// descriptor is closed. Closing a socket in the middle of an accept makes the runtime disconnect it, and systemd's
/// descriptor is the same socket: its queue, with clients that only the next daemon would have served, would be reset.
/// </summary>
public sealed class QuietListeners : IDisposable
{
    private readonly CancellationTokenSource _accepting = new();

    /// <summary>
    /// Makes a host listen by these, one host after the other if need be. Its sockets' options come by way of its services,
    /// because only there can their memory be chosen.
    /// </summary>
    public IWebHostBuilder Serve(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IConnectionListenerFactory>(services => new Factory(
            new SocketTransportFactory(services.GetRequiredService<IOptions<SocketTransportOptions>>(), NullLoggerFactory.Instance), _accepting.Token));
        var host = builder.WebHost.UseKestrelCore().UseSockets(sockets => sockets.Backlog = NetLimits.AcceptQueueMax);

        // After Kestrel's own, because the last one counts.
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, BlockPool>();
        return host;
    }

    /// <summary>Who is in the kernel's queue from now on stays there. The descriptors stay open until their listeners are unbound.</summary>
    public Task StopAcceptingAsync() => _accepting.CancelAsync();

    public void Dispose() => _accepting.Dispose();

    internal sealed class Factory(SocketTransportFactory sockets, CancellationToken accepting) : IConnectionListenerFactory, IConnectionListenerFactorySelector
    {
        public bool CanBind(EndPoint endpoint) => sockets.CanBind(endpoint);

        public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new Listener(await sockets.BindAsync(endpoint, cancellationToken), accepting);
    }

    private sealed class Listener(IConnectionListener inner, CancellationToken outer) : IConnectionListener
    {
        private readonly CancellationTokenSource _accepting = CancellationTokenSource.CreateLinkedTokenSource(outer);
        private readonly SemaphoreSlim _one = new(1, 1);

        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            await _one.WaitAsync(CancellationToken.None);
            try
            {
                // What the kernel handed over before the cancellation was seen is returned, never dropped.
                return _accepting.IsCancellationRequested ? null : await inner.AcceptAsync(_accepting.Token);
            }
            catch (OperationCanceledException) when (_accepting.IsCancellationRequested)
            {
                return null;
            }
            finally
            {
                _one.Release();
            }
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _accepting.CancelAsync();
            await _one.WaitAsync(CancellationToken.None); // the last accept has returned
            _one.Release();
            await inner.UnbindAsync(cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            await UnbindAsync();
            await inner.DisposeAsync();
        }
    }
}

using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>Accepts fluxd/1 connections from one listener of either engine, and ends them in order.</summary>
internal sealed class FluxdListener : IAsyncDisposable
{
    private readonly IMultiplexedConnectionListener _listener;
    private readonly FluxdServices _services;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<FluxdConnection, Task> _connections = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public FluxdListener(IMultiplexedConnectionListener listener, FluxdServices services)
    {
        _listener = listener;
        _services = services;
        _log = services.Loggers.CreateLogger("Fluxd.Quic.Protocol");
        _loop = AcceptAsync();
    }

    public int ConnectionCount => _connections.Count;

    private async Task AcceptAsync()
    {
        await Task.Yield();
        try
        {
            while (await _listener.AcceptAsync(features: null, _stop.Token) is { } transport)
            {
                var connection = new FluxdConnection(transport, _services, _log, _stop.Token);
                _connections[connection] = ServeAsync(connection);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(FluxdConnection connection)
    {
        await Task.Yield(); // it is in the table before it can end
        try
        {
            await connection.RunAsync();
        }
        finally
        {
            _connections.TryRemove(connection, out _);
        }
    }

    public async Task StopAcceptingAsync(CancellationToken ct)
    {
        await _stop.CancelAsync();
        await _listener.UnbindAsync(ct);
        await _loop;
        foreach (var connection in _connections.Keys)
        {
            connection.StopAccepting();
        }
    }

    /// <summary>Returns when no operation runs any more, or at the deadline.</summary>
    public async Task DrainAsync(CancellationToken deadline)
    {
        try
        {
            await Task.WhenAll(_connections.Keys.Select(connection => connection.Idle)).WaitAsync(deadline);
        }
        catch (OperationCanceledException)
        {
            // What still runs is aborted next; its resumable state is kept.
        }
    }

    public async Task AbortAsync()
    {
        await _stop.CancelAsync();
        var running = _connections.ToArray();
        foreach (var (connection, _) in running)
        {
            connection.Abort(FluxdCodes.ShuttingDown, "the daemon stops");
        }

        await Task.WhenAll(running.Select(pair => pair.Value));
        await _loop;
        await _listener.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await AbortAsync();
        _stop.Dispose();
    }
}

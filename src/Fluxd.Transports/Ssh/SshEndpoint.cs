using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Frontends;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Fluxd.Transports.Ssh;

/// <summary>
/// The SFTP frontend: Kestrel's socket transport accepts, each connection runs one <see cref="SshServerSession"/>.
/// The only file of the engine that knows Kestrel. A <see cref="FileHandleEndPoint"/> takes a socket from systemd.
/// </summary>
public sealed class SshEndpoint(SshServerOptions options, IReadOnlyList<EndPoint> listen, LinkTuning link) : IFrontend, IAsyncDisposable
{
    public const string FrontendName = "sftp";

    private readonly List<IConnectionListener> _listeners = [];
    private readonly List<Task> _loops = [];
    private readonly ConcurrentDictionary<long, (SshServerSession Session, Task Run)> _connections = new();
    private readonly QuietListeners _sockets = new();
    private readonly CancellationTokenSource _draining = new();
    private readonly CancellationTokenSource _aborting = new();
    private readonly LoginGate _gate = new(options.UnauthenticatedPerSource, options.Unauthenticated);
    private long _lastId;

    public string Name => FrontendName;

    public IReadOnlyList<string> Endpoints { get; private set; } = [];

    public int ConnectionCount => _connections.Count;

    /// <summary>Where it listens, with the ports that the system chose.</summary>
    public IReadOnlyList<EndPoint> Bound => [.. _listeners.Select(l => l.EndPoint)];

    public async Task StartAsync(CancellationToken ct)
    {
        foreach (var endPoint in listen)
        {
            _listeners.Add(await BindAsync(endPoint, ct));
        }

        Endpoints = [.. _listeners.Select(l => l.EndPoint.ToString() ?? "")];
        foreach (var listener in _listeners)
        {
            SshLog.Listening(options.Logger, listener.EndPoint.ToString() ?? "");
            _loops.Add(AcceptAsync(listener));
        }
    }

    public async Task StopAcceptingAsync(CancellationToken ct)
    {
        await _sockets.StopAcceptingAsync();
        await Task.WhenAll(_loops);
        foreach (var listener in _listeners)
        {
            await listener.UnbindAsync(ct);
        }
    }

    public async Task DrainAsync(CancellationToken deadline)
    {
        await _draining.CancelAsync();
        foreach (var (session, _) in _connections.Values)
        {
            session.EndWhenIdle();
        }

        try
        {
            await Task.WhenAll(_connections.Values.Select(c => c.Run)).WaitAsync(deadline);
        }
        catch (OperationCanceledException)
        {
            // The rest is aborted; what it committed stays.
        }
    }

    public async Task AbortAsync()
    {
        await _aborting.CancelAsync();
        await Task.WhenAll(_connections.Values.Select(c => c.Run));
        foreach (var listener in _listeners)
        {
            await listener.DisposeAsync();
        }

        _listeners.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAcceptingAsync(CancellationToken.None);
        await AbortAsync();
        _sockets.Dispose();
        _draining.Dispose();
        _aborting.Dispose();
    }

    private async Task<IConnectionListener> BindAsync(EndPoint endPoint, CancellationToken ct)
    {
        try
        {
            return await _sockets.BindAsync(endPoint, ct);
        }
        catch (Exception e) when (e is SocketException or AddressInUseException)
        {
            var holder = endPoint is IPEndPoint port && options.HolderOf(port) is { } found ? $" {endPoint} is held by {found}." : "";
            throw new FluxException(FluxError.Unavailable, $"SFTP can't listen on {endPoint}: {e.Message.TrimEnd('.')}.{holder} Change [sftp] listen or stop what uses it.", e);
        }
    }

    private async Task AcceptAsync(IConnectionListener listener)
    {
        while (await listener.AcceptAsync(CancellationToken.None) is { } connection)
        {
            if (options.Connections.TryEnter())
            {
                Serve(connection);
            }
            else
            {
                SshLog.Full(options.Logger, (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None);
                await connection.DisposeAsync();
            }
        }
    }

    /// <summary>The running task is kept in the table until it has ended; drain and abort await it.</summary>
    private void Serve(ConnectionContext connection)
    {
        var id = Interlocked.Increment(ref _lastId);
        var address = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        var peer = new PeerInfo(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, FrontendName);
        var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
        Action leave = () => { };
        var session = new SshServerSession(connection.Transport, peer, options)
        {
            Draining = _draining.Token,
            LoggedIn = () => leave(),
            Received = socket is null ? null : () => LinkTuning.QuickAck(socket),
        };
        leave = _gate.Enter(peer.Address, () => session.HasTriedToLogIn, () => session.Abort("others wait to log in"));
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var run = RunAsync(id, connection, session, peer, socket, leave, gate.Task);
        _connections[id] = (session, run);
        gate.SetResult();
    }

    private async Task RunAsync(long id, ConnectionContext connection, SshServerSession session, PeerInfo peer, Socket? socket, Action leave, Task listed)
    {
        await listed;
        try
        {
            var penalty = await options.Coordinator.PenaltyAsync(peer, null, _aborting.Token);
            if (penalty is { } wait)
            {
                SshLog.Penalized(options.Logger, peer.Address, (int)wait.TotalSeconds);
                return;
            }

            if (socket is not null)
            {
                SshLog.Link(options.Logger, peer.Address, link.Apply(socket, peer.Address));
            }

            await session.RunAsync(_aborting.Token);
            if (session.Misdeed is { } misdeed)
            {
                await options.Coordinator.PunishAsync(peer, null, misdeed, CancellationToken.None);
            }
        }
        catch (OperationCanceledException)
        {
            // The server is stopping.
        }
#pragma warning disable CA1031 // Here a connection ends: a fault is logged once and costs this connection only.
        catch (Exception e)
#pragma warning restore CA1031
        {
            SshLog.Fault(options.Logger, peer.Address, e);
        }
        finally
        {
            leave();
            await connection.DisposeAsync();
            session.Dispose();
            options.Connections.Leave();
            _connections.TryRemove(id, out _);
        }
    }
}

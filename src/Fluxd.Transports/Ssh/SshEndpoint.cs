using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Frontends;
using Fluxd.Transports.Net;
using Fluxd.Transports.Ssh.Crypto;

namespace Fluxd.Transports.Ssh;

/// <summary>
/// The SFTP frontend: each accepted connection runs one <see cref="SshServerSession"/>. The only file of the engine that
/// knows sockets. Not on Kestrel's transport: see <see cref="SocketPipe"/>.
/// </summary>
public sealed class SshEndpoint(SshServerOptions options, IReadOnlyList<EndPoint> listen, LinkTuning link) : IFrontend, IAsyncDisposable
{
    public const string FrontendName = "sftp";

    private readonly ConcurrentDictionary<long, (SshServerSession Session, Task Run)> _connections = new();
    private readonly CancellationTokenSource _draining = new();
    private readonly CancellationTokenSource _aborting = new();
    private readonly LoginGate _gate = new(options.UnauthenticatedPerSource, options.Unauthenticated);
    private TcpListeners? _listeners;
    private long _lastId;

    public string Name => FrontendName;

    public IReadOnlyList<string> Endpoints { get; private set; } = [];

    public int ConnectionCount => _connections.Count;

    /// <summary>Where it listens, with the ports that the system chose.</summary>
    public IReadOnlyList<EndPoint> Bound { get; private set; } = [];

    public Task StartAsync(CancellationToken ct)
    {
        _listeners = new TcpListeners(Accepted, e => SshLog.AcceptFailed(options.Logger, e.Message));
        foreach (var endPoint in listen)
        {
            Bind(_listeners, endPoint);
        }

        Bound = _listeners.Bound;
        Endpoints = [.. Bound.Select(endPoint => endPoint.ToString() ?? "")];
        foreach (var endPoint in Endpoints)
        {
            SshLog.Listening(options.Logger, endPoint, MlKem768.Form);
        }

        _listeners.Start();
        return Task.CompletedTask;
    }

    public Task StopAcceptingAsync(CancellationToken ct) => _listeners?.StopAsync() ?? Task.CompletedTask;

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
    }

    public async ValueTask DisposeAsync()
    {
        await StopAcceptingAsync(CancellationToken.None);
        await AbortAsync();
        _listeners?.Dispose();
        _draining.Dispose();
        _aborting.Dispose();
    }

    private void Bind(TcpListeners listeners, EndPoint endPoint)
    {
        try
        {
            listeners.Bind(endPoint, NetLimits.AcceptQueueMax);
        }
        catch (SocketException e)
        {
            var holder = endPoint is IPEndPoint port && options.HolderOf(port) is { } found ? $" {endPoint} is held by {found}." : "";
            throw new FluxException(FluxError.Unavailable, $"SFTP can't listen on {endPoint}: {e.Message.TrimEnd('.')}.{holder} Change [sftp] listen or stop what uses it.", e);
        }
    }

    private void Accepted(Socket socket)
    {
        if (options.Connections.TryEnter())
        {
            Serve(socket);
            return;
        }

        SshLog.Full(options.Logger, AddressOf(socket));
        socket.Dispose();
    }

    /// <summary>The running task is kept in the table until it has ended; drain and abort await it.</summary>
    private void Serve(Socket socket)
    {
        var id = Interlocked.Increment(ref _lastId);
        var peer = new PeerInfo(AddressOf(socket), FrontendName);
        var connection = new SocketPipe(socket);
        Action leave = () => { };
        var session = new SshServerSession(connection, peer, options)
        {
            Draining = _draining.Token,
            LoggedIn = () => leave(),
            Received = () => LinkTuning.QuickAck(socket),
        };
        leave = _gate.Enter(peer.Address, () => session.HasTriedToLogIn, () => session.Abort("others wait to log in"));
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var run = RunAsync(id, connection, session, peer, socket, leave, gate.Task);
        _connections[id] = (session, run);
        gate.SetResult();
    }

    private static IPAddress AddressOf(Socket socket)
    {
        try
        {
            var address = (socket.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
            return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        }
        catch (SocketException)
        {
            return IPAddress.None; // gone already: the first read says so
        }
    }

    private async Task RunAsync(long id, SocketPipe connection, SshServerSession session, PeerInfo peer, Socket socket, Action leave, Task listed)
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

            SshLog.Link(options.Logger, peer.Address, link.Apply(socket, peer.Address));
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
            connection.Dispose();
            session.Dispose();
            options.Connections.Leave();
            _connections.TryRemove(id, out _);
        }
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Fluxd.Transports.Quic.Native;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// One UDP socket with all its connections, as server, client or both. One thread runs everything native, so nothing
/// here is locked: other threads post work and wake it. Order of a round: posted work, received datagrams, timers,
/// then sending for every connection that any of them touched.
/// </summary>
internal sealed unsafe partial class QuicEndpoint : IDatagramSink, IAsyncDisposable
{
    private const ulong WaitMax = 1_000_000_000;

    private readonly IUdpIo _io;
    private readonly QuicServerOptions? _server;
    private readonly ILogger _log;
    private readonly QuicTls _tls = new();
    private readonly Admission _admission;
    private readonly Refusals _refusals;
    private readonly StatelessBudget _stateless = new(QuicLimits.StatelessPacketsPerSecond);
    private readonly TimerHeap _timers = new();
    private readonly HashSet<QuicConnection> _connections = [];
    private readonly List<QuicConnection> _dirty = [];
    private readonly ConcurrentQueue<Action> _posts = new();
    private readonly ConcurrentQueue<QuicStream> _writes = new();
    private readonly ConcurrentQueue<QuicStream> _credits = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private ngtcp2_callbacks _serverCallbacks = NgCallbacks.For(isServer: true);
    private ngtcp2_callbacks _clientCallbacks = NgCallbacks.For(isServer: false);
    private int _isWoken;
    private bool _isAccepting = true;
    private bool _isStopping;
    private int _connectionCount;
    private int _clients;
    private long _unacknowledged;

    public QuicEndpoint(IUdpIo io, QuicServerOptions? server, ILogger log)
    {
        _io = io;
        _server = server;
        _log = log;
        var limits = server?.Limits ?? new AdmissionLimits();
        _admission = new Admission(limits);
        _refusals = new Refusals(limits, log);
        Tokens = new AddressTokens(server is null ? [] : server.Secret.Span);
        Writer = new PacketWriter(io);
        LocalEndPoint = io.LocalEndPoint;
        SendBytesMax = server?.SendBytesMax ?? QuicLimits.EndpointSendBytesMax;
        _thread = new Thread(Run) { IsBackground = true, Name = "quic" };
        _thread.Start();
    }

    public IPEndPoint LocalEndPoint { get; }

    /// <summary>Connections that are not yet forgotten, closing ones included.</summary>
    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    /// <summary>Of all connections together.</summary>
    public long UnacknowledgedBytes => Volatile.Read(ref _unacknowledged);

    internal long SendBytesMax { get; }

    internal CidTable Ids { get; } = new();

    internal AddressTokens Tokens { get; }

    internal PacketWriter Writer { get; }

    /// <summary>Nanoseconds of a clock that never goes back.</summary>
    public static ulong Now() => (ulong)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    public void Post(Action work)
    {
        _posts.Enqueue(work);
        Wake();
    }

    /// <summary>Client: goes on from a new port, as after a change of network.</summary>
    public void Rebind() => Post(() =>
    {
        _io.Rebind();
        foreach (var connection in _connections)
        {
            connection.Nudge();
        }
    });

    /// <summary>No new connections; those that are there go on.</summary>
    public void StopAccepting() => Post(() => _isAccepting = false);

    internal void AddUnacknowledged(long bytes) => Interlocked.Add(ref _unacknowledged, bytes);

    internal void PostWrite(QuicStream stream)
    {
        if (Interlocked.Exchange(ref stream.WritePosted, 1) == 0)
        {
            _writes.Enqueue(stream);
            Wake();
        }
    }

    internal void PostCredit(QuicStream stream)
    {
        if (Interlocked.Exchange(ref stream.CreditPosted, 1) == 0)
        {
            _credits.Enqueue(stream);
            Wake();
        }
    }

    internal void MarkDirty(QuicConnection connection)
    {
        if (!connection.IsDirty)
        {
            connection.IsDirty = true;
            _dirty.Add(connection);
        }
    }

    internal void SendPacket(byte[] packet, in SockAddress from, in SockAddress to)
    {
        fixed (byte* data = packet)
        {
            _io.Send(data, packet.Length, packet.Length, from, to, 0);
        }
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _isWoken, 1) == 0 && Thread.CurrentThread != _thread)
        {
            _io.Wake();
        }
    }

    private void Run()
    {
        try
        {
            while (!(_isStopping && _connections.Count == 0))
            {
                _io.Wait(Volatile.Read(ref _isWoken) == 1 ? 0 : UntilNextTimer());
                Interlocked.Exchange(ref _isWoken, 0);
                RunPosted();
                _io.Receive(this);
                RunTimers();
                SendDirty();
            }
        }
        catch (Exception e)
        {
            LogLoopFailed(e);
        }
        finally
        {
            End();
        }
    }

    private ulong UntilNextTimer()
    {
        var now = Now();
        var next = _timers.NextDue;
        return next <= now ? 0 : Math.Min(next - now, WaitMax);
    }

    private void RunPosted()
    {
        while (_posts.TryDequeue(out var work))
        {
            try
            {
                work();
            }
            catch (Exception e)
            {
                LogWorkFailed(e);
            }
        }

        while (_writes.TryDequeue(out var stream))
        {
            Interlocked.Exchange(ref stream.WritePosted, 0); // before looking: what comes later posts again
            stream.Connection.Enqueue(stream);
            MarkDirty(stream.Connection);
        }

        while (_credits.TryDequeue(out var stream))
        {
            Interlocked.Exchange(ref stream.CreditPosted, 0);
            stream.GiveCredit();
            MarkDirty(stream.Connection);
        }
    }

    private void RunTimers()
    {
        var now = Now();
        while (_timers.TryPeekDue(now, out var timed))
        {
            // Out of the heap while it runs: SendDirty puts it back with its next time.
            _timers.Remove(timed);
            ((QuicConnection)timed).OnTimer();
        }
    }

    private void SendDirty()
    {
        for (var i = 0; i < _dirty.Count; i++) // closing one may make another dirty
        {
            var connection = _dirty[i];
            connection.IsDirty = false;
            if (connection.IsAlive)
            {
                connection.Flush();
            }

            if (connection.IsAlive)
            {
                _timers.Set(connection, connection.NextTimer());
            }
        }

        _dirty.Clear();
    }

    private void Add(QuicConnection connection)
    {
        _connections.Add(connection);
        Volatile.Write(ref _connectionCount, _connections.Count);
        MarkDirty(connection);
    }

    internal void OnHandshakeDone(QuicConnection connection)
    {
        if (connection.Ticket is { } ticket)
        {
            connection.Ticket = _admission.HandshakeDone(ticket);
        }

        _server!.Accepted(connection);
    }

    /// <summary>The connection is over but its ids still answer for a while.</summary>
    internal void OnFinished(QuicConnection connection, ulong forgetAt)
    {
        if (connection.Ticket is { } ticket)
        {
            _admission.End(ticket);
            connection.Ticket = null;
        }

        _timers.Set(connection, _isStopping ? 0 : forgetAt);
    }

    internal void Forget(QuicConnection connection)
    {
        _timers.Remove(connection);
        Ids.RemoveAll(connection);
        _connections.Remove(connection);
        _clients -= connection.IsServer ? 0 : 1;
        Volatile.Write(ref _connectionCount, _connections.Count);
        connection.Free();
    }

    private void End()
    {
        foreach (var connection in _connections.ToArray())
        {
            connection.CloseByApplication(0, QuicErrors.ClosedHere);
            Forget(connection);
        }

        _isStopping = true;
        while (_posts.TryDequeue(out var work))
        {
            work(); // what came too late learns that its connection is gone
        }

        Writer.Dispose();
        Tokens.Dispose();
        _tls.Dispose();
        _io.Dispose();
        _ended.TrySetResult();
    }

    /// <summary>Closes every connection with <paramref name="code"/>, sends the goodbyes, frees everything.</summary>
    public Task StopAsync(long code)
    {
        Post(() =>
        {
            _isStopping = true;
            foreach (var connection in _connections.ToArray())
            {
                connection.CloseByApplication((ulong)code, QuicErrors.ClosedHere);
                Forget(connection);
            }
        });
        return _ended.Task;
    }

    public ValueTask DisposeAsync() => new(StopAsync(0));

    internal void LogCallbackFailure(Exception exception) => LogCallbackFailed(exception);

    [LoggerMessage(6001, LogLevel.Error, "The QUIC loop failed; this endpoint is closed")]
    private partial void LogLoopFailed(Exception exception);

    [LoggerMessage(6002, LogLevel.Error, "Work posted to the QUIC loop failed")]
    private partial void LogWorkFailed(Exception exception);

    [LoggerMessage(6003, LogLevel.Error, "A QUIC callback failed; its connection is closed")]
    private partial void LogCallbackFailed(Exception exception);

    [LoggerMessage(6004, LogLevel.Warning, "A QUIC handshake could not be started")]
    private partial void LogHandshakeNotStarted(Exception exception);
}

using System.IO.Pipelines;
using System.Text;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh;

/// <summary>
/// One connection, from the version line to its end, over a pipe. One reader (<see cref="RunAsync"/>) owns the protocol's
/// state and the inbound half; channels' services run beside it and meet it only in <see cref="OutboundPackets"/> and in
/// the channel's own lock. What the peer does wrong ends the connection with one log line.
/// </summary>
internal sealed partial class SshServerSession : IDisposable
{
    /// <summary>How long a DISCONNECT may take to leave.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly IDuplexPipe _transport;
    private readonly SshServerOptions _options;
    private readonly PeerInfo _peer;
    private readonly OutboundPackets _outbound;
    private readonly InboundPackets _inbound = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _reading;
    private readonly AsyncSignal _roomForReplies = new();
    private readonly ITimer _deadline;
    private readonly long _acceptedAt;
    private const string ClientClosed = "the connection has ended";
    private string? _abortReason;
    private bool _ended;

    public SshServerSession(IDuplexPipe transport, PeerInfo peer, SshServerOptions options)
    {
        _transport = transport;
        _peer = peer;
        _options = options;
        _reading = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        _outbound = new OutboundPackets(transport.Output);
        _acceptedAt = options.Time.GetTimestamp();
        _deadline = options.Time.CreateTimer(static s => ((SshServerSession)s!).DeadlinePassed(), this, options.VersionGrace, Timeout.InfiniteTimeSpan);
    }

    /// <summary>After the login; null before. Read by the gate that drops connections which don't log in.</summary>
    public Principal? Principal { get; private set; }

    public bool IsLoggedIn => Principal is not null;

    /// <summary>Tried to log in at least once: it is no silent connection.</summary>
    public bool HasTriedToLogIn { get; private set; }

    /// <summary>What the peer is to blame for, after the end. Wrong credentials are the authenticator's to count.</summary>
    public Misdeed? Misdeed { get; private set; }

    public string ClientVersion { get; private set; } = "";

    /// <summary>Called once, on the reader, when the login succeeded.</summary>
    public Action? LoggedIn { get; init; }

    /// <summary>Called after each read before the login.</summary>
    public Action? Received { get; init; }

    /// <summary>The server is stopping: services end when nothing is open.</summary>
    public CancellationToken Draining { get; init; }

    /// <summary>Ends a connection on which nothing runs; from any thread.</summary>
    public void EndWhenIdle()
    {
        if (!IsLoggedIn || Volatile.Read(ref _running) == 0)
        {
            Leave();
        }
    }

    /// <summary>Why the server ended the connection; null while it has not, and where the client did.</summary>
    private string? EndedBecause => _abortReason is { } reason && reason != ClientClosed ? reason : null;

    /// <summary>Ends the connection; from any thread, does not block.</summary>
    public void Abort(string reason)
    {
        Interlocked.CompareExchange(ref _abortReason, reason, null);
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself meanwhile.
        }
    }

    /// <summary>Reads no more; what was to be said, and why it ends, is still sent. A young connection hears at least our version line.</summary>
    private void Leave()
    {
        Interlocked.CompareExchange(ref _abortReason, "the server is stopping", null);
        try
        {
            _reading.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself meanwhile.
        }
    }

    /// <summary>Returns when the connection and all its channels have ended. Does not throw for what the peer does.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var outer = ct.UnsafeRegister(static s => ((SshServerSession)s!).Abort("the server is stopping"), this);
        var pump = _outbound.PumpAsync(_stop.Token);
        try
        {
            await ReadVersionAsync();
            await ReadPacketsAsync();
        }
        catch (SshProtocolException e)
        {
            Misdeed = IsLoggedIn || e.Reason is not (DisconnectReason.ProtocolError or DisconnectReason.MacError or DisconnectReason.ProtocolVersionNotSupported) ? null : Core.Coordination.Misdeed.ProtocolViolation;
            SshLog.ProtocolError(_options.Logger, _peer.Address, ClientVersion, e.Message);
            SendDisconnect(e.Reason, e.Message);
        }
        catch (OperationCanceledException)
        {
            SshLog.Aborted(_options.Logger, _peer.Address, _abortReason ?? "stopped");
            if (!_stop.IsCancellationRequested)
            {
                SendDisconnect(DisconnectReason.ByApplication, "the server is stopping; connect again");
                await ReadOutAsync();
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or ObjectDisposedException)
        {
            SshLog.ConnectionLost(_options.Logger, _peer.Address, e.Message);
        }

        await EndAsync(pump);
    }

    public void Dispose()
    {
        _deadline.Dispose();
        _inbound.Dispose();
        _outbound.Dispose();
        _reading.Dispose();
        _stop.Dispose();
    }

    private void DeadlinePassed()
    {
        if (!IsLoggedIn)
        {
            Misdeed = Core.Coordination.Misdeed.GraceExceeded;
        }

        Abort(IsLoggedIn ? "a key exchange was not finished in time" : "no login in time");
    }

    /// <summary>Closing on unread bytes would reset the connection, and the peer might never see our last words: it may close first.</summary>
    private async Task ReadOutAsync()
    {
        using var farewell = new CancellationTokenSource(Farewell, _options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(farewell.Token, _stop.Token);
        try
        {
            while (await _transport.Input.ReadAsync(either.Token) is { IsCompleted: false } read)
            {
                _transport.Input.AdvanceTo(read.Buffer.End);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // It had its time.
        }
    }

    private async Task EndAsync(Task pump)
    {
        _ended = true;
        if (!IsLoggedIn && !HasTriedToLogIn && _abortReason is null)
        {
            Misdeed ??= Core.Coordination.Misdeed.NeverAuthenticated;
        }

        await _deadline.DisposeAsync();
        _outbound.Close();
        using var late = _options.Time.CreateTimer(_ => Abort("the peer does not read"), null, Farewell, Timeout.InfiniteTimeSpan);
        try
        {
            await pump;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            SshLog.ConnectionLost(_options.Logger, _peer.Address, e.Message);
        }

        await EndChannelsAsync();
        if (Principal is { } who)
        {
            SshLog.SessionEnded(_options.Logger, who.UserName, _peer.Address, (long)_options.Time.GetElapsedTime(_acceptedAt).TotalMilliseconds, EndedBecause ?? "client closed");
        }

        _registration?.Dispose();
        await _transport.Output.CompleteAsync();
        await _transport.Input.CompleteAsync();
    }

    private async Task ReadVersionAsync()
    {
        _outbound.SendRaw("SSH-2.0-"u8);
        _outbound.SendRaw(Encoding.ASCII.GetBytes(SshServerOptions.Software + "\r\n"));
        StartKeyExchange();
        var skipped = 0;
        while (true)
        {
            var read = await _transport.Input.ReadAsync(_reading.Token);
            var buffer = read.Buffer;
            var line = VersionLine.TryRead(ref buffer, ref skipped);
            _transport.Input.AdvanceTo(buffer.Start, line is null ? buffer.End : buffer.Start);
            if (line is not null)
            {
                _clientVersionLine = Encoding.ASCII.GetBytes(line);
                ClientVersion = VersionLine.Software(line);
                var left = _options.LoginGrace - _options.Time.GetElapsedTime(_acceptedAt);
                _deadline.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
                return;
            }

            if (read.IsCompleted)
            {
                throw new IOException("the peer closed before it said its version");
            }
        }
    }

    private async Task ReadPacketsAsync()
    {
        while (!_ended)
        {
            var read = await _transport.Input.ReadAsync(_reading.Token);
            var buffer = read.Buffer;
            while (!_ended && _inbound.TryRead(ref buffer, out var payload))
            {
                await HandleAsync(payload);
                if (_outbound.IsOverHardLimit)
                {
                    await _outbound.WaitForRoomAsync(_roomForReplies);
                }
            }

            _inbound.Release();
            if (!IsLoggedIn)
            {
                Received?.Invoke();
            }

            _transport.Input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                return;
            }
        }
    }

    private ValueTask HandleAsync(ReadOnlyMemory<byte> payload)
    {
        var id = payload.Span[0];
        if (IsExchangingFirstKeys)
        {
            CheckFirstExchange(id);
        }

        switch (id)
        {
            case MessageId.Disconnect:
                HandleDisconnect(payload.Span);
                return ValueTask.CompletedTask;
            case MessageId.Ignore or MessageId.Debug or MessageId.Unimplemented or MessageId.ExtInfo:
                return ValueTask.CompletedTask;
            case MessageId.KexInit:
                HandleKexInit(payload);
                return ValueTask.CompletedTask;
            case MessageId.KexExchangeInit:
                HandleKeyExchange(payload.Span);
                return ValueTask.CompletedTask;
            case MessageId.NewKeys:
                HandleNewKeys(payload.Span);
                return ValueTask.CompletedTask;
            case MessageId.Ping:
                HandlePing(payload.Span);
                return ValueTask.CompletedTask;
        }

        RekeyWhenDue();
        return IsLoggedIn ? HandleConnectionAsync(id, payload) : HandleLoginAsync(id, payload);
    }

    private void HandlePing(ReadOnlySpan<byte> payload)
    {
        var reader = new SshReader(payload[1..]);
        var data = reader.String(SshLimits.PingBytesMax);
        _outbound.Send(new SshWriter(MessageId.Pong).String(data));
    }

    private void HandleDisconnect(ReadOnlySpan<byte> payload)
    {
        var reader = new SshReader(payload[1..]);
        SshLog.PeerDisconnected(_options.Logger, _peer.Address, reader.UInt32());
        _ended = true;
    }

    private void SendUnimplemented() => _outbound.Send(new SshWriter(MessageId.Unimplemented).UInt32(_inbound.Sequence - 1));

    private void SendDisconnect(DisconnectReason reason, string message) =>
        _outbound.Send(new SshWriter(MessageId.Disconnect).UInt32((uint)reason).String(message).String(""));
}

using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.Channels;

/// <summary>
/// One session channel (RFC 4254, 5). The connection's reader feeds it; its service reads and writes. Incoming bytes are
/// bounded by the window, which opens only as the service consumes; outgoing ones by the peer's window and by
/// <see cref="OutboundPackets"/>. The lock guards the windows and the flags.
/// </summary>
internal sealed class SshChannel : ISshChannel, IDisposable
{
    /// <summary>Adjustments are sent in steps: at each they cost a packet.</summary>
    private const int AdjustStep = SshLimits.WindowBytes / 8;

    private const uint StandardError = 1;

    /// <summary>Segments fit a client's usual data packet of 32 KiB; nothing waits for a pause, the window is the bound.</summary>
    private static readonly PipeOptions InputOptions = new(
        pool: MemoryPool<byte>.Shared, pauseWriterThreshold: 0, resumeWriterThreshold: 0, minimumSegmentSize: 32 * 1024, useSynchronizationContext: false);

    private readonly Lock _lock = new();
    private readonly OutboundPackets _outbound;
    private readonly Pipe _input = new(InputOptions);
    private readonly AsyncSignal _canSend = new();
    private readonly CancellationTokenSource _closed;
    private readonly uint _remote;
    private readonly int _remotePacket;
    private readonly IAuthenticator _authenticator;
    private readonly Func<string?> _endedBecause;
    private long _remoteWindow;
    private long _localWindow = SshLimits.WindowBytes;
    private long _consumed;
    private bool _eofSent;
    private bool _closeSent;
    private bool _closeReceived;
    private bool _inputEnded;

    public SshChannel(uint id, uint remote, uint remoteWindow, uint remotePacket, OutboundPackets outbound, SshChannelContext context, CancellationToken ct)
    {
        Id = id;
        _remote = remote;
        _remoteWindow = remoteWindow;
        _remotePacket = (int)Math.Min(remotePacket, SshLimits.SendDataBytesMax);
        _outbound = outbound;
        (_authenticator, _endedBecause) = (context.Authenticator, context.EndedBecause);
        (Principal, Peer, ClientVersion, Coordinator, Draining) = (context.Principal, context.Peer, context.ClientVersion, context.Coordinator, context.Draining);
        _closed = CancellationTokenSource.CreateLinkedTokenSource(ct);
        Input = new ChannelInput(_input.Reader, Consumed);
        Output = new ChannelOutput(this);
    }

    public uint Id { get; }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public Principal Principal { get; }

    public PeerInfo Peer { get; }

    public string ClientVersion { get; }

    public ICoordinator Coordinator { get; }

    public CancellationToken Draining { get; }

    public string? EndedBecause => _endedBecause();

    public bool IsStillValid => _authenticator.IsStillValid(Principal);

    /// <summary>Cancelled when the client closes the channel or the connection ends.</summary>
    public CancellationToken Closed => _closed.Token;

    /// <summary>The running service; null until a request started one.</summary>
    public Task? Service { get; set; }

    public bool IsWriteClosed
    {
        get
        {
            lock (_lock)
            {
                return _eofSent || _closeSent || _closeReceived || _closed.IsCancellationRequested;
            }
        }
    }

    /// <summary>Both sides have closed: the number is free.</summary>
    public bool IsGone
    {
        get
        {
            lock (_lock)
            {
                return _closeSent && _closeReceived;
            }
        }
    }

    /// <summary>Bytes sent; 0 when the window or the socket is full: then <see cref="WaitToSendAsync"/>.</summary>
    public int TrySendData(ReadOnlySpan<byte> data)
    {
        Span<byte> head = stackalloc byte[9];
        head[0] = MessageId.ChannelData;
        return TrySend(head, data);
    }

    public async ValueTask WriteErrorAsync(string line, CancellationToken ct)
    {
        var left = (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(line + "\n");
        while (left.Length > 0 && !IsWriteClosed)
        {
            var sent = TrySendError(left.Span);
            left = left[sent..];
            if (sent == 0)
            {
                await WaitToSendAsync(ct);
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WaitToSendAsync(CancellationToken ct)
    {
        using var cancelled = ct.UnsafeRegister(static s => ((AsyncSignal)s!).Set(), _canSend);
        await _canSend.WaitAsync();
    }

    public void WakeWriter() => _canSend.Set();

    /// <summary>Bytes that nobody reads: they take from the window and give it back.</summary>
    public void Discard(int count)
    {
        Receive(count, keep: false);
        Consumed(count);
    }

    /// <summary>On the reader. What comes after the service has ended is counted and dropped.</summary>
    public void Receive(ReadOnlySpan<byte> data)
    {
        if (!Receive(data.Length, keep: true))
        {
            return;
        }

        _input.Writer.Write(data);
        var flushed = _input.Writer.FlushAsync(CancellationToken.None);
        if (flushed.IsCompletedSuccessfully)
        {
            _ = flushed.GetAwaiter().GetResult();
        }
    }

    public void OpenWindow(uint bytes)
    {
        lock (_lock)
        {
            _remoteWindow += bytes;
            if (_remoteWindow > uint.MaxValue)
            {
                throw new SshProtocolException(DisconnectReason.ProtocolError, "A channel's window grew beyond 2^32.");
            }
        }

        _canSend.Set();
    }

    /// <summary>The client's EOF: the service still writes.</summary>
    public void EndInput()
    {
        lock (_lock)
        {
            if (_inputEnded)
            {
                return;
            }

            _inputEnded = true;
        }

        _input.Writer.Complete();
    }

    public void ReceiveClose()
    {
        lock (_lock)
        {
            _closeReceived = true;
        }

        EndInput();
        _closed.Cancel();
        _canSend.Set();
        SendClose();
    }

    /// <summary>The service returned: exit status, EOF, close.</summary>
    public void Finish(int status)
    {
        lock (_lock)
        {
            if (!_closeSent && !_closeReceived)
            {
                _outbound.Send(new SshWriter(MessageId.ChannelRequest).UInt32(_remote).String("exit-status").Boolean(false).UInt32((uint)status));
                _outbound.Send(new SshWriter(MessageId.ChannelEof).UInt32(_remote));
                _eofSent = true;
            }
        }

        Input.Complete();
        Output.Complete();
        SendClose();
    }

    public void Reply(bool success) =>
        _outbound.Send(new SshWriter(success ? MessageId.ChannelSuccess : MessageId.ChannelFailure).UInt32(_remote));

    /// <summary>After the service has ended.</summary>
    public void Dispose()
    {
        EndInput();
        Input.Complete();
        Output.Complete();
        _closed.Dispose();
    }

    /// <summary>The connection has ended.</summary>
    public void Abandon()
    {
        EndInput();
        _closed.Cancel();
        _canSend.Set();
    }

    private bool Receive(int count, bool keep)
    {
        lock (_lock)
        {
            _localWindow -= count;
            return _localWindow < 0
                ? throw new SshProtocolException(DisconnectReason.ProtocolError, "The client sent more than the channel's window.")
                : keep && !_inputEnded;
        }
    }

    private void SendClose()
    {
        lock (_lock)
        {
            if (_closeSent)
            {
                return;
            }

            _closeSent = true;
            _outbound.Send(new SshWriter(MessageId.ChannelClose).UInt32(_remote));
        }
    }

    private int TrySendError(ReadOnlySpan<byte> data)
    {
        Span<byte> head = stackalloc byte[13];
        head[0] = MessageId.ChannelExtendedData;
        BinaryPrimitives.WriteUInt32BigEndian(head[5..], StandardError);
        return TrySend(head, data);
    }

    private int TrySend(Span<byte> head, ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            var count = (int)Math.Min(Math.Min(data.Length, _remotePacket), _remoteWindow);
            if (count == 0 || _closeSent || _closeReceived)
            {
                return 0;
            }

            BinaryPrimitives.WriteUInt32BigEndian(head[1..], _remote);
            BinaryPrimitives.WriteUInt32BigEndian(head[^4..], (uint)count);
            if (!_outbound.TrySendData(head, data[..count], _canSend))
            {
                return 0;
            }

            _remoteWindow -= count;
            return count;
        }
    }

    private void Consumed(long count)
    {
        lock (_lock)
        {
            _consumed += count;
            if (_consumed < AdjustStep || _closeSent || _closeReceived || _inputEnded)
            {
                return;
            }

            Span<byte> message = stackalloc byte[9];
            message[0] = MessageId.ChannelWindowAdjust;
            BinaryPrimitives.WriteUInt32BigEndian(message[1..], _remote);
            BinaryPrimitives.WriteUInt32BigEndian(message[5..], (uint)_consumed);
            _localWindow += _consumed;
            _consumed = 0;
            _outbound.Send(message);
        }
    }
}

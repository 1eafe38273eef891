using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// The writing half of a stream. A <see cref="Pipe"/> does not fit: it frees what its reader consumed, while QUIC must
/// keep sent bytes in place until they are acknowledged. Here bytes are appended by one producer (any thread, as
/// <see cref="PipeWriter"/> demands), sent and then acknowledged in order by the loop thread; nothing is copied.
/// <para>Positions: acknowledged ≤ sent ≤ committed ≤ appended.</para>
/// </summary>
internal sealed unsafe class SendPipe : PipeWriter, IValueTaskSource<FlushResult>
{
    private readonly QuicStream _stream;
    private readonly Lock _gate = new();

    // Producer's.
    private PooledBlock? _tail;
    private long _appended;

    // Loop thread's.
    private PooledBlock? _head;
    private PooledBlock? _current;
    private int _headAcknowledged;
    private int _currentPosition;
    private long _sent;

    // Shared.
    private PooledBlock? _first;
    private long _committed;
    private long _acknowledged;
    private volatile bool _completed;
    private volatile bool _closed;
    private Exception? _completedWith;

    // One waiting flush at most; under _gate.
    private ManualResetValueTaskSourceCore<FlushResult> _flush;
    private bool _isWaiting;
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _cancelledBy;

    public SendPipe(QuicStream stream)
    {
        _stream = stream;
        _flush.RunContinuationsAsynchronously = true;
    }

    public bool IsCompleted => _completed;

    /// <summary>The producer ended with an error: the stream is reset instead of finished.</summary>
    public Exception? CompletedWith => _completedWith;

    public bool IsFinSent { get; set; }

    /// <summary>Loop thread.</summary>
    public long Sent => _sent;

    public long Unsent => Volatile.Read(ref _committed) - _sent;

    /// <summary>Bytes that the last <see cref="Peek"/> showed.</summary>
    public long Peeked { get; private set; }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _appended - Volatile.Read(ref _committed);

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_completed)
        {
            throw new InvalidOperationException("The stream's writing side was completed.");
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeHint, PooledBlock.Size);
        var tail = _tail;
        if (tail is null || PooledBlock.Size - tail.Written < Math.Max(sizeHint, 1))
        {
            var block = PooledBlock.Rent();
            if (tail is null)
            {
                Volatile.Write(ref _first, block);
            }
            else
            {
                tail.Next = block;
            }

            _tail = tail = block;
        }

        return tail.Array.AsMemory(tail.Written, PooledBlock.Size - tail.Written);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        _tail!.Written += bytes;
        _appended += bytes;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_closed)
        {
            return new(new FlushResult(isCanceled: false, isCompleted: true));
        }

        Commit();
        return HasRoom ? new(new FlushResult(false, false)) : WaitForRoom(cancellationToken);
    }

    public override void CancelPendingFlush() => Release(new FlushResult(isCanceled: true, isCompleted: false));

    public override void Complete(Exception? exception = null)
    {
        if (_completed)
        {
            return;
        }

        _completedWith = exception;
        Commit(always: true);
    }

    private bool HasRoom => Volatile.Read(ref _acknowledged) is var done
        && _appended - done <= (_stream.Connection.IsSendingTooMuch ? QuicLimits.StreamSendBytesMin : QuicLimits.StreamSendBytesMax);

    private void Commit(bool always = false)
    {
        var before = _committed;
        if (_stream.MendsGoAway && _tail is { Written: >= GoAwayMend.FrameBytes } tail)
        {
            GoAwayMend.Apply(tail.Array.AsSpan(tail.Written - GoAwayMend.FrameBytes, GoAwayMend.FrameBytes));
        }

        if (_appended != before)
        {
            lock (_gate)
            {
                Volatile.Write(ref _committed, _appended);
                if (!_closed)
                {
                    _stream.Connection.AddUnacknowledged(_appended - before);
                }
            }
        }

        if (always)
        {
            _completed = true;
        }

        if (always || _appended != before)
        {
            _stream.Connection.Endpoint.PostWrite(_stream);
        }
    }

    private ValueTask<FlushResult> WaitForRoom(CancellationToken ct)
    {
        lock (_gate)
        {
            // First waiting, then looking: an acknowledgement that came in between is either seen here or releases us.
            _flush.Reset();
            _isWaiting = true;
            Interlocked.MemoryBarrier();
            if (_closed || HasRoom)
            {
                _isWaiting = false;
                return new(new FlushResult(false, _closed));
            }

            // Unregister, not Dispose: that would wait for a callback which waits for this lock.
            _cancellation.Unregister();
            _cancelledBy = ct;
            _cancellation = ct.UnsafeRegister(static (state, token) => ((SendPipe)state!).Cancelled(token), this);
            return new(this, _flush.Version);
        }
    }

    private void Cancelled(CancellationToken token)
    {
        lock (_gate)
        {
            if (_isWaiting && token == _cancelledBy)
            {
                _isWaiting = false;
                _flush.SetException(new OperationCanceledException(token));
            }
        }
    }

    private void Release(FlushResult result)
    {
        lock (_gate)
        {
            if (_isWaiting)
            {
                _isWaiting = false;
                _flush.SetResult(result);
            }
        }
    }

    /// <summary>Shows unsent bytes to the library without taking them. Loop thread.</summary>
    public int Peek(ngtcp2_vec* vectors, int count, int want)
    {
        Peeked = 0;
        var available = Math.Min(Unsent, want);
        var filled = 0;
        if (available > 0 && _current is null)
        {
            _head = _current = Volatile.Read(ref _first);
        }

        var block = _current;
        var position = _currentPosition;
        while (available > 0 && filled < count)
        {
            var length = block!.Written - position;
            if (length <= 0)
            {
                block = block.Next;
                position = 0;
                continue;
            }

            length = (int)Math.Min(length, available);
            vectors[filled++] = new ngtcp2_vec { @base = block.Pointer + position, len = (nuint)length };
            Peeked += length;
            available -= length;
            position += length;
        }

        return filled;
    }

    /// <summary>The library took the first bytes of what was peeked. Loop thread.</summary>
    public void OnSent(long bytes)
    {
        _sent += bytes;
        while (bytes > 0)
        {
            var length = (int)Math.Min(_current!.Written - _currentPosition, bytes);
            if (length == 0)
            {
                _current = _current.Next;
                _currentPosition = 0;
                continue;
            }

            _currentPosition += length;
            bytes -= length;
        }
    }

    /// <summary>The peer has the next bytes; blocks that are done go back to the pool. Loop thread.</summary>
    public void OnAcknowledged(long bytes)
    {
        var acknowledged = _acknowledged + bytes;
        _stream.Connection.HasArrived = true;
        if (!_closed)
        {
            _stream.Connection.AddUnacknowledged(-bytes);
        }

        while (bytes > 0)
        {
            var length = (int)Math.Min(_head!.Written - _headAcknowledged, bytes);
            if (length == 0)
            {
                DropHead();
                continue;
            }

            _headAcknowledged += length;
            bytes -= length;
        }

        Interlocked.Exchange(ref _acknowledged, acknowledged); // a full fence: see WaitForRoom
        if (HasRoomAgain(acknowledged))
        {
            Release(new FlushResult(false, _closed));
        }
    }

    // Half of the bound: a writer that was stopped gets a worthwhile piece of room.
    private bool HasRoomAgain(long acknowledged) => Volatile.Read(ref _isWaiting)
        && Volatile.Read(ref _committed) - acknowledged <= (_stream.Connection.IsSendingTooMuch ? QuicLimits.StreamSendBytesMin : QuicLimits.StreamSendBytesMax) / 2;

    private void DropHead()
    {
        var done = _head!;
        _head = done.Next;
        _headAcknowledged = 0;
        if (_current == done)
        {
            _current = _head;
            _currentPosition = 0;
        }

        PooledBlock.Return(done);
    }

    /// <summary>The stream is over: if all is acknowledged and the producer has ended, the last block is free too. Loop thread.</summary>
    public void ReturnBlocks()
    {
        if (_completed && _acknowledged == Volatile.Read(ref _committed) && _head is { Next: null } last)
        {
            _head = _current = null;
            PooledBlock.Return(last);
        }
    }

    /// <summary>The peer stopped reading, or the stream or connection is gone: writers are told, nothing more is sent.</summary>
    public void Close()
    {
        lock (_gate)
        {
            if (!_closed)
            {
                _closed = true;
                _stream.Connection.AddUnacknowledged(-(Volatile.Read(ref _committed) - _acknowledged));
            }
        }

        Release(new FlushResult(isCanceled: false, isCompleted: true));
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        _cancellation.Unregister();
        return _flush.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _flush.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _flush.OnCompleted(continuation, state, token, flags);
}

/// <summary>
/// Kestrel announces its graceful shutdown with a GOAWAY of 2^62−1, which is no id of a client's bidirectional stream
/// (RFC 9114, 5.2); nghttp3 then ends the connection with every running request. The nearest valid id is 2^62−4.
/// </summary>
internal static class GoAwayMend
{
    public const int FrameBytes = 10;

    public static void Apply(Span<byte> frame)
    {
        if (frame[0] == 0x07 && frame[1] == 0x08 && BinaryPrimitives.ReadUInt64BigEndian(frame[2..]) == ulong.MaxValue)
        {
            frame[9] = 0xfc;
        }
    }
}

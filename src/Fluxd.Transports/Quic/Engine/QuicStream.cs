using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using Fluxd.Transports.Quic.Native;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// One stream: <see cref="Input"/> and <see cref="Output"/> for the application (any thread, one reader, one writer),
/// the rest for the loop thread. It is closed when both directions ended and the peer acknowledged everything, or with
/// its connection.
/// </summary>
internal sealed class QuicStream
{
    private readonly Pipe? _received;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public QuicStream(QuicConnection connection, long id, bool canRead, bool canWrite)
    {
        Connection = connection;
        Id = id;
        if (canWrite)
        {
            Output = new SendPipe(this);
        }

        if (canRead)
        {
            _received = new Pipe(ReceiveOptions);
            Input = new RecvReader(this, _received.Reader);
        }
    }

    // No threshold: the peer's credit bounds it. Readers continue on the pool, never on the loop.
    private static PipeOptions ReceiveOptions { get; } = new(
        PooledBlock.Memory, readerScheduler: PipeScheduler.ThreadPool, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, minimumSegmentSize: PooledBlock.Size, useSynchronizationContext: false);

    public QuicConnection Connection { get; }

    /// <summary>−1 until a local stream is opened.</summary>
    public long Id { get; private set; }

    public RecvReader? Input { get; }

    public SendPipe? Output { get; }

    /// <summary>This is Kestrel's control stream: see <see cref="GoAwayMend"/>.</summary>
    public bool MendsGoAway { get; set; }

    /// <summary>The peer's code when it reset its side; −1 without.</summary>
    public long ReadError { get; private set; } = -1;

    /// <summary>The code with which the writing side ended early; known when the stream is closed.</summary>
    public long WriteError { get; private set; } = -1;

    public bool IsClosed { get; private set; }

    /// <summary>Ends, never fails, when the stream is closed.</summary>
    public Task Closed => _closed.Task;

    public void AbortRead(long code) => Connection.Endpoint.Post(() => ShutDownRead(code));

    public void AbortWrite(long code) => Connection.Endpoint.Post(() => ShutDownWrite(code));

    // ---- Loop thread from here.
    internal bool IsQueued { get; set; }

    internal bool IsBlocked { get; set; }

    internal bool IsWriteShut { get; private set; }

    internal TaskCompletionSource<QuicStream>? Opening { get; set; }

    internal GCHandle Handle { get; set; }

    internal int CreditPosted;
    internal int WritePosted;
    private bool _isReadShut;
    private long _receivedBytes;
    private long _creditedBytes;

    internal bool HasToSend => !IsQueued && !IsBlocked && !IsWriteShut && Output is { } output && (output.Unsent > 0 || (output.IsCompleted && !output.IsFinSent));

    internal void OnOpened(long id)
    {
        Id = id;
        Opening!.TrySetResult(this);
    }

    internal void OnData(ReadOnlySpan<byte> data, bool isLast)
    {
        if (_isReadShut)
        {
            return; // the library discards and credits what still comes
        }

        Connection.HasMoved = Connection.HasArrived = true;
        var writer = _received!.Writer;
        if (!data.IsEmpty)
        {
            data.CopyTo(writer.GetSpan(data.Length));
            writer.Advance(data.Length);
            _receivedBytes += data.Length;

            var flush = writer.FlushAsync(CancellationToken.None);
            Debug.Assert(flush.IsCompleted, "without a threshold this never waits");
            if (Input!.IsDone)
            {
                GiveCredit();
            }
        }

        if (isLast)
        {
            EndInput(null);
        }
    }

    internal unsafe void GiveCredit()
    {
        var until = Input!.IsDone ? _receivedBytes : Input.Consumed;
        var count = until - _creditedBytes;
        if (count <= 0 || !Connection.IsAlive)
        {
            return;
        }

        _creditedBytes = until;
        if (!IsClosed)
        {
            _ = NgTcp2.ngtcp2_conn_extend_max_stream_offset(Connection.Native, Id, (ulong)count);
        }

        NgTcp2.ngtcp2_conn_extend_max_offset(Connection.Native, (ulong)count);
    }

    internal void OnReset(long code)
    {
        ReadError = code;
        EndInput(QuicErrors.StreamReset(code));
    }

    internal void OnClosing(long code)
    {
        // Not shut here and not ended: the peer stopped it, and the stream was gone before another write was told so.
        if (code >= 0 && ReadError < 0 && (IsWriteShut || Output is { IsFinSent: false }))
        {
            WriteError = code;
        }
    }

    internal void OnWriteShut()
    {
        IsWriteShut = true;
        Output?.Close();
    }

    internal unsafe void ShutDownRead(long code)
    {
        if (!IsClosed && Id >= 0 && Connection.IsAlive)
        {
            _ = NgTcp2.ngtcp2_conn_shutdown_stream_read(Connection.Native, 0, Id, (ulong)code);
            Connection.Endpoint.MarkDirty(Connection);
        }

        EndInput(QuicErrors.ClosedHere);
    }

    private void EndInput(Exception? reason)
    {
        if (!_isReadShut)
        {
            _isReadShut = true;
            _received?.Writer.Complete(reason);
        }
    }

    internal unsafe void ShutDownWrite(long code)
    {
        if (!IsClosed && !IsWriteShut && Id >= 0 && Connection.IsAlive)
        {
            _ = NgTcp2.ngtcp2_conn_shutdown_stream_write(Connection.Native, 0, Id, (ulong)code);
            Connection.Endpoint.MarkDirty(Connection);
        }

        OnWriteShut();
    }

    /// <param name="reason">Why, where the stream did not simply end.</param>
    internal void OnClosed(Exception? reason)
    {
        if (IsClosed)
        {
            return;
        }

        IsClosed = true;
        Output?.ReturnBlocks();
        Output?.Close();
        EndInput(reason);
        _closed.TrySetResult();
        if (Handle.IsAllocated)
        {
            Handle.Free();
        }
    }
}

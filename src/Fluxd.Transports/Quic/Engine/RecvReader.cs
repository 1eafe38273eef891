using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>
/// The reading half of a stream: a pipe without threshold, since QUIC's flow control bounds what can be in it. What the
/// application consumed goes back to the peer as credit, in steps; when it stops reading, everything does, or the
/// connection's window would starve.
/// </summary>
internal sealed class RecvReader(QuicStream stream, PipeReader inner) : PipeReader
{
    private ReadOnlySequence<byte> _buffer;
    private long _consumed;
    private long _signalled;
    private volatile bool _isDone;

    /// <summary>Bytes that the application has taken; read by the loop thread.</summary>
    public long Consumed => Volatile.Read(ref _consumed);

    public bool IsDone => _isDone;

    public override bool TryRead(out ReadResult result)
    {
        var has = inner.TryRead(out result);
        if (has)
        {
            _buffer = result.Buffer;
        }

        return has;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(cancellationToken);
        if (!read.IsCompletedSuccessfully)
        {
            return Await(read);
        }

        var result = read.GetAwaiter().GetResult();
        _buffer = result.Buffer;
        return new(result);
    }

    /// <summary>Pooled: a reader that is faster than the network waits for nearly each datagram.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> Await(ValueTask<ReadResult> read)
    {
        var result = await read;
        _buffer = result.Buffer;
        return result;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var count = _buffer.Slice(_buffer.Start, consumed).Length;
        var isEmptied = count == _buffer.Length;
        _buffer = default;
        inner.AdvanceTo(consumed, examined);
        if (count == 0)
        {
            return;
        }

        var total = _consumed + count;
        Volatile.Write(ref _consumed, total);
        if (total - _signalled >= QuicLimits.CreditStepBytes || isEmptied)
        {
            _signalled = total;
            stream.Connection.Endpoint.PostCredit(stream);
        }
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        if (_isDone)
        {
            return;
        }

        _isDone = true;
        inner.Complete(exception);
        stream.Connection.Endpoint.PostCredit(stream);
    }
}

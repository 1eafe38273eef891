using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Fluxd.Transports.Ssh.Channels;

/// <summary>A channel's incoming bytes; what the reader consumes is reported, so that the window opens again.</summary>
internal sealed class ChannelInput(PipeReader inner, Action<long> consumed) : PipeReader
{
    private ReadOnlySequence<byte> _last;

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumedTo, SequencePosition examined)
    {
        var count = _last.IsEmpty ? 0 : _last.Slice(0, consumedTo).Length;
        _last = default;
        inner.AdvanceTo(consumedTo, examined);
        if (count > 0)
        {
            consumed(count);
        }
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    /// <summary>Pooled: it waits once for nearly every packet.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var result = await inner.ReadAsync(cancellationToken);
        _last = result.Buffer;
        return result;
    }

    public override bool TryRead(out ReadResult result)
    {
        var read = inner.TryRead(out result);
        _last = read ? result.Buffer : default;
        return read;
    }
}

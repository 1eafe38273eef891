using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Fluxd.Transports.Ssh.Channels;

/// <summary>
/// A channel's outgoing bytes: collected in one pooled buffer, cut into CHANNEL_DATA at each flush. The buffer is given
/// back when it is empty, so an idle channel holds none. One writer at a time.
/// </summary>
internal sealed class ChannelOutput(SshChannel channel) : PipeWriter
{
    private const int FirstBufferBytes = 4 * 1024;

    private byte[]? _buffer;
    private int _used;
    private bool _completed;
    private volatile bool _flushCancelled;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _used;

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, (_buffer?.Length ?? 0) - _used);
        _used += bytes;
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ObjectDisposedException.ThrowIf(_completed, this);
        var wanted = Math.Max(sizeHint, 1);
        if (_buffer is null || _buffer.Length - _used < wanted)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(FirstBufferBytes, _used * 2), _used + wanted));
            if (_buffer is { } old)
            {
                old.AsSpan(0, _used).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(old);
            }

            _buffer = larger;
        }

        return _buffer.AsMemory(_used);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void CancelPendingFlush()
    {
        _flushCancelled = true;
        channel.WakeWriter();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        var sent = 0;
        while (sent < _used && !channel.IsWriteClosed)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_flushCancelled)
            {
                _flushCancelled = false;
                Keep(sent);
                return new FlushResult(isCanceled: true, isCompleted: false);
            }

            var count = channel.TrySendData(_buffer.AsSpan(sent, _used - sent));
            if (count == 0)
            {
                await channel.WaitToSendAsync(cancellationToken);
            }

            sent += count;
        }

        Keep(_used);
        return new FlushResult(isCanceled: false, isCompleted: channel.IsWriteClosed);
    }

    public override void Complete(Exception? exception = null)
    {
        _completed = true;
        Keep(_used);
    }

    /// <summary>Drops what was sent.</summary>
    private void Keep(int sent)
    {
        _used -= sent;
        if (_buffer is not { } buffer)
        {
            return;
        }

        if (_used > 0)
        {
            buffer.AsSpan(sent, _used).CopyTo(buffer);
            return;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        _buffer = null;
    }
}

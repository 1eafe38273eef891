using System.IO.Pipelines;

namespace Fluxd.Transports.Http;

/// <summary>
/// A response's body whose reader must go on taking it: one who takes nothing for <see cref="HttpLimits.ReaderPatience"/> is
/// cut off. Kestrel's minimum rate of answers doesn't do it, because it credits what went out before: after 100 MB a reader
/// could stand still for five days. One writer at a time; to be disposed before the request ends.
/// </summary>
internal sealed class WatchedBody : PipeWriter, IDisposable
{
    private const long NotWaiting = -1;

    private readonly Lock _gate = new();
    private readonly Exchange _exchange;
    private readonly PipeWriter _inner;
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private long _waitingSince = NotWaiting;
    private bool _isDisposed;

    public WatchedBody(Exchange exchange)
    {
        (_exchange, _inner, _clock) = (exchange, exchange.Response.BodyWriter, exchange.Services.Clock);
        _timer = _clock.CreateTimer(static body => ((WatchedBody)body!).Look(), this, HttpLimits.ReaderLook, HttpLimits.ReaderLook);
    }

    public override void Advance(int bytes) => _inner.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        Goes();
        return _inner.GetMemory(sizeHint);
    }

    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        Goes();
        return _inner.GetSpan(sizeHint);
    }

    public override void CancelPendingFlush() => _inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => _inner.Complete(exception);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        Goes();
        var flush = _inner.FlushAsync(cancellationToken);
        if (!flush.IsCompleted)
        {
            Interlocked.Exchange(ref _waitingSince, _clock.GetTimestamp());
        }

        return flush;
    }

    /// <summary>Whoever writes on has seen the flush before end.</summary>
    private void Goes() => Interlocked.Exchange(ref _waitingSince, NotWaiting);

    private void Look()
    {
        // The lock keeps a look that is late from cutting the connection's next request.
        lock (_gate)
        {
            var since = Interlocked.Read(ref _waitingSince);
            if (!_isDisposed && since != NotWaiting && _clock.GetElapsedTime(since) >= HttpLimits.ReaderPatience)
            {
                _exchange.Transfer?.End(HttpApi.ClientTooSlow);
                _exchange.Http.Abort();
            }
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        lock (_gate)
        {
            _isDisposed = true;
        }
    }
}

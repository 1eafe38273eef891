using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Fluxd.Transports.Http.Tls;

/// <summary>
/// Lets full TLS records wait for each other. SslStream hands its records down one by one, and each would wake the
/// socket's sender: for a large body that costs more than the encryption. A record of full size always has a flush
/// behind it, because what it belongs to was written through a pipe; anything smaller goes out at once.
/// </summary>
internal static class RecordGathering
{
    /// <summary>The most plain bytes that a record holds (RFC 8446, 5.1): longer than this on the wire, it was full.</summary>
    private const int RecordPlainMax = 16 << 10;

    /// <summary>Four records: waiting for more gains nothing measurable and keeps the sender idle.</summary>
    private const int GatheredMax = 64 << 10;

    public static ConnectionDelegate Wrap(ConnectionDelegate next) => async connection =>
    {
        var transport = connection.Transport;
        connection.Transport = new Duplex(transport.Input, new Gathering(transport.Output));
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
        }
    };

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class Gathering(PipeWriter inner) : PipeWriter
    {
        // SslStream may answer the peer (a key update) from a read while a write runs.
        private readonly Lock _gate = new();
        private int _waiting;

        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            lock (_gate)
            {
                _waiting += source.Length;
                if (source.Length <= RecordPlainMax || _waiting >= GatheredMax)
                {
                    _waiting = 0;
                    return inner.WriteAsync(source, cancellationToken);
                }

                inner.Write(source.Span);
                return default;
            }
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            _waiting = 0;
            return inner.FlushAsync(cancellationToken);
        }

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);
    }
}

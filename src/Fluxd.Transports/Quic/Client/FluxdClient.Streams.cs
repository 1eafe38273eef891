using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Fluxd.Core;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Quic.Engine;
using Fluxd.Transports.Quic.Protocol;
using Microsoft.AspNetCore.Connections;

namespace Fluxd.Transports.Quic.Client;

/// <summary>Calls with bodies and streams of answers, and what all calls are made of.</summary>
public sealed partial class FluxdClient
{
    private delegate T Reading<out T>(ref FrameReader answer);

    /// <summary>A range of a file, read as it arrives. Conflict when it is no longer the content that <paramref name="tag"/> names.</summary>
    /// <param name="length">−1 reads to the end.</param>
    public async Task<Download> GetAsync(FilePath path, long offset, long length, ReadOnlyMemory<byte> tag, CancellationToken ct)
    {
        var frame = Frame(FluxdOperation.Get).Bytes(path.ToBytes()).I64(offset).I64(length).Bytes(tag.Span);
        return await GuardAsync(async () =>
        {
            var stream = await SendAsync(frame, default, ct);
            try
            {
                return await AnswerAsync(stream, (ref FrameReader answer) => new Download(stream, FluxdRecords.Node(ref answer), answer.I64(), answer.I64()), ct);
            }
            catch
            {
                Abandon(stream);
                throw;
            }
        });
    }

    /// <summary>Sends the rest of an upload from <paramref name="offset"/>; returns how far it is durable.</summary>
    public async Task<long> AppendAsync(UploadId id, long offset, Stream content, CancellationToken ct)
    {
        var frame = Frame(FluxdOperation.Append).Raw(id.ToBytes()).I64(offset);
        return await GuardAsync(async () =>
        {
            var stream = await _connection.OpenStreamAsync(bidirectional: true, ct);
            try
            {
                await WriteAsync(stream.Output!, frame.Finish(), ct);
                await PumpAsync(content, stream.Output!, ct);
                return await AnswerAsync(stream, static (ref FrameReader answer) => answer.I64(), ct);
            }
            catch
            {
                Abandon(stream);
                throw;
            }
            finally
            {
                await stream.Input!.CompleteAsync();
            }
        });
    }

    /// <summary>Every change from <paramref name="cursor"/> on (−1: from now), until the enumeration is left.</summary>
    public async IAsyncEnumerable<ChangePage> EventsAsync(long cursor, [EnumeratorCancellation] CancellationToken ct)
    {
        var stream = await GuardAsync(() => SendAsync(Frame(FluxdOperation.Events).I64(cursor), default, ct));
        try
        {
            while (true)
            {
                yield return await GuardAsync(() => AnswerAsync(stream, ReadChanges, ct));
            }
        }
        finally
        {
            Abandon(stream);
            await stream.Input!.CompleteAsync();
        }
    }

    private static ChangePage ReadChanges(ref FrameReader answer)
    {
        var next = answer.I64();
        var changes = new Change[answer.Count(1, Limits.FeedPageMax)];
        for (var i = 0; i < changes.Length; i++)
        {
            changes[i] = FluxdRecords.Change(ref answer);
        }

        return new ChangePage(changes, next, HasMore: false);
    }

    private Task<T> CallAsync<T>(FrameWriter frame, Reading<T> read, CancellationToken ct, ReadOnlyMemory<byte> body = default) =>
        GuardAsync(() => AskAsync(frame, read, body, ct));

    private async Task<T> AskAsync<T>(FrameWriter frame, Reading<T> read, ReadOnlyMemory<byte> body, CancellationToken ct)
    {
        var stream = await SendAsync(frame, body, ct);
        try
        {
            return await AnswerAsync(stream, read, ct);
        }
        catch (OperationCanceledException)
        {
            Abandon(stream);
            throw;
        }
        finally
        {
            await stream.Input!.CompleteAsync();
        }
    }

    private async Task<QuicStream> SendAsync(FrameWriter frame, ReadOnlyMemory<byte> body, CancellationToken ct)
    {
        var stream = await _connection.OpenStreamAsync(bidirectional: true, ct);
        if (await WriteAsync(stream.Output!, frame.Finish(), ct))
        {
            await WriteAsync(stream.Output!, body, ct);
        }

        await stream.Output!.CompleteAsync();
        return stream;
    }

    private static async Task<T> AnswerAsync<T>(QuicStream stream, Reading<T> read, CancellationToken ct)
    {
        var frame = await stream.Input!.ReadFrameAsync(FluxdProtocol.FrameBytesMax, ct)
            ?? throw new FluxException(FluxError.Unavailable, "The server ended the call without an answer.");
        var reader = new FrameReader(frame.AsSpan(1));
        if (frame[0] == FluxdErrors.Ok)
        {
            return read(ref reader);
        }

        var message = reader.Text();
        var retryAfter = reader.IsAtEnd ? 0 : reader.U32();
        throw new FluxException(FluxdErrors.Error(frame[0]), message) { RetryAfter = retryAfter > 0 ? TimeSpan.FromMilliseconds(retryAfter) : null };
    }

    private static async Task<bool> WriteAsync(PipeWriter output, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        while (!bytes.IsEmpty)
        {
            var memory = output.GetMemory();
            var count = Math.Min(memory.Length, bytes.Length);
            bytes[..count].CopyTo(memory);
            output.Advance(count);
            bytes = bytes[count..];
            if ((await output.FlushAsync(ct)).IsCompleted)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads straight into the memory that is sent. Stops early when the server wants no more: its answer says why.</summary>
    private static async Task PumpAsync(Stream content, PipeWriter output, CancellationToken ct)
    {
        while (true)
        {
            var count = await content.ReadAsync(output.GetMemory(), ct);
            if (count == 0)
            {
                break;
            }

            output.Advance(count);
            if ((await output.FlushAsync(ct)).IsCompleted)
            {
                return;
            }
        }

        await output.CompleteAsync();
    }

    private static void Abandon(QuicStream stream)
    {
        stream.AbortRead(FluxdCodes.Cancelled);
        stream.AbortWrite(FluxdCodes.Cancelled);
    }

    private async Task<T> GuardAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception e) when (IsLoss(e) || e is FluxException { Error: FluxError.Unauthenticated })
        {
            throw await ReasonAsync(e);
        }
    }

    private static bool IsLoss(Exception e) => e is ConnectionResetException or ConnectionAbortedException;

    /// <summary>A file's bytes on their way; dispose it to take them back.</summary>
    public sealed class Download : IAsyncDisposable
    {
        private readonly QuicStream _stream;

        internal Download(QuicStream stream, NodeInfo node, long offset, long length) =>
            (_stream, Node, Offset, Length) = (stream, node, offset, length);

        public NodeInfo Node { get; }

        public long Offset { get; }

        public long Length { get; }

        /// <summary>Ends after <see cref="Length"/> bytes; fails when the server gave up or the connection was lost.</summary>
        public PipeReader Body => _stream.Input!;

        public async ValueTask DisposeAsync()
        {
            _stream.AbortRead(FluxdCodes.Cancelled);
            await _stream.Input!.CompleteAsync();
        }
    }
}

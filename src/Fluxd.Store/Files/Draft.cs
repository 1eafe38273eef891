using System.Buffers;
using Fluxd.Core;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.References;

namespace Fluxd.Store.Files;

/// <summary>
/// What one user's handles wrote into a file and nobody committed yet. Sequential bytes stream into a sink as they come
/// (no second copy, no second pass); all others go to a sparse scratch file above whatever lies below, and a commit cuts
/// only the touched regions anew. One caller at a time: its open file holds the gate. Whoever makes one holds what lies
/// below; from then on the draft does.
/// </summary>
internal sealed class Draft(IContents contents, Spool spool, ContentRef? below, ChunkScope scope) : IAsyncDisposable
{
    // Below the scratch lies either committed content or the sink that sequential bytes went into.
    private ContentRef? _below = below is { Size: > 0 } ? below : null;
    private readonly Ticket _ticket = Hold(contents, below);
    private IContentSink? _sink;
    private Scratch? _scratch;

    /// <summary>Bytes at and beyond it are not taken from below: a truncation took them away.</summary>
    private long _belowEnd = below?.Size ?? 0;

    public long Length { get; private set; } = below?.Size ?? 0;

    /// <summary>Bytes from the file's start that are in the sink, with nothing written over them: what can be kept as a resumable upload.</summary>
    public long Streamed => _sink is not null && (_scratch is null || !_scratch.Map.Overlaps(0, _sink.Length)) && _belowEnd == _sink.Length ? _sink.Length : 0;

    /// <summary>A new file whose streamed bytes were written over: what is there from its start on can still be kept, put together anew.</summary>
    public bool IsPatched => _sink is { Length: > 0 } && Streamed == 0 && _belowEnd > 0;

    public static async Task<Draft> ResumeAsync(
        IContents contents, Spool spool, long content, long durable, ChunkScope scope, CancellationToken ct)
    {
        var sink = await contents.ReopenAsync(content, durable, scope, ct);
        return new Draft(contents, spool, null, scope) { _sink = sink, _belowEnd = sink.Length, Length = sink.Length };
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        if (data.IsEmpty)
        {
            return;
        }

        if (CanStream(offset, data.Length))
        {
            await StreamAsync(data, ct);
            await DrainAsync(ct);
        }
        else
        {
            if (_scratch is { Map.Count: >= FilesLimits.ExtentsMax })
            {
                await FoldAsync(ct);
            }

            (_scratch ??= spool.Create()).Write(offset, data.Span);
        }

        Length = Math.Max(Length, offset + data.Length);
    }

    /// <summary>Is this where the stream ends?</summary>
    public bool CanStream(long offset, long count) =>
        _below is null && offset == _belowEnd && _belowEnd == (_sink?.Length ?? 0) && _scratch?.Map.Overlaps(offset, offset + count) != true;

    /// <summary>Streams a range of other content, chunks shared, where <see cref="CanStream"/> allows it.</summary>
    public async ValueTask AppendAsync(long content, long from, long count, CancellationToken ct)
    {
        _sink ??= contents.Begin(scope);
        await _sink.AppendAsync(content, from, count, ct);
        _belowEnd = _sink.Length;
        await DrainAsync(ct);
        Length = Math.Max(Length, _belowEnd);
    }

    public async ValueTask TruncateAsync(long size, CancellationToken ct)
    {
        _scratch?.Map.Remove(size, long.MaxValue);
        _belowEnd = Math.Min(_belowEnd, size);
        Length = size;
        if (size == 0)
        {
            await DropAsync();
            _ticket.KeepOnly(0);
        }

        ct.ThrowIfCancellationRequested();
    }

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        var wanted = (int)Math.Min(buffer.Length, Math.Max(0, Length - offset));
        for (var done = 0; done < wanted;)
        {
            done += await ReadPieceAsync(offset + done, buffer[done..wanted], ct);
        }

        return wanted;
    }

    /// <summary>Makes the streamed prefix durable together with what <paramref name="also"/> writes about it.</summary>
    public Task<T> KeepAsync<T>(Func<CatalogTransaction, long, long, T> also, CancellationToken ct) => _sink!.FlushAsync(also, ct);

    /// <summary>As <see cref="KeepAsync"/>, for a draft that <see cref="IsPatched"/>: all bytes up to the first that nobody wrote.</summary>
    public async Task<T> KeepPatchedAsync<T>(Func<CatalogTransaction, long, long, T> also, CancellationToken ct)
    {
        var end = Math.Min(_belowEnd, Length);
        while (_scratch?.Map.At(end) is { } piece && piece.Start <= end)
        {
            end = piece.End;
        }

        await using var whole = await AssembleAsync(end, ct);
        return await whole.FlushAsync(also, ct);
    }

    /// <summary>Publishes all of it. If that fails the draft is as it was and can be kept or tried again.</summary>
    public async Task<T> CommitAsync<T>(Func<CatalogTransaction, ContentRef, T> publish, CancellationToken ct)
    {
        if (_sink is not null && _scratch is not { Map.IsEmpty: false } && _belowEnd == _sink.Length && Length == _belowEnd)
        {
            return await _sink.SealAsync(publish, ct);
        }

        await using var whole = await AssembleAsync(Length, ct);
        return await whole.SealAsync(publish, ct);
    }

    public async ValueTask DisposeAsync()
    {
        await DropAsync();
        _ticket.Dispose();
    }

    private async ValueTask StreamAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        _sink ??= contents.Begin(scope);
        await _sink.WriteAsync(data, ct);
        _belowEnd = _sink.Length;
    }

    /// <summary>Pieces that came early follow as soon as the stream reaches them.</summary>
    private async ValueTask DrainAsync(CancellationToken ct)
    {
        while (_scratch?.Map.At(_belowEnd) is { } piece && piece.Start == _belowEnd)
        {
            await CopyScratchAsync(piece.Start, piece.End, (data, token) => StreamAsync(data, token), ct);
            _scratch.Map.Remove(piece.Start, piece.End);
        }
    }

    private async ValueTask<int> ReadPieceAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        var piece = _scratch?.Map.At(offset);
        if (piece is { } written && written.Start <= offset)
        {
            return _scratch!.Read(offset, buffer.Span[..(int)Math.Min(buffer.Length, written.End - offset)]);
        }

        var until = (int)Math.Min(buffer.Length, (piece?.Start ?? long.MaxValue) - offset);
        if (offset >= _belowEnd)
        {
            buffer.Span[..until].Clear();
            return until;
        }

        var part = buffer[..(int)Math.Min(until, _belowEnd - offset)];
        var got = _sink is not null ? await _sink.ReadAsync(offset, part, ct) : await contents.ReadAsync(_below!.Id, offset, part, ct);
        return got > 0 ? got : throw new FluxException(FluxError.Corrupt, "The file's content ends too early; restore an older version.");
    }

    /// <summary>Too many pieces for the map: what is there becomes the content below, still unpublished.</summary>
    private async Task FoldAsync(CancellationToken ct)
    {
        ContentRef folded;
        await using (var whole = await AssembleAsync(Length, ct))
        {
            folded = await whole.SealAsync((_, content) => Keep(content), ct);
        }

        await DropAsync();
        (_below, _belowEnd) = (folded.Size > 0 ? folded : null, folded.Size);
        _ticket.KeepOnly(folded.Id);
    }

    private async Task<IContentSink> AssembleAsync(long end, CancellationToken ct)
    {
        await SettleSinkAsync(ct);
        var whole = contents.Begin(scope);
        try
        {
            while (whole.Length < end)
            {
                await AppendPieceAsync(whole, end, ct);
            }

            return whole;
        }
        catch
        {
            await whole.DisposeAsync();
            throw;
        }
    }

    // Only sealed content can be shared into another.
    private async Task SettleSinkAsync(CancellationToken ct)
    {
        if (_sink is not null)
        {
            var settled = await _sink.SealAsync((_, content) => Keep(content), ct);
            await _sink.DisposeAsync();
            (_sink, _below) = (null, settled.Size > 0 ? settled : null);
        }
    }

    private async Task AppendPieceAsync(IContentSink whole, long end, CancellationToken ct)
    {
        var at = whole.Length;
        var piece = _scratch?.Map.At(at);
        var nextWritten = Math.Min(end, piece?.Start ?? end);
        if (piece is { } written && written.Start <= at)
        {
            await CopyScratchAsync(at, Math.Min(written.End, end), (data, token) => whole.WriteAsync(data, token), ct);
        }
        else if (at < _belowEnd)
        {
            await whole.AppendAsync(_below!.Id, at, Math.Min(_belowEnd, nextWritten) - at, ct);
        }
        else
        {
            await AppendZerosAsync(whole, nextWritten - at, ct);
        }
    }

    private async ValueTask CopyScratchAsync(long start, long end, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> to, CancellationToken ct)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FilesLimits.CopyBytes);
        try
        {
            for (var at = start; at < end;)
            {
                var got = _scratch!.Read(at, buffer.AsSpan(0, (int)Math.Min(FilesLimits.CopyBytes, end - at)));
                if (got == 0)
                {
                    throw new FluxException(FluxError.Corrupt, "What was written out of order can't be read back; upload the file again.");
                }

                await to(buffer.AsMemory(0, got), ct);
                at += got;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async ValueTask AppendZerosAsync(IContentSink whole, long count, CancellationToken ct)
    {
        var zeros = new byte[(int)Math.Min(count, FilesLimits.CopyBytes)];
        for (; count > 0; count -= Math.Min(count, zeros.Length))
        {
            await whole.WriteAsync(zeros.AsMemory(0, (int)Math.Min(count, zeros.Length)), ct);
        }
    }

    /// <summary>In the write that makes the content: no row will refer to it.</summary>
    private ContentRef Keep(ContentRef content)
    {
        _ticket.Keep(content.Id);
        return content;
    }

    private static Ticket Hold(IContents contents, ContentRef? below)
    {
        var ticket = contents.Holds.Take();
        ticket.Keep(below?.Id ?? 0);
        return ticket;
    }

    private async ValueTask DropAsync()
    {
        _scratch?.Dispose();
        _scratch = null;
        _below = null;
        if (_sink is not null)
        {
            await _sink.DisposeAsync();
            _sink = null;
        }
    }
}

using System.Buffers;
using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Files;

namespace Fluxd.Store.Content;

/// <summary>
/// Content being written. Bytes are copied once, into the extent buffer, and cut there as they come. A full buffer
/// goes its way (hashed on the pool, then to the committer, in order) while the next one fills; a few may be on
/// their way at once. One caller at a time.
/// </summary>
internal sealed partial class ContentSink : IContentSink
{
    private readonly ContentStore _store;
    private readonly Ticket _ticket;
    private readonly ChunkScope _scope;
    private readonly Queue<Task> _inFlight = new();
    private byte[] _buffer = [];
    private int _filled;

    /// <summary>Where in the buffer the unfinished chunk begins.</summary>
    private int _pendingFrom;

    /// <summary>Bytes of the buffer that the cutter has seen; behind <see cref="_filled"/> only before a class is chosen.</summary>
    private int _cutUpTo;

    /// <summary>Place in the content of the extent's first chunk.</summary>
    private Extent _extent;
    private ChunkClass? _class;
    private ChunkCutter? _cutter;
    private RootHash _root = RootHash.Empty;
    private Task _lastQueued = Task.CompletedTask;
    private Task _lastCommit = Task.CompletedTask;
    private bool _isLost;
    private long _content;
    private long _writer = 1;
    private int _lane;
    private bool _isEnded;

    /// <param name="ticket">Becomes the sink's: it holds what is written here.</param>
    internal ContentSink(ContentStore store, ChunkScope scope, Ticket ticket)
    {
        (_store, _scope, _ticket) = (store, scope, ticket);
        _place = new LinkedListNode<IBufferHolder>(this);
        _extent = new Extent(0);
    }

    /// <summary>Goes on behind what is durable; the uncut end is read back, so that the cuts are those of one stream.</summary>
    /// <param name="takeOver">Durable when it ends; nothing that is written here is before.</param>
    internal ContentSink(ContentStore store, ChunkScope scope, Ticket ticket, UnfinishedContent unfinished, Task takeOver)
        : this(store, scope, ticket)
    {
        _lastCommit = takeOver;
        _inFlight.Enqueue(takeOver);
        (_content, _writer, _root) = (unfinished.Id, unfinished.Writer, unfinished.Root);
        _extent = new Extent(unfinished.Size);
        Length = unfinished.Size;
        if (unfinished.Class is { } known)
        {
            Choose(known);
        }
    }

    public long Length { get; private set; }

    /// <summary>The uncut end of what it goes on with, before the first call.</summary>
    internal void TakeTail(ReadOnlySpan<byte> tail)
    {
        Length += tail.Length;
        if (_store.Spool is null)
        {
            _buffer = _store.Buffers.Rent(Math.Max(ExtentBytes(tight: true), tail.Length));
            tail.CopyTo(_buffer);
            _filled = tail.Length;
        }
        else
        {
            // As if it had been parked: nobody may wait for memory here.
            PutAside(tail);
            _parked = tail.Length;
        }

        if (_cutter is not null)
        {
            _cutter.Take(tail, out _);
            _cutUpTo = _filled;
        }
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        using var call = await EnterAsync(ct);
        await StreamAsync(data, ct);
    }

    private async ValueTask StreamAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        while (!data.IsEmpty)
        {
            if (_filled == _buffer.Length)
            {
                await MakeRoomAsync(ct);
            }

            var count = Math.Min(data.Length, _buffer.Length - _filled);
            Accept(data.Span[..count]);
            data = data[count..];
            if (_class is null && _filled >= ContentSniffer.MediaMin)
            {
                Choose(ContentSniffer.Choose(_buffer.AsSpan(0, Math.Min(_filled, ContentSniffer.HeadBytes)), null));
                Cut();
            }
        }
    }

    public async ValueTask AppendAsync(long content, long offset, long count, CancellationToken ct)
    {
        using var call = await EnterAsync(ct);

        // Its chunks are referred to by id until their extent is committed.
        _ticket.Keep(content);
        var end = offset + count;
        while (offset < end)
        {
            var plan = await _store.Reader.PlanAsync(content, offset, ct);
            if (offset >= plan.End)
            {
                throw FluxException.Invalid("The range to copy goes beyond the end of the file.");
            }

            offset = plan.Inline is not null
                ? await CopyAsync(content, offset, Math.Min(end, plan.End), ct)
                : await AppendFromAsync(plan, content, offset, end, ct);
        }
    }

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        using var call = await EnterAsync(ct);
        var done = 0;
        while (done < buffer.Length && offset + done < Length)
        {
            var at = offset + done;
            var pending = Length - (_filled - _pendingFrom);
            if (at >= pending)
            {
                var count = (int)Math.Min(buffer.Length - done, Length - at);
                _buffer.AsSpan(_pendingFrom + (int)(at - pending), count).CopyTo(buffer.Span[done..]);
                return done + count;
            }

            // The rest is whole chunks: hand them on and read them where they are.
            if (at >= _extent.Start)
            {
                await SubmitAsync(ct);
            }

            await SettleAsync();
            var got = await _store.Reader.ReadAsync(_content, at, buffer[done..(int)Math.Min(buffer.Length, done + (pending - at))], ct);
            if (got == 0)
            {
                throw new FluxException(FluxError.Corrupt, "What was written before can't be read back; upload the file again.");
            }

            done += got;
        }

        return done;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isEnded)
        {
            return;
        }

        Leave(forGood: true);
        while (_inFlight.TryDequeue(out var extent))
        {
            // Whoever cared has seen the failure already.
            await extent.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        _store.Buffers.Return(_buffer);
        _buffer = [];
        _scratch?.Dispose();
        _store.ReturnLane(_lane);
        _ticket.Dispose();
    }

    /// <summary>Shares the chunks that lie whole in the range and streams the rest; returns how far it got.</summary>
    private async ValueTask<long> AppendFromAsync(ChunkPlan plan, long content, long offset, long end, CancellationToken ct)
    {
        for (var i = plan.IndexOf(offset); i < plan.Chunks.Length && offset < end; i++)
        {
            var chunk = plan.Chunks[i];
            if (CanShare(plan, chunk, offset, end))
            {
                if (_class is null)
                {
                    Choose(plan.Class);
                }

                _extent.AddShared(chunk.Id, chunk.Hash, chunk.Length);
                Length += chunk.Length;
                offset = chunk.End;
                if (_extent.Count >= ContentLimits.PartChunks)
                {
                    await SubmitAsync(ct);
                }
            }
            else
            {
                offset = await CopyAsync(content, offset, Math.Min(end, chunk.End), ct);
            }
        }

        return offset;
    }

    /// <summary>
    /// At a cut of ours and of theirs, in the same class, all further cuts are the same. Their last chunk ends with
    /// their file and not by a cut, so it is streamed.
    /// </summary>
    private bool CanShare(ChunkPlan plan, in PlannedChunk chunk, long offset, long end) =>
        chunk.Start == offset && chunk.End <= end && chunk.End < plan.ContentSize && _filled == _pendingFrom
        && plan.Class != ChunkClass.Whole && (_class is null ? Length == 0 : _class == plan.Class);

    private async ValueTask<long> CopyAsync(long content, long offset, long end, CancellationToken ct)
    {
        var piece = ArrayPool<byte>.Shared.Rent((int)Math.Min(end - offset, FilesLimits.CopyBytes));
        try
        {
            while (offset < end)
            {
                var part = piece.AsMemory(0, (int)Math.Min(piece.Length, end - offset));
                var got = await _store.Reader.ReadAsync(content, offset, part, ct);
                await StreamAsync(part[..got], ct);
                offset += got;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }

        return offset;
    }

    private void Accept(ReadOnlySpan<byte> data)
    {
        data.CopyTo(_buffer.AsSpan(_filled));
        _filled += data.Length;
        Length += data.Length;
        if (_cutter is not null)
        {
            Cut();
        }
    }

    private void Choose(ChunkClass chunkClass)
    {
        _class = chunkClass;
        _cutter = new ChunkCutter(Chunker.For(chunkClass));
    }

    private void Cut()
    {
        while (_cutUpTo < _filled)
        {
            _cutUpTo += _cutter!.Take(_buffer.AsSpan(_cutUpTo, _filled - _cutUpTo), out var ends);
            if (ends)
            {
                _extent.Add(_pendingFrom, _cutUpTo - _pendingFrom);
                _pendingFrom = _cutUpTo;
            }
        }
    }
}

using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;
using Fluxd.Store.Files;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Store.Content;

/// <content>How extents leave the sink.</content>
internal sealed partial class ContentSink
{
    public async Task<T> FlushAsync<T>(Func<CatalogTransaction, long, long, T> also, CancellationToken ct)
    {
        using var call = await EnterAsync(ct);
        await SubmitAsync(ct);

        // What is left is the unfinished chunk: it becomes durable as it is, in no index, and is cut again with what follows.
        var tail = new Extent(_extent.Start);
        if (_filled > _pendingFrom)
        {
            tail.Add(_pendingFrom, _filled - _pendingFrom);
            _store.RequireRoom(tail.Length);
        }

        await PrepareAsync(tail);
        await _lastQueued;
        return await TogetherAsync(CommitTailAsync(tail, also, ct));
    }

    private async Task<T> CommitTailAsync<T>(Extent tail, Func<CatalogTransaction, long, long, T> also, CancellationToken ct)
    {
        var length = Length;
        var (result, content) = await _store.Catalog.WriteAsync(
            transaction =>
            {
                RequireKept(_lastCommit, tail.Start);
                var id = _content != 0 ? _content : Begin(transaction, _class);
                ContentRows.SetTail(transaction, id, _writer, tail.Start, tail.Count > 0 ? tail.Place(transaction, _lane, _scope, indexed: false)[0] : null);
                return (also(transaction, id, length), id);
            },
            ct);
        _content = content;
        return result;
    }

    public async Task<T> SealAsync<T>(Func<CatalogTransaction, ContentRef, T> publish, CancellationToken ct)
    {
        using var call = await EnterAsync(ct);
        ChooseLate();
        var last = _extent.Copy();
        if (_filled > _pendingFrom)
        {
            last.Add(_pendingFrom, _filled - _pendingFrom);
        }

        var inline = _content == 0 && Length <= ContentLimits.InlineBytesMax && last.Start == 0 && !last.HasShared
            ? _buffer.AsSpan(0, _filled).ToArray() : null;
        _store.RequireRoom(last.Length);
        await PrepareAsync(last);
        await _lastQueued;
        var root = last.ExtendRoot(_root);
        var result = await TogetherAsync(_store.Catalog.WriteAsync(transaction => publish(transaction, Finish(transaction, last, root, inline)), ct));
        await DisposeAsync();
        return result;
    }

    private ContentRef Finish(CatalogTransaction transaction, Extent last, RootHash root, byte[]? inline)
    {
        var size = last.Start + last.Length;
        if (inline is not null)
        {
            return ContentRows.Insert(transaction, _scope, size, ChunkClass.Whole, root, null, inline);
        }

        RequireKept(_lastCommit, last.Start);
        var ids = last.Place(transaction, _lane, _scope);
        if (_content == 0 && ids.Length <= ContentLimits.PartChunks)
        {
            return ContentRows.Insert(transaction, _scope, size, _class!.Value, root, Recipe.Encode(ids), null);
        }

        var content = _content != 0 ? _content : Begin(transaction, _class);
        ContentRows.Append(transaction, content, _writer, last, ids, root, _class);
        return ContentRows.Complete(transaction, content, size, root);
    }

    /// <summary>No row refers to the new content yet: the ticket holds it from its first moment on.</summary>
    private long Begin(CatalogTransaction transaction, ChunkClass? chunkClass)
    {
        var content = ContentRows.Begin(transaction, chunkClass);
        _ticket.Keep(content);
        return content;
    }

    /// <summary>At the end the size is known, and with it the class of a small file.</summary>
    private void ChooseLate()
    {
        if (_class is null)
        {
            Choose(ContentSniffer.Choose(_buffer.AsSpan(0, Math.Min(_filled, ContentSniffer.HeadBytes)), Length));
            Cut();
        }
    }

    /// <summary>Sends the whole chunks on their way and goes on in another buffer, with the unfinished chunk at its beginning.</summary>
    private async ValueTask SubmitAsync(CancellationToken ct)
    {
        if (_extent.Count == 0)
        {
            return;
        }

        while (_inFlight.Count >= ContentLimits.ExtentsInFlight)
        {
            await _inFlight.Peek().WaitAsync(ct);
            _ = _inFlight.Dequeue();
        }

        _store.RequireRoom(_extent.Length);
        if (_lane == 0 && _extent.Start >= ContentLimits.OwnLaneFrom)
        {
            _lane = _store.TakeLane();
        }

        var pending = _filled - _pendingFrom;
        if (pending == 0)
        {
            Send();
        }
        else if (TryRentExtent() is { } next)
        {
            _buffer.AsSpan(_pendingFrom, pending).CopyTo(next);
            Send();
            (_buffer, _filled) = (next, pending);
            _cutUpTo = _filled;
        }
        else
        {
            Detach();
            await AttachAsync(ct);
        }
    }

    /// <summary>The whole chunks go, and the buffer with them.</summary>
    private void Send()
    {
        var (extent, buffer) = (_extent, _buffer);
        _extent = new Extent(extent.Start + extent.Length);
        (_buffer, _filled, _pendingFrom, _cutUpTo) = ([], 0, 0, 0);
        _store.Buffers.Announce(buffer.Length);
        var queued = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _inFlight.Enqueue(CommitAsync(extent, buffer, _lastQueued, queued));
        _lastQueued = queued.Task;
    }

    /// <summary>One extent's way. Hashing runs beside that of others; the roots and the queue are in order.</summary>
    private async Task CommitAsync(Extent extent, byte[] buffer, Task before, TaskCompletionSource queued)
    {
        try
        {
            var chunkClass = _class!.Value;
            await Task.Run(() => PrepareAsync(extent, buffer, chunkClass, inPlace: true), CancellationToken.None);
            await before;
            var root = _root = extent.ExtendRoot(_root);
            var (lane, earlier) = (_lane, _lastCommit);
            var commit = _store.Catalog.WriteLazilyAsync(
                transaction =>
                {
                    RequireKept(earlier, extent.Start);
                    var ids = extent.Place(transaction, lane, _scope);
                    var content = _content != 0 ? _content : Begin(transaction, chunkClass);
                    ContentRows.Append(transaction, content, _writer, extent, ids, root, chunkClass);

                    // Seen by the next extent, which may be in the same group. If the group fails, all of them do.
                    _content = content;
                    transaction.LeavesPlaces();
                    return true;
                },
                CancellationToken.None);
            _lastCommit = commit;
            queued.SetResult();
            await commit;
        }
        catch (Exception e)
        {
            queued.TrySetException(e);
            throw;
        }
        finally
        {
            _store.Buffers.Return(buffer, announced: true);
        }
    }

    /// <summary>
    /// In each write that goes on behind another one: a group that failed takes its ids and numbers back, and the next one
    /// gives them to others. What it held must not be gone on with there, though they look the same. A write that failed alone
    /// in this very group is not known as such yet, but left no content. The committer's thread only.
    /// </summary>
    private void RequireKept(Task earlier, long start)
    {
        _isLost |= earlier.IsFaulted || earlier.IsCanceled || (_content == 0 && start > 0);
        if (_isLost)
        {
            throw new FluxException(FluxError.Unavailable, "The bytes before these were lost; send the file again.");
        }
    }

    /// <summary>
    /// Waits for a write and for all that was queued before it: one group can take them together, and then they share its
    /// sync. Where an extent was lost the write fails too; the extent's fault is the one to tell.
    /// </summary>
    private async Task<T> TogetherAsync<T>(Task<T> write)
    {
        try
        {
            await SettleAsync();
        }
        catch
        {
            await ((Task)write).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        return await write;
    }

    /// <summary>Waits for everything that is on its way; throws what failed.</summary>
    private async ValueTask SettleAsync()
    {
        while (_inFlight.TryPeek(out var oldest))
        {
            await oldest;
            _ = _inFlight.Dequeue();
        }
    }

    /// <summary>The end. Its bytes are needed on: an end that failed can be tried again.</summary>
    private async ValueTask PrepareAsync(Extent end)
    {
        var (buffer, chunkClass) = (_buffer, _class ?? ChunkClass.Fine);
        if (end.Length <= ContentLimits.SmallBuffer)
        {
            await PrepareAsync(end, buffer, chunkClass, inPlace: false);
        }
        else
        {
            await Task.Run(() => PrepareAsync(end, buffer, chunkClass, inPlace: false), CancellationToken.None);
        }
    }

    private async Task PrepareAsync(Extent extent, byte[] buffer, ChunkClass chunkClass, bool inPlace)
    {
        var hashes = extent.Hash(buffer);
        if (ChunkEncoder.Tries(chunkClass, _store.Compression))
        {
            extent.Compress(chunkClass, _store.Compression, await KnownAsync(hashes), inPlace);
        }
    }

    /// <summary>
    /// What need not be compressed, because the writer has it. Others' chunks are no reason: how a chunk is stored would
    /// tell that they are there.
    /// </summary>
    private async ValueTask<HashSet<ChunkHash>> KnownAsync(List<ChunkHash> hashes)
    {
        var index = _store.Catalog.Index;
        if (!_scope.Finds || hashes.FindAll(hash => index.MayKnow(hash)) is not { Count: > 0 } maybe)
        {
            return [];
        }

        try
        {
            return await _store.Catalog.ReadAsync(
                reader => maybe.Where(hash => index.Find(reader, hash, id => _scope.Next(reader, id)) is not null).ToHashSet(), CancellationToken.None);
        }
        catch (FluxException)
        {
            // The catalogue is busy: compressing what is then found costs time only.
            return [];
        }
    }
}

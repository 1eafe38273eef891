using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Disk;
using Fluxd.Store.Files;

namespace Fluxd.Store.Content;

/// <content>
/// How a sink lives with the budget: between two calls its buffer can be taken. The whole chunks in it go their way, the
/// unfinished one waits in a scratch file, and the next call waits its turn for another buffer.
/// </content>
internal sealed partial class ContentSink : IBufferHolder
{
    private readonly Lock _calls = new();
    private readonly LinkedListNode<IBufferHolder> _place;
    private bool _isBusy;

    /// <summary>Bytes of the unfinished chunk that wait in the scratch file.</summary>
    private int _parked;
    private Scratch? _scratch;

    void IBufferHolder.Park()
    {
        lock (_calls)
        {
            if (!_isBusy && !_isEnded && _buffer.Length > 0)
            {
                try
                {
                    Detach();
                }
                catch (FluxException)
                {
                    // No room for the scratch file: the sink keeps its buffer, and who waits waits longer.
                }
            }
        }
    }

    /// <summary>A call begins: the buffer is its own until it ends.</summary>
    private async ValueTask<Call> EnterAsync(CancellationToken ct)
    {
        lock (_calls)
        {
            ObjectDisposedException.ThrowIf(_isEnded, this);
            _isBusy = true;
        }

        _store.Buffers.LeaveIdle(_place);
        try
        {
            if (_parked > 0)
            {
                await AttachAsync(ct);
            }
        }
        catch
        {
            Leave(forGood: false);
            throw;
        }

        return new Call(this);
    }

    private void Leave(bool forGood)
    {
        lock (_calls)
        {
            _isBusy = forGood;
            _isEnded |= forGood;
        }

        if (forGood || _isEnded)
        {
            _store.Buffers.LeaveIdle(_place);
        }
        else if (_buffer.Length > 0 && _store.Spool is not null)
        {
            _store.Buffers.EnterIdle(_place);
        }
    }

    /// <summary>Gives the buffer up.</summary>
    private void Detach()
    {
        var pending = _filled - _pendingFrom;
        if (pending > 0)
        {
            PutAside(_buffer.AsSpan(_pendingFrom, pending));
        }

        _parked = pending;
        if (_extent.Count > 0)
        {
            Send();
            return;
        }

        var buffer = _buffer;
        (_buffer, _filled, _pendingFrom, _cutUpTo) = ([], 0, 0, 0);
        _store.Buffers.Return(buffer);
    }

    private void PutAside(ReadOnlySpan<byte> pending)
    {
        try
        {
            (_scratch ??= _store.Spool!.Create()).Write(0, pending);
        }
        catch (DiskException e)
        {
            throw new FluxException(
                e.Fault == DiskFault.Full ? FluxError.NoSpace : FluxError.Unavailable, "The server's disk took no more; try again later, and tell its administrator.", e);
        }
    }

    /// <summary>Waits for a buffer, and goes on in it where the last one was given up.</summary>
    private async ValueTask AttachAsync(CancellationToken ct)
    {
        var need = Length < ContentLimits.SmallBuffer ? ContentLimits.SmallBuffer : ExtentBytes(tight: true);
        var buffer = (Length < ContentLimits.SmallBuffer ? null : TryRentExtent())
            ?? (_store.Spool is null ? _store.Buffers.Rent(need) : await _store.Buffers.RentAsync(need, ct));
        if (_parked > 0 && _scratch!.Read(0, buffer.AsSpan(0, _parked)) != _parked)
        {
            _store.Buffers.Return(buffer);
            throw new FluxException(FluxError.Corrupt, "What was written before can't be read back; upload the file again.");
        }

        (_buffer, _filled, _pendingFrom, _parked) = (buffer, _parked, 0, 0);
        _cutUpTo = _cutter is null ? 0 : _filled;
    }

    /// <summary>The buffer is full: a bigger one for a small one, or the whole chunks in it go their way.</summary>
    private async ValueTask MakeRoomAsync(CancellationToken ct)
    {
        if (_buffer.Length == 0)
        {
            await AttachAsync(ct);
        }
        else if (_buffer.Length >= ExtentBytes(tight: _extent.Start > 0))
        {
            await SubmitAsync(ct);
        }
        else if (TryRentBigger() is { } bigger)
        {
            _buffer.AsSpan(0, _filled).CopyTo(bigger);
            _store.Buffers.Return(_buffer);
            _buffer = bigger;
        }
        else if (_buffer.Length >= ExtentBytes(tight: true))
        {
            await SubmitAsync(ct);
        }
        else
        {
            _store.RequireRoom(_extent.Length);
            Detach();
            await AttachAsync(ct);
        }
    }

    /// <summary>At the beginning in steps: nobody knows how long the file gets, and most of those that are not small are no 4 MiB.</summary>
    private byte[]? TryRentBigger() => _buffer.Length < ContentLimits.TightExtentBytes && _class != ChunkClass.Media
        ? _store.Buffers.TryRent(ContentLimits.TightExtentBytes) ?? (_store.Spool is null ? _store.Buffers.Rent(ContentLimits.TightExtentBytes) : null)
        : _buffer.Length < ExtentBytes(tight: true) ? TryRentExtent()
        : _store.Buffers.TryRentLong(ExtentBytes(tight: false));

    private byte[]? TryRentExtent() => _store.Buffers.TryRentLong(ExtentBytes(tight: false)) ?? (_store.Spool is null
        ? _store.Buffers.Rent(ExtentBytes(tight: true))
        : _store.Buffers.TryRent(ExtentBytes(tight: true)));

    private int ExtentBytes(bool tight) => _class switch
    {
        ChunkClass.Media => tight ? ChunkSizes.LargestChunk + ContentLimits.TightExtentBytes : ContentLimits.MediaExtentBytes,
        _ => tight ? ContentLimits.TightExtentBytes : ContentLimits.ExtentBytes,
    };

    private readonly struct Call(ContentSink sink) : IDisposable
    {
        public void Dispose() => sink.Leave(forGood: false);
    }
}

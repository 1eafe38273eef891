namespace Fluxd.Store.Content;

/// <summary>Somebody with a buffer. Between its calls the buffer can be taken from it.</summary>
internal interface IBufferHolder
{
    /// <summary>Gives the buffer up, unless a call is at work with it. Must not wait.</summary>
    void Park();
}

/// <summary>
/// The one memory budget of all sinks. Whoever needs a buffer and finds the budget spent waits its turn, and holds none
/// meanwhile. So every byte of the budget belongs to a sink that is between two calls, which gives its buffer up when
/// somebody waits; to a call that is at work and asks for no more before it lets go; or to an extent on its way to the
/// disk. Each of them comes back, so the first in the queue is always served: nobody waits for ever. Thread-safe.
/// </summary>
internal sealed class BufferPool
{
    private readonly Lock _lock = new();
    private readonly long _bytesMax;
    private readonly ITimer _calm;
    private readonly Dictionary<int, Shelf> _spare = []; // by length
    private readonly LinkedList<Waiter> _waiters = [];
    private readonly LinkedList<IBufferHolder> _idle = [];
    private long _spareBytes;
    private long _rentals;
    private long _shed;
    private long _rented;
    private long _returning;
    private long _wanted;
    private long _rentedMost;
    private bool _awaitsCalm;

    internal BufferPool(long bytesMax, TimeProvider? time = null)
    {
        _bytesMax = Math.Max(bytesMax, ContentLimits.LargestNeed);
        _calm = (time ?? TimeProvider.System).CreateTimer(_ => ShedWhenCalm(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    internal long Rented => Interlocked.Read(ref _rented);

    /// <summary>The most that was ever out at once.</summary>
    internal long Peak { get; private set; }

    /// <summary>Kept for the next. With what is out it stays within the budget.</summary>
    internal long Spare => Interlocked.Read(ref _spareBytes);

    internal int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiters.Count;
            }
        }
    }

    /// <summary>A buffer of this length at once; null when the budget is spent or others wait.</summary>
    internal byte[]? TryRent(int length) => TryRent(length, _bytesMax);

    /// <summary>A buffer at once that is longer than it need be; null where it would leave less than a quarter of the budget to others.</summary>
    internal byte[]? TryRentLong(int length) => TryRent(length, _bytesMax / 4 * 3);

    private byte[]? TryRent(int length, long until)
    {
        lock (_lock)
        {
            if (_waiters.Count > 0 || _rented + length > until)
            {
                return null;
            }

            Charge(length);
        }

        return Make(length);
    }

    /// <summary>A buffer of this length in any case.</summary>
    internal byte[] Rent(int length)
    {
        lock (_lock)
        {
            Charge(length);
        }

        return Make(length);
    }

    /// <summary>A buffer of this length when it is the caller's turn. The caller holds no other.</summary>
    internal async ValueTask<byte[]> RentAsync(int length, CancellationToken ct)
    {
        if (TryRent(length) is { } free)
        {
            return free;
        }

        var waiter = new Waiter(length);
        LinkedListNode<Waiter> place;
        lock (_lock)
        {
            place = _waiters.AddLast(waiter);
            _wanted += length;
            Serve();
        }

        Press();
        using (ct.UnsafeRegister(_ => Cancel(place, ct), null))
        {
            await waiter.Served.Task;
        }

        return Make(length);
    }

    /// <summary>Gives it back; the caller must not use it any more.</summary>
    /// <param name="announced">It was counted by <see cref="Announce"/>.</param>
    internal void Return(byte[] buffer, bool announced = false)
    {
        lock (_lock)
        {
            _rented -= buffer.Length;
            _returning -= announced ? buffer.Length : 0;

            // While there is work, what comes back is kept for the next: as garbage it would stand beside what is out until the
            // runtime looks for it, and the budget would bound half of what is used.
            if (buffer.Length > 0 && _rented + _spareBytes + buffer.Length <= _bytesMax)
            {
                _spareBytes += buffer.Length;
                ShelfOf(buffer.Length).Buffers.Push(buffer);
            }

            if (_spareBytes > SpareInCalm && !_awaitsCalm)
            {
                AwaitCalm();
            }

            Serve();
        }
    }

    /// <summary>These bytes come back by themselves: nobody needs to be pressed for them.</summary>
    internal void Announce(int length)
    {
        lock (_lock)
        {
            _returning += length;
        }
    }

    /// <summary>A call ended and left a buffer with its sink.</summary>
    internal void EnterIdle(LinkedListNode<IBufferHolder> holder)
    {
        lock (_lock)
        {
            if (holder.List is null)
            {
                _idle.AddLast(holder);
            }
        }

        Press();
    }

    internal void LeaveIdle(LinkedListNode<IBufferHolder> holder)
    {
        lock (_lock)
        {
            if (holder.List is not null)
            {
                _idle.Remove(holder);
            }
        }
    }

    /// <summary>Takes the buffers of those that were idle longest, as long as somebody waits for more than what comes back anyway.</summary>
    private void Press()
    {
        while (true)
        {
            IBufferHolder victim;
            lock (_lock)
            {
                if (_idle.First is not { } first || _wanted <= _bytesMax - _rented + _returning)
                {
                    return;
                }

                _idle.Remove(first);
                victim = first.Value;
            }

            victim.Park();
        }
    }

    private void Serve()
    {
        while (_waiters.First is { } first && _rented + first.Value.Length <= _bytesMax)
        {
            _waiters.Remove(first);
            _wanted -= first.Value.Length;
            Charge(first.Value.Length);
            first.Value.Served.SetResult();
        }
    }

    private void Cancel(LinkedListNode<Waiter> place, CancellationToken ct)
    {
        lock (_lock)
        {
            if (place.List is null)
            {
                return;
            }

            _waiters.Remove(place);
            _wanted -= place.Value.Length;
            Serve();
        }

        place.Value.Served.SetCanceled(ct);
    }

    private void Charge(int length)
    {
        _rented += length;
        _rentedMost = Math.Max(_rentedMost, _rented);
        Peak = Math.Max(Peak, _rented);
    }

    private byte[] Make(int length)
    {
        lock (_lock)
        {
            var shelf = ShelfOf(length);
            shelf.LastRental = ++_rentals;
            if (shelf.Buffers.TryPop(out var buffer))
            {
                _spareBytes -= length;
                return buffer;
            }

            Shed(Math.Max(0, _bytesMax - _rented));
        }

        CollectShed();
        return GC.AllocateUninitializedArray<byte>(length);
    }

    /// <summary>What one big upload after another needs.</summary>
    private long SpareInCalm => _bytesMax / 2;

    private void AwaitCalm()
    {
        (_awaitsCalm, _rentedMost) = (true, _rented);
        _calm.Change(ContentLimits.SparesKeptFor, Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// A burst is over when for a while no more was out at once than stays spare: the rest goes back to the runtime. Not
    /// sooner: of uploads that come one by one each would make its buffers anew, and have those of the last one collected.
    /// </summary>
    private void ShedWhenCalm()
    {
        lock (_lock)
        {
            _awaitsCalm = false;
            if (_rentedMost > SpareInCalm)
            {
                AwaitCalm();
                return;
            }

            Shed(SpareInCalm);
        }

        CollectShed();
    }

    private Shelf ShelfOf(int length)
    {
        if (!_spare.TryGetValue(length, out var shelf))
        {
            _spare.Add(length, shelf = new Shelf());
        }

        return shelf;
    }

    /// <summary>Lets go of spare buffers until so many bytes are left, of those lengths first that nobody asked for lately.</summary>
    private void Shed(long bytes)
    {
        while (_spareBytes > bytes)
        {
            var (length, shelf) = _spare.Where(lengths => lengths.Value.Buffers.Count > 0).MinBy(lengths => lengths.Value.LastRental);
            _ = shelf.Buffers.Pop();
            _spareBytes -= length;
            _shed += length;
        }
    }

    /// <summary>
    /// What was let go stays resident until a full collection, and by itself the runtime waits with that for several times
    /// what is alive.
    /// </summary>
    private void CollectShed()
    {
        lock (_lock)
        {
            if (_shed < ContentLimits.ShedBytesMax)
            {
                return;
            }

            _shed = 0;
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: false);
    }

    private sealed class Shelf
    {
        public Stack<byte[]> Buffers { get; } = [];

        public long LastRental { get; set; }
    }

    private sealed record Waiter(int Length)
    {
        public TaskCompletionSource Served { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

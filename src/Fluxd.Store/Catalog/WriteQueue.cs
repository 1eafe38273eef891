namespace Fluxd.Store.Catalog;

/// <summary>Many callers in, one thread out. The taker sleeps on the lock, not on a pool thread.</summary>
internal sealed class WriteQueue
{
    private readonly Queue<CatalogWrite> _waiting = new();
    private bool _closed;

    internal int Count
    {
        get
        {
            lock (_waiting)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>False once the queue is closed.</summary>
    internal bool TryAdd(CatalogWrite write)
    {
        lock (_waiting)
        {
            if (_closed)
            {
                return false;
            }

            _waiting.Enqueue(write);
            Monitor.Pulse(_waiting);
            return true;
        }
    }

    /// <summary>Moves all that waits into <paramref name="taken"/>, after waiting up to <paramref name="timeout"/> for the first.</summary>
    /// <returns>False when the queue is closed and empty.</returns>
    internal bool Take(Queue<CatalogWrite> taken, TimeSpan timeout)
    {
        lock (_waiting)
        {
            if (_waiting.Count == 0 && !_closed && timeout != TimeSpan.Zero)
            {
                Monitor.Wait(_waiting, timeout);
            }

            while (_waiting.TryDequeue(out var write))
            {
                taken.Enqueue(write);
            }

            return taken.Count > 0 || !_closed;
        }
    }

    /// <summary>Nothing more comes in; what is there can still be taken.</summary>
    internal void Close()
    {
        lock (_waiting)
        {
            _closed = true;
            Monitor.PulseAll(_waiting);
        }
    }
}

using Fluxd.Store.Disk;

namespace Fluxd.Store.Packs;

/// <summary>
/// Pack files held open for reading, at most so many, the least recently used closed first. A file that is in use is
/// never closed; while more than the limit are in use, more are open. Thread-safe.
/// </summary>
internal sealed class PackFiles(IDisk disk, int limit) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Entry> _open = [];
    private readonly LinkedList<Entry> _idle = []; // least recently used first

    internal int OpenCount
    {
        get
        {
            lock (_lock)
                return _open.Count;
        }
    }

    public IPackReader Acquire(long pack)
    {
        lock (_lock)
        {
            if (!_open.TryGetValue(pack, out var entry))
                _open.Add(pack, entry = new Entry(pack, OpenFile(pack)));
            else if (entry.Users == 0)
                _idle.Remove(entry.Place);
            entry.Users++;
            Trim();
            return new Reader(this, entry);
        }
    }

    /// <summary>The pack is gone: no new reader gets its file; the last one that has it closes it.</summary>
    public void Forget(long pack)
    {
        lock (_lock)
        {
            if (!_open.Remove(pack, out var entry))
                return;
            entry.IsForgotten = true;
            if (entry.Users == 0)
                Close(entry);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var pack in _open.Keys.ToList())
                Forget(pack);
        }
    }

    private IDiskFile OpenFile(long pack)
    {
        try
        {
            return disk.Open(PackLayout.PathOf(pack), DiskMode.Read);
        }
        catch (DiskException e) when (e.Fault == DiskFault.Missing)
        {
            throw new PackDamagedException(pack, 0, "the file is missing");
        }
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            if (--entry.Users > 0)
                return;
            if (entry.IsForgotten)
            {
                entry.File.Dispose();
                return;
            }
            _idle.AddLast(entry.Place);
            Trim();
        }
    }

    private void Trim()
    {
        while (_open.Count > limit && _idle.First is { } oldest)
        {
            _open.Remove(oldest.Value.Pack);
            Close(oldest.Value);
        }
    }

    private void Close(Entry entry)
    {
        if (entry.Place.List is not null)
            _idle.Remove(entry.Place);
        entry.File.Dispose();
    }

    private sealed class Entry
    {
        public Entry(long pack, IDiskFile file) => (Pack, File, Place) = (pack, file, new LinkedListNode<Entry>(this));

        /// <summary>Among the idle ones, while it is. Made once: each use of a pack would make one otherwise.</summary>
        public LinkedListNode<Entry> Place { get; }

        public long Pack { get; }

        public IDiskFile File { get; }

        public int Users { get; set; }

        public bool IsForgotten { get; set; }
    }

    private sealed class Reader(PackFiles owner, Entry entry) : IPackReader
    {
        private int _isDisposed;

        public long Pack => entry.Pack;

        public long Length => entry.File.Length;

        public void Read(Span<byte> buffer, long offset)
        {
            ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
            if (entry.File.Read(buffer, offset) != buffer.Length)
                throw new PackDamagedException(Pack, offset, $"it ends before {buffer.Length} bytes more");
        }

        public void WillNeed(long offset, long length) => entry.File.Advise(offset, length, DiskAdvice.WillNeed);

        public void DontNeed(long offset, long length) => entry.File.Advise(offset, length, DiskAdvice.DontNeed);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
                owner.Release(entry);
        }
    }
}

using Fluxd.Core;
using Fluxd.Store.Disk;

namespace Fluxd.Testing.Disk;

/// <summary>
/// A disk in memory that promises no more than <see cref="IDisk"/> does. It keeps, per file and per folder, what is
/// durable and what was done since; <see cref="AfterPowerCut"/> gives the disk that a machine might find when it
/// comes back: any of the unsynced operations lost, later ones kept while earlier ones are not, the last sector torn.
/// </summary>
internal sealed class ModelDisk : IDisk
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ModelNode> _entries;
    private readonly Dictionary<string, ModelNode> _durable;
    private readonly List<EntryChange> _changes = [];
    private readonly HashSet<ModelNode> _locked = [];
    private bool _isOff;

    public ModelDisk()
        : this([])
    {
    }

    private ModelDisk(Dictionary<string, ModelNode> entries)
    {
        _entries = entries;
        _entries.TryAdd("", ModelNode.Directory());
        _durable = new Dictionary<string, ModelNode>(_entries);
    }

    /// <summary>Bytes that fit; files count by their length. Beyond it writes fail as <see cref="DiskFault.Full"/>.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    public IDiskFile Open(string path, DiskMode mode)
    {
        lock (_lock)
        {
            RefuseIfOff();
            var found = _entries.TryGetValue(path, out var node) && !node.IsDirectory;
            if (found && mode == DiskMode.CreateNew)
                throw new DiskException(DiskFault.Exists, "opening", path, "it exists");
            if (!found && mode is DiskMode.Read or DiskMode.Write)
                throw new DiskException(DiskFault.Missing, "opening", path, "it doesn't exist");
            if (!found)
                Change(new EntryChange(path, node = ModelNode.File(), null));
            else if (mode == DiskMode.Truncate)
                node!.Apply(new FileChange(0, null, 0));
            return new ModelFile(this, path, node!, isWritable: mode != DiskMode.Read);
        }
    }

    public IDiskFile Lock(string path)
    {
        lock (_lock)
        {
            var file = (ModelFile)Open(path, Exists(path) ? DiskMode.Write : DiskMode.CreateNew);
            if (!_locked.Add(file.Node))
                throw new DiskException(DiskFault.Locked, "locking", path, "another holds the lock");
            file.IsLock = true;
            return file;
        }
    }

    public void CreateDirectory(string path)
    {
        lock (_lock)
        {
            RefuseIfOff();
            if (!_entries.ContainsKey(path))
                Change(new EntryChange(path, ModelNode.Directory(), null));
        }
    }

    public void SyncDirectory(string path)
    {
        lock (_lock)
        {
            RefuseIfOff();
            if (!_entries.TryGetValue(path, out var node) || !node.IsDirectory)
                throw new DiskException(DiskFault.Missing, "syncing", path, "no such folder");
            foreach (var change in _changes.Where(c => c.Folder == path))
                change.Apply(_durable);
            _changes.RemoveAll(c => c.Folder == path);
        }
    }

    public void Rename(string from, string to)
    {
        lock (_lock)
        {
            RefuseIfOff();
            if (Folder(from) != Folder(to))
                throw new ArgumentException("The store renames within one folder only.");
            if (!_entries.TryGetValue(from, out var node))
                throw new DiskException(DiskFault.Missing, "renaming", from, "it doesn't exist");
            Change(new EntryChange(to, node, from));
        }
    }

    public void Remove(string path)
    {
        lock (_lock)
        {
            RefuseIfOff();
            if (!_entries.ContainsKey(path))
                throw new DiskException(DiskFault.Missing, "removing", path, "it doesn't exist");
            Change(new EntryChange(path, null, null));
        }
    }

    public bool Exists(string path)
    {
        lock (_lock)
        {
            RefuseIfOff();
            return _entries.ContainsKey(path);
        }
    }

    public IReadOnlyList<DiskEntry> List(string path)
    {
        lock (_lock)
        {
            RefuseIfOff();
            if (!_entries.TryGetValue(path, out var node) || !node.IsDirectory)
                throw new DiskException(DiskFault.Missing, "listing", path, "no such folder");
            return [.. from entry in _entries
                       where entry.Key.Length > 0 && Folder(entry.Key) == path
                       select new DiskEntry(Path.GetFileName(entry.Key), entry.Value.IsDirectory, entry.Value.Length)];
        }
    }

    public DiskSpace Space()
    {
        lock (_lock)
            return new DiskSpace(Capacity == long.MaxValue ? long.MaxValue / 2 : Capacity - Used(), Capacity);
    }

    public long UsedBytes
    {
        get
        {
            lock (_lock)
                return Used();
        }
    }

    /// <summary>As if it were on a network.</summary>
    public string? FileSystem { get; set; }

    public string? UntrustedFileSystem() => FileSystem;

    /// <summary>Turns this disk off (every further call fails) and gives one that might be found afterwards.</summary>
    public ModelDisk AfterPowerCut(Random random)
    {
        lock (_lock)
        {
            _isOff = true;
            var survivors = new Dictionary<string, ModelNode>(_durable);
            // A journalling file system keeps a prefix of the entries' changes; others keep any of them.
            var prefix = random.Next(2) == 0 ? random.Next(_changes.Count + 1) : -1;
            for (var i = 0; i < _changes.Count; i++)
            {
                if (prefix >= 0 ? i < prefix : random.Next(2) == 0)
                    _changes[i].Apply(survivors);
            }
            return new ModelDisk(OnlyReachable(survivors).ToDictionary(e => e.Key, e => e.Value.AfterPowerCut(random))) { Capacity = Capacity };
        }
    }

    /// <summary>A process that dies loses nothing that the kernel has: the same disk, all handles and locks gone.</summary>
    public ModelDisk AfterKill()
    {
        lock (_lock)
        {
            _isOff = true;
            var next = new ModelDisk(_durable.ToDictionary(e => e.Key, e => e.Value)) { Capacity = Capacity };
            foreach (var change in _changes)
                next.Change(change);
            return next;
        }
    }

    internal T Locked<T>(Func<T> action)
    {
        lock (_lock)
        {
            RefuseIfOff();
            return action();
        }
    }

    internal void Unlock(ModelNode node)
    {
        lock (_lock)
            _locked.Remove(node);
    }

    /// <summary>Called under the lock: may a file grow by so much?</summary>
    internal bool HasRoomFor(long growth) => growth <= 0 || Used() + growth <= Capacity;

    private static string Folder(string path) => Path.GetDirectoryName(path) ?? "";

    private static IEnumerable<KeyValuePair<string, ModelNode>> OnlyReachable(Dictionary<string, ModelNode> entries) =>
        entries.Where(e =>
        {
            for (var folder = e.Key; folder.Length > 0;)
            {
                folder = Folder(folder);
                if (!entries.ContainsKey(folder))
                    return false;
            }
            return true;
        });

    private long Used() => _entries.Values.Distinct().Sum(n => n.Length);

    private void Change(EntryChange change)
    {
        if (change.Node is not null && (!_entries.TryGetValue(Folder(change.Path), out var folder) || !folder.IsDirectory))
            throw new DiskException(DiskFault.Missing, "making", change.Path, "its folder doesn't exist");
        change.Apply(_entries);
        _changes.Add(change);
    }

    private void RefuseIfOff()
    {
        if (_isOff)
            throw new PowerCutException();
    }

    /// <param name="Path">The entry that is set.</param>
    /// <param name="Node">What it names from now on; null: nothing.</param>
    /// <param name="From">The entry that it was moved from.</param>
    private sealed record EntryChange(string Path, ModelNode? Node, string? From)
    {
        public string Folder => ModelDisk.Folder(Path);

        public void Apply(Dictionary<string, ModelNode> entries)
        {
            if (From is not null && (!entries.TryGetValue(From, out var moved) || moved != Node))
                return; // the creation of what was moved is lost, so there is nothing to move
            if (From is not null)
                entries.Remove(From);
            if (Node is null)
                entries.Remove(Path);
            else
                entries[Path] = Node;
        }
    }
}

/// <summary>The disk is off: whatever runs is dead and must not see this as a fault that it can handle.</summary>
internal sealed class PowerCutException() : Exception("The disk is off.");

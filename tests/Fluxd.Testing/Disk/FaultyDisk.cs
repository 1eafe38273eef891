using Fluxd.Core;
using Fluxd.Store.Disk;

namespace Fluxd.Testing.Disk;

internal enum DiskOperation
{
    Create,
    Write,
    Sync,
    SetLength,
    Allocate,
    CreateDirectory,
    SyncDirectory,
    Rename,
    Remove,
    Open,
    Read,
    List,
}

internal enum Fault
{
    /// <summary>Nothing is done: EIO.</summary>
    Failed,

    /// <summary>Nothing is done: ENOSPC.</summary>
    Full,

    /// <summary>A part of a write is done, then EIO; other operations just fail.</summary>
    Torn,

    /// <summary>A part of a write is done, then ENOSPC; other operations just fail.</summary>
    TornFull,

    /// <summary>A sync fails and what was to be synced is gone, as after a failed write-back (on a <see cref="ModelDisk"/>).</summary>
    LostPages,

    /// <summary>Done, and reported as failed.</summary>
    DoneButFailed,

    /// <summary>The process is dead: this and every later operation throws <see cref="PowerCutException"/>.</summary>
    Dead,
}

/// <summary>
/// A disk whose operations fail on purpose. Those that change something are counted from 1; <see cref="Plan"/> sees
/// each before it is done and may name a fault. Reads, opens and listings are shown with the number 0.
/// </summary>
internal sealed class FaultyDisk(IDisk inner) : IDisk
{
    private readonly Lock _lock = new();
    private int _changes;
    private bool _isDead;

    /// <summary>(number, operation, path) to a fault, or null to let it pass.</summary>
    public Func<int, DiskOperation, string, Fault?> Plan { get; set; } = (_, _, _) => null;

    /// <summary>Operations so far that change something: the range for a test that fails each in turn.</summary>
    public int Changes => Volatile.Read(ref _changes);

    /// <summary>Whether a fault has been raised.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Fails one operation.</summary>
    public void FailAt(int number, Fault fault) => Plan = (n, _, _) => n == number ? fault : null;

    /// <summary>Fails this operation and every later one that changes something.</summary>
    public void FailFrom(int number, Fault fault) => Plan = (n, _, _) => n >= number ? fault : null;

    public IDiskFile Open(string path, DiskMode mode)
    {
        var creates = mode == DiskMode.CreateNew || mode == DiskMode.Truncate;
        IDiskFile? file = null;
        Do(creates ? DiskOperation.Create : DiskOperation.Open, path, () => file = inner.Open(path, mode));
        return new FaultyFile(this, file!);
    }

    public IDiskFile Lock(string path) => new FaultyFile(this, inner.Lock(path));

    public void CreateDirectory(string path) => Do(DiskOperation.CreateDirectory, path, () => inner.CreateDirectory(path));

    public void SyncDirectory(string path) => Do(DiskOperation.SyncDirectory, path, () => inner.SyncDirectory(path));

    public void Rename(string from, string to) => Do(DiskOperation.Rename, from, () => inner.Rename(from, to));

    public void Remove(string path) => Do(DiskOperation.Remove, path, () => inner.Remove(path));

    public bool Exists(string path)
    {
        bool exists = false;
        Do(DiskOperation.Open, path, () => exists = inner.Exists(path));
        return exists;
    }

    public IReadOnlyList<DiskEntry> List(string path)
    {
        IReadOnlyList<DiskEntry> entries = [];
        Do(DiskOperation.List, path, () => entries = inner.List(path));
        return entries;
    }

    public DiskSpace Space() => inner.Space();

    public string? UntrustedFileSystem() => inner.UntrustedFileSystem();

    internal void Do(DiskOperation operation, string path, Action action, Action? doPart = null, Action? loseUnsynced = null)
    {
        var fault = Next(operation, path);
        if (fault is null)
        {
            action();
            return;
        }
        HasFailed = true;
        if (fault is Fault.Torn or Fault.TornFull or Fault.Dead)
            doPart?.Invoke();
        else if (fault == Fault.LostPages)
            loseUnsynced?.Invoke();
        else if (fault == Fault.DoneButFailed)
            action();
        throw fault switch
        {
            Fault.Dead => new PowerCutException(),
            Fault.Full or Fault.TornFull => new DiskException(DiskFault.Full, operation.ToString(), path, "no space left (on purpose)"),
            _ => new DiskException(DiskFault.Failed, operation.ToString(), path, "input/output error (on purpose)"),
        };
    }

    private Fault? Next(DiskOperation operation, string path)
    {
        lock (_lock)
        {
            if (_isDead)
                throw new PowerCutException();
            var number = operation >= DiskOperation.Open ? 0 : ++_changes;
            var fault = Plan(number, operation, path);
            _isDead = fault == Fault.Dead;
            return fault;
        }
    }
}

/// <summary>An open file of a <see cref="FaultyDisk"/>.</summary>
internal sealed class FaultyFile(FaultyDisk disk, IDiskFile inner) : IDiskFile
{
    public string Path => inner.Path;

    public long Length => inner.Length;

    public int Read(Span<byte> buffer, long offset)
    {
        var read = 0;
        var copy = new byte[buffer.Length];
        disk.Do(DiskOperation.Read, Path, () => read = inner.Read(copy, offset));
        copy.AsSpan(0, read).CopyTo(buffer);
        return read;
    }

    public void Write(ReadOnlySpan<byte> data, long offset)
    {
        var copy = data.ToArray();
        disk.Do(DiskOperation.Write, Path, () => inner.Write(copy, offset), () => inner.Write(copy.AsSpan(0, copy.Length / 2), offset));
    }

    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> pieces, long offset)
    {
        byte[] all = [.. pieces.SelectMany(p => p.ToArray())];
        Write(all, offset);
    }

    public void Sync() =>
        disk.Do(DiskOperation.Sync, Path, inner.Sync, loseUnsynced: () => (inner as ModelFile)?.DropUnsynced());

    public void SetLength(long length) => disk.Do(DiskOperation.SetLength, Path, () => inner.SetLength(length));

    public void Allocate(long length) => disk.Do(DiskOperation.Allocate, Path, () => inner.Allocate(length));

    public void Advise(long offset, long length, DiskAdvice advice) => inner.Advise(offset, length, advice);

    public void Dispose() => inner.Dispose();
}

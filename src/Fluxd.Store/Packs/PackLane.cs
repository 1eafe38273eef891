using Fluxd.Store.Disk;

namespace Fluxd.Store.Packs;

/// <summary>
/// One line of packs that are filled one after the other: appends go to the current pack; a full one stays until its
/// group is committed and is then sealed. Uploads on different lanes don't interleave, so a file's chunks stay together.
/// One owner at a time.
/// </summary>
/// <param name="packs">Where packs are made.</param>
/// <param name="nextPack">Gives an id that no pack ever had.</param>
/// <param name="packBytes">Where a pack is full.</param>
internal sealed class PackLane(IPackStore packs, Func<long> nextPack, long packBytes) : IDisposable
{
    private readonly List<IPackWriter> _full = [];
    private IPackWriter? _current;

    /// <summary>Packs with chunks that no trailer lists yet, in the order in which they were filled.</summary>
    public IReadOnlyList<IPackWriter> Touched =>
        [.. from writer in _current is null ? _full : _full.Append(_current) where writer.OpenChunks.Count > 0 select writer];

    /// <summary>The pack to append to: for a group's journal record, and for extents.</summary>
    public IPackWriter Current
    {
        get
        {
            if (_current is { IsSuspect: false })
                return _current;
            // A suspect pack is left as it is: its synced segments are good, and the next start cuts the rest.
            _current?.Dispose();
            _current = null;
            return _current = packs.Create(nextPack());
        }
    }

    /// <summary>The pack to append so many bytes to: the next one where the present one is full.</summary>
    public IPackWriter CurrentFor(int bytes)
    {
        if (_current is { IsSuspect: false, Length: > 0 } && _current.Length + bytes > packBytes)
        {
            _full.Add(_current);
            _current = null;
        }
        return Current;
    }

    /// <summary>Appends chunks back to back, all to one pack; says where the first is.</summary>
    public PackPlace Append(ReadOnlySpan<byte> payload, ReadOnlySpan<ChunkEntry> chunks)
    {
        var writer = CurrentFor(payload.Length);
        return new PackPlace(writer.Pack, writer.Append(payload, chunks));
    }

    /// <summary>Lets go of a pack whose group failed: what it holds unsynced is to be appended again, elsewhere.</summary>
    public void Abandon(IPackWriter writer)
    {
        if (!_full.Remove(writer) && _current == writer)
            _current = null;
        writer.Dispose();
    }

    /// <summary>Seals the packs that are full and have no open segment. Call it when the group is committed: nobody waits
    /// for it. Gives the ids of the sealed packs.</summary>
    public IReadOnlyList<long> SealFull()
    {
        if (_current is { IsSuspect: false, OpenChunks.Count: 0 } && _current.Length >= packBytes)
        {
            _full.Add(_current);
            _current = null;
        }
        var ready = _full.Where(w => w.OpenChunks.Count == 0 && !w.IsSuspect).ToList();
        var done = new List<long>(ready.Count);
        foreach (var writer in ready)
        {
            try
            {
                writer.Seal();
            }
            catch (DiskException e) when (e.Fault == DiskFault.Full && !writer.IsSuspect)
            {
                // What it holds is committed, sealed or not. Another time, or at the next start.
                continue;
            }
            _full.Remove(writer);
            writer.Dispose();
            done.Add(writer.Pack);
        }
        return done;
    }

    /// <summary>Seals what is committed, so that the next start finds closed packs; then lets go of the files.</summary>
    public IReadOnlyList<long> SealAll()
    {
        if (_current is { Length: > 0 })
            _full.Add(_current);
        else
            _current?.Dispose();
        _current = null;
        return SealFull();
    }

    public void Dispose()
    {
        foreach (var writer in _full)
            writer.Dispose();
        _full.Clear();
        _current?.Dispose();
        _current = null;
    }
}

/// <summary>Where a chunk's stored bytes begin.</summary>
internal readonly record struct PackPlace(long Pack, long Offset);

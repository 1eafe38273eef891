namespace Fluxd.Testing.Disk;

/// <summary>A change of a file since its last sync: bytes written at an offset, or (without bytes) a new length.</summary>
internal sealed record FileChange(long Offset, byte[]? Data, long Length);

/// <summary>A file's content, durable and since; or a folder. Guarded by its disk's lock.</summary>
internal sealed class ModelNode
{
    private const int Sector = 512;

    private readonly List<FileChange> _changes = [];
    private byte[] _durable = [];
    private byte[] _content = [];
    private int _length;
    private int _durableLength;

    private ModelNode(bool isDirectory) => IsDirectory = isDirectory;

    public bool IsDirectory { get; }

    public long Length => _length;

    public int Unsynced => _changes.Count;

    public static ModelNode File() => new(isDirectory: false);

    public static ModelNode Directory() => new(isDirectory: true);

    public int Read(Span<byte> buffer, long offset)
    {
        var count = (int)Math.Clamp(_length - offset, 0, buffer.Length);
        _content.AsSpan((int)Math.Min(offset, _length), count).CopyTo(buffer);
        return count;
    }

    public void Apply(FileChange change)
    {
        _changes.Add(change);
        Apply(change, ref _content, ref _length);
    }

    public void Sync()
    {
        foreach (var change in _changes)
            Apply(change, ref _durable, ref _durableLength);
        _changes.Clear();
    }

    /// <summary>What a failed sync may do: the pages are clean again and were never written.</summary>
    public void DropUnsynced()
    {
        _changes.Clear();
        _content = [.. _durable];
        _length = _durableLength;
    }

    public ModelNode AfterPowerCut(Random random)
    {
        var survivor = new ModelNode(IsDirectory) { _durable = [.. _durable], _durableLength = _durableLength };
        var everything = random.Next(4);
        for (var i = 0; i < _changes.Count; i++)
        {
            var keep = everything switch { 0 => false, 1 => true, _ => random.Next(2) == 0 };
            if (keep)
                Apply(_changes[i], ref survivor._durable, ref survivor._durableLength);
            else if (_changes[i].Data is { Length: > 0 } data && random.Next(3) == 0)
                survivor.Tear(_changes[i].Offset, data, random);
        }
        // The length may be ahead of the data: such a stretch reads as zeros.
        if (_length > survivor._durableLength && random.Next(3) == 0)
            Apply(new FileChange(0, null, _length), ref survivor._durable, ref survivor._durableLength);
        survivor._content = [.. survivor._durable];
        survivor._length = survivor._durableLength;
        return survivor;
    }

    /// <summary>Some sectors of a write reach the disk, one of them in part.</summary>
    private void Tear(long offset, byte[] data, Random random)
    {
        var tornAt = random.Next(data.Length);
        for (var at = 0; at < data.Length; at += Sector)
        {
            var length = Math.Min(Sector, data.Length - at);
            if (tornAt >= at && tornAt < at + length)
                length = tornAt - at;
            else if (random.Next(2) == 0)
                continue;
            if (length > 0)
                Apply(new FileChange(offset + at, data[at..(at + length)], 0), ref _durable, ref _durableLength);
        }
    }

    private static void Apply(FileChange change, ref byte[] content, ref int length)
    {
        var end = checked((int)(change.Data is null ? change.Length : Math.Max(length, change.Offset + change.Data.Length)));
        if (end > content.Length)
            Array.Resize(ref content, Math.Max(end, content.Length * 2));
        if (end < length)
            content.AsSpan(end, length - end).Clear();
        change.Data?.CopyTo(content, (int)change.Offset);
        length = end;
    }
}

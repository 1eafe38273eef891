using Fluxd.Store.Disk;

namespace Fluxd.Testing.Disk;

/// <summary>An open file of a <see cref="ModelDisk"/>.</summary>
internal sealed class ModelFile(ModelDisk disk, string path, ModelNode node, bool isWritable) : IDiskFile
{
    private bool _isDisposed;

    public string Path => path;

    public ModelNode Node => node;

    public bool IsLock { get; set; }

    public long Length => disk.Locked(() => node.Length);

    public int Read(Span<byte> buffer, long offset)
    {
        Refuse(writing: false);
        var copy = new byte[buffer.Length];
        var read = disk.Locked(() => node.Read(copy, offset));
        copy.AsSpan(0, read).CopyTo(buffer);
        return read;
    }

    public void Write(ReadOnlySpan<byte> data, long offset) => Change(new FileChange(offset, data.ToArray(), 0), offset + data.Length);

    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> pieces, long offset)
    {
        byte[] all = [.. pieces.SelectMany(p => p.ToArray())];
        Write(all, offset);
    }

    public void Sync()
    {
        Refuse(writing: false);
        disk.Locked(() =>
        {
            node.Sync();
            return true;
        });
    }

    /// <summary>See <see cref="ModelNode.DropUnsynced"/>.</summary>
    public void DropUnsynced() => disk.Locked(() =>
    {
        node.DropUnsynced();
        return true;
    });

    public void SetLength(long length) => Change(new FileChange(0, null, length), length);

    public void Allocate(long length)
    {
        if (length > Length)
            SetLength(length);
    }

    public void Advise(long offset, long length, DiskAdvice advice)
    {
    }

    public void Dispose()
    {
        _isDisposed = true;
        if (IsLock)
            disk.Unlock(node);
    }

    private void Change(FileChange change, long end)
    {
        Refuse(writing: true);
        disk.Locked(() =>
        {
            if (!disk.HasRoomFor(end - node.Length))
                throw new DiskException(DiskFault.Full, "writing", path, "no space left");
            node.Apply(change);
            return true;
        });
    }

    private void Refuse(bool writing)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (writing && !isWritable)
            throw new DiskException(DiskFault.ReadOnly, "writing", path, "opened for reading");
    }
}

using Fluxd.Store.Disk;

namespace Fluxd.Store.Files;

/// <summary>Makes scratch files in <c>spool/</c>, which is emptied at start: nothing in it was promised to anybody.</summary>
/// <param name="prefix">Keeps the names of several makers apart.</param>
internal sealed class Spool(IDisk disk, string prefix = "")
{
    private const string Folder = "spool";
    private long _next;

    public void Clear()
    {
        disk.CreateDirectory(Folder);
        foreach (var entry in disk.List(Folder).Where(entry => !entry.IsDirectory))
        {
            disk.Remove($"{Folder}/{entry.Name}");
        }
    }

    /// <summary>The file has no name while it is open: it goes with its handle, however the process ends.</summary>
    public Scratch Create()
    {
        var path = $"{Folder}/{prefix}{Interlocked.Increment(ref _next)}";
        var file = disk.Open(path, DiskMode.CreateNew);
        disk.Remove(path);
        return new Scratch(file);
    }
}

/// <summary>Bytes written out of order, at their own offsets in a sparse file, and a map of which are there. One caller at a time.</summary>
internal sealed class Scratch(IDiskFile file) : IDisposable
{
    public ExtentMap Map { get; } = new();

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        file.Write(data, offset);
        Map.Add(offset, offset + data.Length);
    }

    public int Read(long offset, Span<byte> buffer) => file.Read(buffer, offset);

    public void Dispose() => file.Dispose();
}

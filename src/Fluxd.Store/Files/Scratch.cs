using Fluxd.Core;
using Fluxd.Store.Disk;

namespace Fluxd.Store.Files;

/// <summary>Makes scratch files in <c>spool/</c>, which is emptied at start: nothing in it was promised to anybody.</summary>
/// <param name="prefix">Keeps the names of several makers apart.</param>
/// <param name="requireRoom">Throws NoSpace when so many bytes should not be written: scratch bytes fill a disk as any others do.</param>
internal sealed class Spool(IDisk disk, string prefix = "", Action<long>? requireRoom = null)
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
    public Scratch Create() => Scratch.InWords(() =>
    {
        var path = $"{Folder}/{prefix}{Interlocked.Increment(ref _next)}";
        var file = disk.Open(path, DiskMode.CreateNew);
        try
        {
            disk.Remove(path);
            return new Scratch(file, requireRoom);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    });
}

/// <summary>Bytes written out of order, at their own offsets in a sparse file, and a map of which are there. One caller at a time.</summary>
internal sealed class Scratch(IDiskFile file, Action<long>? requireRoom = null) : IDisposable
{
    public ExtentMap Map { get; } = new();

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        requireRoom?.Invoke(data.Length);
        try
        {
            file.Write(data, offset);
        }
        catch (DiskException e)
        {
            throw InWords(e);
        }

        Map.Add(offset, offset + data.Length);
    }

    public int Read(long offset, Span<byte> buffer)
    {
        try
        {
            return file.Read(buffer, offset);
        }
        catch (DiskException e)
        {
            throw InWords(e);
        }
    }

    public void Dispose() => file.Dispose();

    internal static T InWords<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (DiskException e)
        {
            throw InWords(e);
        }
    }

    /// <summary>A disk's failure as callers are told it: only this write is affected, nothing committed.</summary>
    private static FluxException InWords(DiskException e) => e.Fault == DiskFault.Full
        ? new FluxException(FluxError.NoSpace, "The disk is full; free some space and try again.", e)
        : new FluxException(FluxError.Unavailable, "The server's disk failed; nothing of this write is kept. Try again, and tell an administrator.", e);
}

using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fluxd.Store.Disk;

/// <summary>An open file of <see cref="LocalDisk"/>.</summary>
internal sealed class LocalFile(string path, SafeFileHandle handle, FileStream? owner) : IDiskFile
{
    public string Path => path;

    public long Length => LocalFaults.Guard("measuring", path, () => RandomAccess.GetLength(handle));

    public int Read(Span<byte> buffer, long offset)
    {
        try
        {
            var read = 0;
            while (read < buffer.Length)
            {
                var got = RandomAccess.Read(handle, buffer[read..], offset + read);
                if (got == 0)
                    break;
                read += got;
            }
            return read;
        }
        catch (Exception e) when (LocalFaults.IsDiskFault(e))
        {
            throw LocalFaults.Of("reading", path, e);
        }
    }

    public void Write(ReadOnlySpan<byte> data, long offset)
    {
        try
        {
            RandomAccess.Write(handle, data, offset);
        }
        catch (Exception e) when (LocalFaults.IsDiskFault(e))
        {
            throw LocalFaults.Of("writing", path, e);
        }
    }

    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> pieces, long offset) =>
        LocalFaults.Guard("writing", path, () => RandomAccess.Write(handle, pieces, offset));

    public void Sync()
    {
        if (!OperatingSystem.IsLinux())
            LocalFaults.Guard("syncing", path, () => RandomAccess.FlushToDisk(handle)); // F_FULLFSYNC on macOS
        else if (Libc.SyncData(handle) != 0)
            throw LastError("syncing");
    }

    public void SetLength(long length) =>
        LocalFaults.Guard("resizing", path, () => RandomAccess.SetLength(handle, length));

    public void Allocate(long length)
    {
        if (!OperatingSystem.IsLinux())
        {
            WriteZeros(length);
            return;
        }
        var error = Libc.Allocate(handle, 0, length); // the error is the result, errno isn't set
        if (error != 0)
            throw new DiskException(LocalFaults.Of(error), "reserving", path, new Win32Exception(error).Message);
    }

    public void Advise(long offset, long length, DiskAdvice advice)
    {
        if (OperatingSystem.IsLinux())
            _ = Libc.Advise(handle, offset, length, advice == DiskAdvice.WillNeed ? 3 : 4);
    }

    /// <summary>flock: held by this open file, dropped by the kernel with the process at the latest.</summary>
    internal bool TryLock() => Libc.TryLock(handle);

    public void Dispose()
    {
        handle.Dispose();
        owner?.Dispose();
    }

    private void WriteZeros(long length)
    {
        var zeros = new byte[1 << 20];
        for (var at = Length; at < length; at += zeros.Length)
            Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, length - at)), at);
    }

    private DiskException LastError(string operation)
    {
        var error = Marshal.GetLastPInvokeError();
        return new DiskException(LocalFaults.Of(error), operation, path, new Win32Exception(error).Message);
    }
}

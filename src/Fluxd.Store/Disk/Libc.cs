using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fluxd.Store.Disk;

/// <summary>The few calls that the runtime has no name for.</summary>
internal static partial class Libc
{
    private const string Library = "libc";
    private const int LockExclusiveNow = 2 | 4;

    internal static int OpenDirectory(string path)
    {
        var closeOnExec = OperatingSystem.IsLinux() ? 0x80000 : 0x1000000;
        return Open(path, closeOnExec);
    }

    internal static bool TryLock(SafeFileHandle file) => FLock(file, LockExclusiveNow) == 0;

    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    internal static partial int Sync(int descriptor);

    [LibraryImport(Library, EntryPoint = "sync")]
    internal static partial void SyncAll();

    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int SyncData(SafeFileHandle file);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int descriptor);

    [LibraryImport(Library, EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Unlink(string path);

    // The 64-bit entry points: off_t is 64 bits on every system fluxd runs on.
    [LibraryImport(Library, EntryPoint = "posix_fallocate")]
    internal static partial int Allocate(SafeFileHandle file, long offset, long length);

    [LibraryImport(Library, EntryPoint = "posix_fadvise")]
    internal static partial int Advise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport(Library, EntryPoint = "statfs", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static unsafe partial int StatFileSystem(string path, byte* buffer);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    private static partial int FLock(SafeFileHandle file, int operation);

    // open is variadic; without O_CREAT it reads no third argument.
    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}

using Fluxd.Core;

namespace Fluxd.Store.Disk;

/// <summary>
/// All that the store's files ask of a disk: small enough that tests can fail, tear or lose any one operation.
/// Paths are relative to the store's folder, separated by '/'; "" is that folder. Calls block (the page cache answers
/// nearly all of them; an asynchronous read of a cached page costs three quarters more CPU) and are safe from any
/// thread. Every failure is a <see cref="DiskException"/>.
/// <para>What survives power loss: a file's bytes and length after <see cref="IDiskFile.Sync"/>, an entry's creation,
/// renaming or removal after <see cref="SyncDirectory"/> of its folder. Nothing else, and not in any order.</para>
/// </summary>
internal interface IDisk
{
    /// <summary>Opens a file. The caller disposes it.</summary>
    IDiskFile Open(string path, DiskMode mode);

    /// <summary>Opens or creates a file and locks it against every other process; the kernel drops the lock with the
    /// process. Fails with <see cref="DiskFault.Locked"/> when another holds it.</summary>
    IDiskFile Lock(string path);

    /// <summary>Makes a folder; fine when it is there. Its parent must be there.</summary>
    void CreateDirectory(string path);

    /// <summary>Makes the entries of a folder durable.</summary>
    void SyncDirectory(string path);

    /// <summary>Renames a file within one folder, replacing any file of the new name: after a power loss the name shows
    /// the old file or the new one.</summary>
    void Rename(string from, string to);

    /// <summary>Removes a file. Open handles of it go on reading.</summary>
    void Remove(string path);

    bool Exists(string path);

    /// <summary>The files and folders in a folder, in no order.</summary>
    IReadOnlyList<DiskEntry> List(string path);

    DiskSpace Space();

    /// <summary>Does the store's folder lie on a network or user-space file system, whose locks and syncs can't be
    /// trusted? Its name if so, null if not.</summary>
    string? UntrustedFileSystem();
}

/// <summary>An open file. Disposing it drops a lock that it holds.</summary>
internal interface IDiskFile : IDisposable
{
    string Path { get; }

    long Length { get; }

    /// <summary>Reads at an offset; less than asked only at the end of the file.</summary>
    int Read(Span<byte> buffer, long offset);

    /// <summary>Writes all, or throws after writing any part of it.</summary>
    void Write(ReadOnlySpan<byte> data, long offset);

    /// <summary>Writes the pieces one behind the other, all or throws.</summary>
    void Write(IReadOnlyList<ReadOnlyMemory<byte>> pieces, long offset);

    /// <summary>Makes bytes and length durable. After a failure the state of everything written since the last success
    /// is unknown, and a later success says nothing about it: the kernel may have dropped the pages.</summary>
    void Sync();

    void SetLength(long length);

    /// <summary>Gives the file real blocks up to this length, so that filling them later can't run out of space.</summary>
    void Allocate(long length);

    /// <summary>A hint; never fails.</summary>
    void Advise(long offset, long length, DiskAdvice advice);
}

internal enum DiskMode
{
    /// <summary>Must exist; reading only.</summary>
    Read,

    /// <summary>Must exist; reading and writing.</summary>
    Write,

    /// <summary>Must not exist; reading and writing.</summary>
    CreateNew,

    /// <summary>Made, or emptied if it exists; reading and writing.</summary>
    Truncate,
}

internal enum DiskAdvice
{
    /// <summary>Will be read soon: fetch it.</summary>
    WillNeed,

    /// <summary>Won't be read again soon: make room for others.</summary>
    DontNeed,
}

internal readonly record struct DiskEntry(string Name, bool IsDirectory, long Length);

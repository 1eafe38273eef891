using System.ComponentModel;
using System.Runtime.InteropServices;
using Fluxd.Core;

namespace Fluxd.Store.Disk;

/// <summary>A folder of a local file system.</summary>
internal sealed class LocalDisk(string root) : IDisk
{
    // Owner only: packs hold everybody's bytes, store.json a key.
    private const UnixFileMode FilePermissions = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode DirectoryPermissions = FilePermissions | UnixFileMode.UserExecute;

    private readonly string _root = Path.GetFullPath(root);

    public IDiskFile Open(string path, DiskMode mode) => mode switch
    {
        DiskMode.Read => OpenFile(path, FileMode.Open, FileAccess.Read),
        DiskMode.Write => OpenFile(path, FileMode.Open, FileAccess.ReadWrite),
        DiskMode.CreateNew => OpenFile(path, FileMode.CreateNew, FileAccess.ReadWrite),
        _ => OpenFile(path, FileMode.Create, FileAccess.ReadWrite),
    };

    public IDiskFile Lock(string path)
    {
        // Opened unshared, the runtime takes the flock itself, but an environment variable can turn that off.
        var file = OpenFile(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        if (file.TryLock())
            return file;
        file.Dispose();
        throw new DiskException(DiskFault.Locked, "locking", path, "another process holds the lock");
    }

    public void CreateDirectory(string path) =>
        LocalFaults.Guard("making", path, () =>
        {
            if (OperatingSystem.IsWindows())
                throw new PlatformNotSupportedException("The store needs Linux or macOS.");
            Directory.CreateDirectory(Full(path), DirectoryPermissions);
        });

    public void SyncDirectory(string path)
    {
        var descriptor = Libc.OpenDirectory(Full(path));
        if (descriptor < 0)
            throw LastError("opening", path);
        try
        {
            if (Libc.Sync(descriptor) != 0)
                throw LastError("syncing", path);
        }
        finally
        {
            _ = Libc.Close(descriptor);
        }
    }

    public void Rename(string from, string to) =>
        LocalFaults.Guard("renaming", from, () => File.Move(Full(from), Full(to), overwrite: true));

    public void Remove(string path)
    {
        // File.Delete is silent about a missing file; the caller should hear of it.
        if (Libc.Unlink(Full(path)) != 0)
            throw LastError("removing", path);
    }

    public bool Exists(string path) => Path.Exists(Full(path));

    public IReadOnlyList<DiskEntry> List(string path) => LocalFaults.Guard("listing", path, () =>
        new DirectoryInfo(Full(path)).EnumerateFileSystemInfos()
            .Select(entry => new DiskEntry(entry.Name, entry is DirectoryInfo, (entry as FileInfo)?.Length ?? 0))
            .ToList());

    public DiskSpace Space() => LocalFaults.Guard("measuring", "", () => DiskSpace.Of(_root));

    public string? UntrustedFileSystem() => FileSystems.Untrusted(_root);

    private string Full(string path) => path.Length == 0 ? _root : Path.Combine(_root, path);

    private LocalFile OpenFile(
        string path, FileMode mode, FileAccess access, FileShare share = FileShare.ReadWrite | FileShare.Delete) =>
        LocalFaults.Guard("opening", path, () =>
        {
            if (OperatingSystem.IsWindows())
                throw new PlatformNotSupportedException("The store needs Linux or macOS.");
            var full = Full(path);
            if (mode == FileMode.Open)
                return new LocalFile(path, File.OpenHandle(full, mode, access, share), null);
            // Only a stream can be given the permissions of the file that it makes.
            var options = new FileStreamOptions
            {
                Mode = mode,
                Access = access,
                Share = share,
                BufferSize = 0,
                UnixCreateMode = FilePermissions,
            };
            var stream = new FileStream(full, options);
            return new LocalFile(path, stream.SafeFileHandle, stream);
        });

    private static DiskException LastError(string operation, string path)
    {
        var error = Marshal.GetLastPInvokeError();
        return new DiskException(LocalFaults.Of(error), operation, path, new Win32Exception(error).Message);
    }
}

namespace Fluxd.Store.Disk;

internal enum DiskFault
{
    /// <summary>EIO and everything else that has no branch of its own.</summary>
    Failed,

    /// <summary>No space or no quota left.</summary>
    Full,

    Missing,

    Exists,

    /// <summary>Another process holds the lock.</summary>
    Locked,

    /// <summary>The file system is mounted read-only, as kernels do after errors, or permission is missing.</summary>
    ReadOnly,
}

/// <summary>A disk operation failed. The message names the path: it is for the log, never for a client.</summary>
internal sealed class DiskException : IOException
{
    public DiskException(DiskFault fault, string operation, string path, string reason, Exception? cause = null)
        : base($"{operation} of '{path}' failed: {reason}", cause) => (Fault, Path) = (fault, path);

    public DiskFault Fault { get; }

    public string Path { get; }
}

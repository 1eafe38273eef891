namespace Fluxd.Store.Files;

/// <summary>The bounds of trees, open files and the past.</summary>
internal static class FilesLimits
{
    /// <summary>Paths whose way is remembered until the next commit, at about half a KiB each.</summary>
    public const int KnownWalks = 4096;

    /// <summary>Digests that were asked for, at about 300 bytes each.</summary>
    public const int KnownDigests = 4096;

    /// <summary>Nodes that one call copies or removes in one transaction: it holds the committer, and everybody waits meanwhile.</summary>
    public const int TreeNodesMax = 1_000_000;

    /// <summary>A dropped write is kept from here on even if the daemon dies: less is sent again faster than it is looked up.</summary>
    public const long KeepFrom = 4 << 20;

    /// <summary>What a dying daemon may cost a sequential SFTP upload: half a second of a fast link.</summary>
    public const long KeepEvery = 64 << 20;

    /// <summary>Pieces in one scratch file's map: 64 Ki random writes of 32 KiB are 2 GiB of touched file; then they are folded in.</summary>
    public const int ExtentsMax = 65_536;

    /// <summary>One buffer's worth when bytes move inside the store.</summary>
    public const int CopyBytes = 256 << 10;

    /// <summary>Largest file offset: what SFTP and HTTP clients can name with a signed integer, with room for arithmetic.</summary>
    public const long FileBytesMax = 1L << 60;

    /// <summary>Commits of one file in quick succession leave at most one version in this time.</summary>
    public static readonly TimeSpan VersionSpacing = TimeSpan.FromMinutes(10);

    /// <summary>Trash entries or versions that one slice of expiry takes: bounds its time on the committer.</summary>
    public const int ExpirySlice = 1000;

    /// <summary>Snapshot names of one listing: 30 days of hours.</summary>
    public const int SnapshotsListedMax = 24 * 31;

    /// <summary>Rows that a sweep of a tree's own chunks reads or writes at once: milliseconds on the committer.</summary>
    public const int SweepPage = 1000;

    /// <summary>Ranges that such a sweep gathers, 16 bytes each: a tree of more pieces has the rest written once more when it comes again.</summary>
    public const int OwnRangesMax = 1 << 20;
}

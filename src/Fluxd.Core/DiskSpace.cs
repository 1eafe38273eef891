namespace Fluxd.Core;

/// <summary>The room of one file system, counted as df does: what is kept back for root is neither free nor used.</summary>
/// <param name="Free">Bytes that this process may still write.</param>
/// <param name="Total">Used and free bytes together.</param>
public readonly record struct DiskSpace(long Free, long Total)
{
    /// <summary>Full to here, an administrator is told.</summary>
    public const int WarnPercent = 80;

    /// <summary>Full to here, new data is refused.</summary>
    public const int RefusePercent = 95;

    /// <summary>Rounded up, as df rounds it.</summary>
    public int PercentUsed => Total <= 0 ? 0 : 100 - (int)(100.0 * Free / Total);

    /// <param name="path">A folder on that file system.</param>
    public static DiskSpace Of(string path)
    {
        var drive = new DriveInfo(path);
        var free = drive.AvailableFreeSpace;
        return new DiskSpace(free, drive.TotalSize - drive.TotalFreeSpace + free);
    }
}

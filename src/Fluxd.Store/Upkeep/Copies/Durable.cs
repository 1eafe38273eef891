using Fluxd.Store.Disk;

namespace Fluxd.Store.Upkeep.Copies;

/// <summary>Syncs for files that are replaced whole: write, sync, rename, sync the folder.</summary>
internal static class Durable
{
    public static void Sync(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Flush(flushToDisk: true);
    }

    /// <summary>An empty file that only its owner can read: the catalogue holds password hashes.</summary>
    public static void CreatePrivate(string path)
    {
        File.Delete(path);
        using var made = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    public static void SyncFolder(string path) => new LocalDisk(path).SyncDirectory("");
}

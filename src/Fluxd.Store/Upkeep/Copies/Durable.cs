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

    public static void SyncFolder(string path) => new LocalDisk(path).SyncDirectory("");
}

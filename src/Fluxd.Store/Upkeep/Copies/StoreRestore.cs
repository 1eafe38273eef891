using Fluxd.Core;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep.Copies;

/// <summary>Makes a store out of a backup, in a folder that holds none. The daemon must not run on either of them.</summary>
internal static class StoreRestore
{
    /// <returns>Bytes copied.</returns>
    public static long Run(string backup, string target)
    {
        var manifest = StoreManifest.Read(new LocalDisk(backup)) ?? throw FluxException.NotFound("There is no backup in that folder: store.json is missing.");
        CatalogCopies.Check(Path.Combine(backup, "catalog.db"));
        Directory.CreateDirectory(target);
        var disk = new LocalDisk(target);
        if (disk.Exists(StoreManifest.FileName) || File.Exists(Path.Combine(target, "catalog.db")))
        {
            throw new FluxException(FluxError.Exists, "There is a store already; restore into an empty folder, or move the old one away first.");
        }

        PackStore.CreateFolders(disk);
        var bytes = 0L;
        foreach (var from in Directory.EnumerateFiles(Path.Combine(backup, PackLayout.Folder), "*.pack", SearchOption.AllDirectories))
        {
            var to = Path.Combine(target, Path.GetRelativePath(backup, from));
            File.Copy(from, to, overwrite: true);
            Durable.Sync(to);
            bytes += new FileInfo(to).Length;
        }

        foreach (var folder in Directory.EnumerateDirectories(Path.Combine(target, PackLayout.Folder)))
        {
            Durable.SyncFolder(folder);
        }

        File.Copy(Path.Combine(backup, "catalog.db"), Path.Combine(target, "catalog.db"));
        File.SetUnixFileMode(Path.Combine(target, "catalog.db"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Durable.Sync(Path.Combine(target, "catalog.db"));

        // Last: until then the folder is no store. The generation says that another history begins here.
        (manifest with { Generation = manifest.Generation + 1 }).Write(disk);
        return bytes;
    }

    /// <summary>
    /// Puts the newest copy in the place of a catalogue that is lost or damaged; the next start plays the log in the
    /// packs on top of it. The old file is kept beside it.
    /// </summary>
    public static CatalogCopy Rebuild(string catalogPath, CatalogCopies copies)
    {
        var copy = copies.List().FirstOrDefault(IsGood)
            ?? throw FluxException.NotFound("There is no good copy of the catalogue in snap/: restore a backup, or salvage the files' contents from the packs (docs/store-format.md).");
        foreach (var file in new[] { catalogPath, catalogPath + "-wal", catalogPath + "-shm" }.Where(File.Exists))
        {
            File.Move(file, file + ".damaged", overwrite: true);
        }

        File.Copy(copy.Path, catalogPath + ".new", overwrite: true);
        File.SetUnixFileMode(catalogPath + ".new", UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Durable.Sync(catalogPath + ".new");
        File.Move(catalogPath + ".new", catalogPath);
        Durable.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(catalogPath))!);
        return copy;
    }

    private static bool IsGood(CatalogCopy copy)
    {
        try
        {
            return CatalogCopies.Check(copy.Path) >= 0;
        }
        catch (Exception e) when (e is FluxException or Catalog.Sqlite.SqlException)
        {
            return false;
        }
    }
}

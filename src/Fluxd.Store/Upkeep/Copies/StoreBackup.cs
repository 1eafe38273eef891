using System.Globalization;
using Fluxd.Core;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using SQLitePCL;

namespace Fluxd.Store.Upkeep.Copies;

internal sealed record BackupReport(int PacksCopied, int PacksKept, int PacksRemoved, long BytesCopied, long Group);

/// <summary>
/// A backup is a store: the same folder layout, so restoring is copying back, and any program that reads a store reads
/// it. Sealed packs never change, so each is copied once; a later run into the same folder copies what is new. Made
/// while clients write: first the catalogue of one moment, then every pack that it names.
/// </summary>
internal sealed class StoreBackup(string store, string catalogPath)
{
    /// <param name="progress">Bytes of packs that are done, and of all.</param>
    public Task<BackupReport> RunAsync(string target, Action<long, long> progress, CancellationToken ct) => Task.Run(() => Run(target, progress, ct), ct);

    private BackupReport Run(string target, Action<long, long> progress, CancellationToken ct)
    {
        CheckTarget(target);

        // The catalogue holds password hashes: the backup is its owner's alone.
        Directory.CreateDirectory(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        PackStore.CreateFolders(new LocalDisk(target));
        var fresh = Path.Combine(target, "catalog.db.new");
        CatalogCopies.Write(catalogPath, fresh);

        var group = CatalogCopies.Check(fresh);
        var report = CopyPacks(target, ReadPacks(fresh), progress, ct) with { Group = group };
        Durable.Sync(fresh);
        File.Move(fresh, Path.Combine(target, "catalog.db"), overwrite: true);
        File.Copy(Path.Combine(store, StoreManifest.FileName), Path.Combine(target, StoreManifest.FileName + ".new"), overwrite: true);
        Durable.Sync(Path.Combine(target, StoreManifest.FileName + ".new"));
        File.Move(Path.Combine(target, StoreManifest.FileName + ".new"), Path.Combine(target, StoreManifest.FileName), overwrite: true);
        Durable.SyncFolder(target);
        return report with { PacksRemoved = RemoveOthers(target) };
    }

    private void CheckTarget(string target)
    {
        CopyTarget.RequireOutside(store, target);
        var manifest = Path.Combine(target, StoreManifest.FileName);
        if (File.Exists(manifest) && StoreManifest.Read(new LocalDisk(target))!.Uuid != StoreManifest.Read(new LocalDisk(store))!.Uuid)
        {
            throw new FluxException(FluxError.Exists, "That folder holds the backup of another store; name an empty one.");
        }

        if (!File.Exists(manifest) && Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any(entry => Path.GetFileName(entry) is not ("packs" or "catalog.db.new")))
        {
            throw new FluxException(FluxError.Exists, "That folder holds other things; name an empty one or one that a backup was made into.");
        }
    }

    private static List<(long Pack, long Length, bool IsOpen)> ReadPacks(string catalog)
    {
        var packs = new List<(long, long, bool)>();
        using var copy = Database.Open(catalog, raw.SQLITE_OPEN_READONLY);
        using var rows = copy.Sql("SELECT id, len, state FROM pack WHERE state <> 2 ORDER BY id");
        while (rows.Step())
        {
            packs.Add((rows.Long(0), rows.Long(1), rows.Long(2) == 0));
        }

        return packs;
    }

    private BackupReport CopyPacks(string target, List<(long Pack, long Length, bool IsOpen)> packs, Action<long, long> progress, CancellationToken ct)
    {
        var report = new BackupReport(0, 0, 0, 0, 0);
        var (done, all) = (0L, packs.Sum(pack => pack.Length));
        foreach (var (pack, length, isOpen) in packs)
        {
            progress(done, all);
            done += length;
            ct.ThrowIfCancellationRequested();
            var (from, to) = (Path.Combine(store, PackLayout.PathOf(pack)), Path.Combine(target, PackLayout.PathOf(pack)));
            var size = isOpen ? length : new FileInfo(from).Length;
            if (File.Exists(to) && new FileInfo(to).Length == size)
            {
                report = report with { PacksKept = report.PacksKept + 1 };
                continue;
            }

            File.Copy(from, to + ".new", overwrite: true);
            if (new FileInfo(to + ".new").Length < length)
            {
                throw new FluxException(FluxError.Corrupt, string.Create(CultureInfo.InvariantCulture, $"Pack {pack:x16} is shorter than what was committed; run fluxctl store fsck."));
            }

            // A pack that was open goes on growing. Commits beyond the catalogue's copy are left out of all such packs alike:
            // each was copied at another moment, and a log with a gap is a damaged one.
            using (var copy = File.OpenHandle(to + ".new", FileMode.Open, FileAccess.Write))
            {
                RandomAccess.SetLength(copy, Math.Min(size, RandomAccess.GetLength(copy)));
            }

            Durable.Sync(to + ".new");
            File.Move(to + ".new", to, overwrite: true);
            Durable.SyncFolder(Path.GetDirectoryName(to)!);
            report = report with { PacksCopied = report.PacksCopied + 1, BytesCopied = report.BytesCopied + new FileInfo(to).Length };
        }

        return report;
    }

    /// <summary>Packs that the store has let go of, and that the new copy of the catalogue does not name.</summary>
    private static int RemoveOthers(string target)
    {
        var named = ReadPacks(Path.Combine(target, "catalog.db")).Select(pack => pack.Pack).ToHashSet();
        var removed = 0;
        using var packs = new PackStore(new LocalDisk(target), StoreManifest.Read(new LocalDisk(target))!.Identity);
        foreach (var pack in packs.List().Where(pack => !named.Contains(pack.Pack)))
        {
            packs.Remove(pack.Pack);
            removed++;
        }

        return removed;
    }
}

using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>
/// What each tree holds and has reserved. Current data counts, in logical bytes and in entries; the past does not.
/// Checked when space is reserved and again, here, in the transaction that takes it: two writers can't both have the last byte.
/// </summary>
internal static class Quotas
{
    /// <summary>What the change itself had reserved is given back before, by <see cref="Release"/>.</summary>
    public static void Charge(CatalogTransaction db, Mount mount, long bytes, long files)
    {
        if (mount is { QuotaBytes: null, QuotaFiles: null })
        {
            Count(db, mount.Root, bytes, files);
            return;
        }

        var (held, count, reserved) = Of(db, mount.Root);
        if (bytes > 0 && mount.QuotaBytes is { } most && held + bytes + reserved > most)
        {
            throw Exceeded(mount, $"{most} bytes");
        }

        if (files > 0 && mount.QuotaFiles is { } mostFiles && count + files > mostFiles)
        {
            throw Exceeded(mount, $"{mostFiles} files");
        }

        Set(db, mount.Root, Math.Max(0, held + bytes), Math.Max(0, count + files), reserved);
    }

    /// <summary>Holds room for an upload on its way.</summary>
    public static void Reserve(CatalogTransaction db, Mount mount, long bytes)
    {
        var (held, count, reserved) = Of(db, mount.Root);
        if (bytes > 0 && mount.QuotaBytes is { } most && held + reserved + bytes > most)
        {
            throw Exceeded(mount, $"{most} bytes");
        }

        if (mount.QuotaFiles is { } mostFiles && count >= mostFiles)
        {
            throw Exceeded(mount, $"{mostFiles} files");
        }

        Set(db, mount.Root, held, count, reserved + bytes);
    }

    public static void Release(CatalogTransaction db, long root, long bytes)
    {
        var (held, count, reserved) = Of(db, root);
        Set(db, root, held, count, Math.Max(0, reserved - bytes));
    }

    /// <summary>Bytes that the tree could still take; <see cref="long.MaxValue"/> without a quota.</summary>
    public static long Free(CatalogReader db, Mount mount)
    {
        if (mount.QuotaBytes is not { } most)
        {
            return long.MaxValue;
        }

        var (held, _, reserved) = Of(db, mount.Root);
        return Math.Max(0, most - held - reserved);
    }

    public static Usage UsageOf(CatalogReader db, long root)
    {
        var (held, count, _) = Of(db, root);
        return new Usage(held, count);
    }

    public static SpaceInfo Space(CatalogReader db, Mount mount, SpaceInfo disk)
    {
        var (held, count, reserved) = Of(db, mount.Root);
        var bytes = mount.QuotaBytes ?? disk.BytesTotal;
        var files = mount.QuotaFiles ?? disk.FilesTotal;
        var bytesFree = mount.QuotaBytes is null ? disk.BytesFree : Math.Min(disk.BytesFree, Math.Max(0, bytes - held - reserved));
        return new SpaceInfo(bytes, bytesFree, files, Math.Max(0, files - count));
    }

    public static FluxException Exceeded(Mount mount, string limit) => new(FluxError.QuotaExceeded, mount.IsShared
        ? $"The shared folder \"{mount.Name}\" is limited to {limit}; remove something there, or ask for more."
        : $"Your quota of {limit} would be exceeded; remove something, or ask for more.");

    private static (long Bytes, long Files, long Reserved) Of(CatalogReader db, long root)
    {
        using var row = db.Sql("SELECT bytes, files, reserved FROM usage WHERE root = ?1").Bind(root);
        return row.Step() ? (row.Long(0), row.Long(1), row.Long(2)) : default;
    }

    /// <summary>Without a limit there is nothing to look at first.</summary>
    private static void Count(CatalogTransaction db, long root, long bytes, long files)
    {
        using var count = db.Sql("""
            INSERT INTO usage(root, bytes, files, reserved) VALUES (?1, max(0, ?2), max(0, ?3), 0)
            ON CONFLICT(root) DO UPDATE SET bytes = max(0, bytes + ?2), files = max(0, files + ?3)
            """).Bind(root).Bind(bytes).Bind(files);
        count.Run();
    }

    private static void Set(CatalogTransaction db, long root, long bytes, long files, long reserved)
    {
        using var set = db.Sql("""
            INSERT INTO usage(root, bytes, files, reserved) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT(root) DO UPDATE SET bytes = excluded.bytes, files = excluded.files, reserved = excluded.reserved
            """).Bind(root).Bind(bytes).Bind(files).Bind(reserved);
        set.Run();
    }
}

using System.Globalization;
using Fluxd.Core;
using Fluxd.Store.Catalog.Sqlite;
using SQLitePCL;

namespace Fluxd.Store.Upkeep.Copies;

internal sealed record CatalogCopy(string Path, long Group, DateTimeOffset MadeAt);

/// <summary>
/// Copies of the catalogue in <c>snap/</c>, made while clients write: with one of them, the log in the packs after it
/// gives today's catalogue. A copy has its name only when it is whole, checked and durable. One caller at a time.
/// </summary>
internal sealed class CatalogCopies(string catalogPath, string folder)
{
    private const string Prefix = "catalog-";
    private const string Suffix = ".db";

    private readonly string _unfinished = Path.Combine(folder, "unfinished.db");

    /// <summary>Newest first.</summary>
    public IReadOnlyList<CatalogCopy> List() => !Directory.Exists(folder)
        ? []
        : [.. Directory.EnumerateFiles(folder, Prefix + "*" + Suffix)
            .Select(path => (Path: path, Group: GroupOf(path)))
            .Where(copy => copy.Group is not null)
            .Select(copy => new CatalogCopy(copy.Path, copy.Group!.Value, File.GetLastWriteTimeUtc(copy.Path)))
            .OrderByDescending(copy => copy.Group)];

    /// <summary>The newest group that the oldest kept copy holds; null without a copy.</summary>
    public long? OldestGroup => List() is { Count: > 0 } copies ? copies[^1].Group : null;

    /// <summary>Of the copy that is being made.</summary>
    public long BytesWritten => new FileInfo(_unfinished) is { Exists: true, Length: var length } ? length : 0;

    /// <summary>What a dead process left of a copy: it holds room, and nobody else goes on with it.</summary>
    public void RemoveUnfinished()
    {
        if (Directory.Exists(folder))
        {
            File.Delete(_unfinished);
            File.Delete(_unfinished + "-journal");
        }
    }

    /// <summary>Makes a copy and lets go of those beyond the number that is kept. On a thread of the pool: it reads the whole catalogue.</summary>
    public Task<CatalogCopy> MakeAsync(CancellationToken ct) => Task.Run(Make, ct);

    private CatalogCopy Make()
    {
        Directory.CreateDirectory(folder);
        string path;
        long group;
        try
        {
            Write(catalogPath, _unfinished);
            group = Check(_unfinished);
            path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{group:x16}{Suffix}"));
            Publish(_unfinished, path);
        }
        catch
        {
            // On a full disk it would hold the room that everybody needs.
            RemoveUnfinished();
            throw;
        }

        foreach (var old in List().Skip(UpkeepLimits.CopiesKept))
        {
            File.Delete(old.Path);
        }

        return new CatalogCopy(path, group, File.GetLastWriteTimeUtc(path));
    }

    /// <summary>One read transaction: the copy is the catalogue of one moment, its owner's alone, and writers don't wait for it.</summary>
    internal static void Write(string catalog, string to)
    {
        Durable.CreatePrivate(to);
        using var source = Database.Open(catalog, raw.SQLITE_OPEN_READONLY);
        using var copy = source.Sql("VACUUM INTO ?1").Bind(to);
        copy.Run();
    }

    /// <summary>A copy that can't be read is worse than none, since packs are let go because of it.</summary>
    internal static long Check(string path)
    {
        using var copy = Database.Open(path, raw.SQLITE_OPEN_READONLY);
        using (var check = copy.Sql("PRAGMA quick_check(1)"))
        {
            if (!check.Step() || check.Text(0) != "ok")
            {
                throw new FluxException(FluxError.Corrupt, "A copy of the catalogue did not pass its check: look at the disk, and run fluxctl store fsck.");
            }
        }

        return copy.Scalar("SELECT value FROM local WHERE key = 'applied_group'")
            ?? throw new FluxException(FluxError.Corrupt, "A copy of the catalogue does not say how new it is.");
    }

    private void Publish(string from, string to)
    {
        Durable.Sync(from);
        File.Move(from, to, overwrite: true);
        Durable.SyncFolder(folder);
    }

    private static long? GroupOf(string path)
    {
        var name = Path.GetFileName(path);
        return long.TryParse(name.AsSpan(Prefix.Length, name.Length - Prefix.Length - Suffix.Length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var group)
            ? group
            : null;
    }
}

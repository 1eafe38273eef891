using Fluxd.Core;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Content;
using Fluxd.Store.Disk;
using Fluxd.Store.Files;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Store.Upkeep.Copies;

namespace Fluxd.Store;

/// <summary>What the store is told by the configuration.</summary>
public sealed record StoreOptions
{
    public required string Path { get; init; }

    /// <summary>The catalogue's file; null: in the store's folder.</summary>
    public string? CatalogPath { get; init; }

    public CompressionMode Compression { get; init; } = CompressionMode.Auto;

    /// <summary>New data is refused when less than this is free; asked each time, so that it can be changed.</summary>
    public Func<long> KeepFree { get; init; } = () => 0;

    /// <summary>Where the store's uuid is remembered outside the store: a start with another store there stops. Null: nowhere.</summary>
    public string? UuidPath { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Smaller in tests, whose disks are.</summary>
    internal long BallastBytes { get; init; } = StoreLimits.BallastBytes;
}

/// <summary>
/// A store that is open: it holds the process lock, has brought the catalogue up to its log, and takes reads and
/// writes until it is disposed. Never made by opening: see <see cref="InitAsync"/>.
/// </summary>
public sealed class FluxdStore : IAsyncDisposable
{
    /// <summary>Its file is open in whoever has the store open.</summary>
    internal const string LockName = "LOCK";

    private const string CatalogName = "catalog.db";
    private const string SnapFolder = "snap";

    private readonly IDiskFile _lock;
    private readonly PackStore _packs;

    private FluxdStore(IDisk disk, IDiskFile processLock, StoreManifest manifest, PackStore packs, SqliteCatalog catalog, SpaceGuard space, StoreOptions options)
    {
        (Disk, _lock, Manifest, _packs, Catalog, Space) = (disk, processLock, manifest, packs, catalog, space);
        (StorePath, CatalogFile, Clock) = (options.Path, CatalogPath(options), options.Clock);
        Contents = new ContentStore(catalog, packs, options.Compression, new Spool(disk, "sink-")) { RequireRoom = space.RequireRoom };
    }

    public Guid Uuid => Manifest.Uuid;

    /// <summary>Why nothing can be written; null while all is well.</summary>
    public Exception? Fault => Catalog.Fault;

    /// <summary>The folder with store.json and the packs.</summary>
    internal string StorePath { get; }

    /// <summary>The catalogue, which may lie elsewhere.</summary>
    internal string CatalogFile { get; }

    internal string CopiesPath => CopiesPathOf(StorePath);

    internal TimeProvider Clock { get; }

    internal IDisk Disk { get; }

    internal StoreManifest Manifest { get; }

    internal IPackStore Packs => _packs;

    internal SqliteCatalog Catalog { get; }

    internal ContentStore Contents { get; }

    internal SpaceGuard Space { get; }

    /// <summary>Makes an empty store where there is none, on purpose.</summary>
    /// <exception cref="FluxException">Exists: there is something already. Unavailable: not a place for a store.</exception>
    public static async Task InitAsync(StoreOptions options)
    {
        Directory.CreateDirectory(options.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var disk = new LocalDisk(options.Path);
        RequireTrusted(disk, options);
        using var processLock = TakeLock(disk, options);
        if (disk.Exists(StoreManifest.FileName) || disk.Exists(PackLayout.Folder) || File.Exists(CatalogPath(options)))
        {
            throw new FluxException(FluxError.Exists, $"There is a store, or a part of one, at {options.Path} already; nothing was changed.");
        }

        PackStore.CreateFolders(disk);
        disk.CreateDirectory(SnapFolder);
        disk.CreateDirectory("spool");
        disk.CreateDirectory("quarantine");
        var manifest = StoreManifest.CreateNew();
        using (var packs = new PackStore(disk, manifest.Identity))
        {
            await SqliteCatalog.Open(new CatalogOptions(CatalogPath(options), options.Clock) { Create = true, Packs = packs }).DisposeAsync();
        }

        // Last: a store without it is one that was never finished.
        manifest.Write(disk);
        Remember(options, manifest.Uuid);
    }

    /// <summary>What can be told of a store without opening it: it is there, the one that was served before, and on a disk that keeps its word.</summary>
    /// <exception cref="FluxException">In words for the administrator: what is missing, foreign or newer.</exception>
    internal static StoreManifest Examine(StoreOptions options)
    {
        if (!Directory.Exists(options.Path))
        {
            throw Missing(options);
        }

        var disk = new LocalDisk(options.Path);
        var manifest = StoreManifest.Read(disk) ?? throw Missing(options);
        RequireRemembered(options, manifest.Uuid);
        RequireTrusted(disk, options);
        if (!File.Exists(CatalogPath(options)))
        {
            throw FluxException.NotFound($"The store at {options.Path} has no catalogue at {CatalogPath(options)}. Mount its disk; if it is lost: fluxctl store rebuild --config FILE");
        }

        return manifest;
    }

    /// <exception cref="FluxException">In words for the administrator: what is missing, foreign, newer or in use.</exception>
    public static FluxdStore Open(StoreOptions options)
    {
        var manifest = Examine(options);
        var disk = new LocalDisk(options.Path);
        var processLock = TakeLock(disk, options);
        var packs = new PackStore(disk, manifest.Identity);
        try
        {
            var space = new SpaceGuard(disk, options.Clock, options.KeepFree)
            {
                BallastBytes = options.BallastBytes,
                Catalog = CatalogFolder(options) is { } folder
                    ? new SpaceGuard(new LocalDisk(folder), options.Clock, () => 0, Path.GetFileName(CatalogPath(options)) + ".ballast") { BallastBytes = options.BallastBytes }
                    : null,
            };
            new CatalogCopies(CatalogPath(options), CopiesPathOf(options.Path)).RemoveUnfinished();
            space.RestoreBallast();
            var catalog = SqliteCatalog.Open(new CatalogOptions(CatalogPath(options), options.Clock)
            {
                Packs = packs,
                PackBytes = manifest.PackBytes,
                Room = space.Room,
                CopyBeforeMigration = step => Path.Combine(options.Path, SnapFolder, $"before-{step:0000}.db"),
                ReadOnlyBecause = manifest.ReadOnlyBecauseOf is { } feature
                    ? new FluxException(FluxError.Unavailable, $"This store uses \"{feature}\", which this version of fluxd can read but not write: install a newer one.")
                    : null,
            });
            Remember(options, manifest.Uuid);
            return new FluxdStore(disk, processLock, manifest, packs, catalog, space, options);
        }
        catch
        {
            packs.Dispose();
            processLock.Dispose();
            throw;
        }
    }

    /// <summary>Reads a store or a backup through, wherever it lies, and changes nothing; who has it open may go on.</summary>
    /// <exception cref="FluxException">NotFound: no store. Corrupt: its catalogue can't be read at all.</exception>
    internal static async Task<CheckReport> VerifyAsync(string path, CancellationToken ct)
    {
        var disk = new LocalDisk(path);
        var manifest = (Directory.Exists(path) ? StoreManifest.Read(disk) : null)
            ?? throw FluxException.NotFound($"There is neither a store nor a backup at {path}: store.json is missing.");
        var catalog = Path.Combine(path, CatalogName);
        using var packs = new PackStore(disk, manifest.Identity);
        try
        {
            return await new StoreCheck(catalog, packs).RunAsync(readData: true, ct);
        }
        catch (SqlException e)
        {
            throw new FluxException(FluxError.Corrupt, $"The catalogue {catalog} can't be read ({e.Message}). Nothing was changed.", e);
        }
    }

    /// <summary>Puts the newest good copy in the place of a catalogue that is lost or damaged; the next opening plays the log on top.</summary>
    internal static CatalogCopy Rebuild(StoreOptions options)
    {
        var disk = new LocalDisk(options.Path);
        var manifest = (Directory.Exists(options.Path) ? StoreManifest.Read(disk) : null) ?? throw Missing(options);
        RequireRemembered(options, manifest.Uuid);
        using var processLock = TakeLock(disk, options);
        var path = CatalogPath(options);
        var copy = StoreRestore.Rebuild(path, new CatalogCopies(path, CopiesPathOf(options.Path)));
        (manifest with { Generation = manifest.Generation + 1 }).Write(disk);
        return copy;
    }

    public async ValueTask DisposeAsync()
    {
        await Catalog.DisposeAsync();
        _packs.Dispose();
        _lock.Dispose();
    }

    private static string CopiesPathOf(string store) => Path.Combine(store, SnapFolder);

    private static string CatalogPath(StoreOptions options) =>
        string.IsNullOrEmpty(options.CatalogPath) ? Path.Combine(options.Path, CatalogName) : options.CatalogPath;

    /// <summary>Where the catalogue has a folder of its own; null: it is in the store's.</summary>
    private static string? CatalogFolder(StoreOptions options) =>
        Path.GetDirectoryName(Path.GetFullPath(CatalogPath(options))) is { } folder && folder != Path.GetFullPath(options.Path) ? folder : null;

    private static IDiskFile TakeLock(LocalDisk disk, StoreOptions options)
    {
        try
        {
            return disk.Lock(LockName);
        }
        catch (DiskException e) when (e.Fault == DiskFault.Locked)
        {
            throw new FluxException(FluxError.Busy, $"Another fluxd uses the store at {options.Path}: stop it first (sudo systemctl stop 'fluxd*').", e);
        }
    }

    private static void RequireTrusted(LocalDisk disk, StoreOptions options)
    {
        RequireTrusted(disk, options.Path);
        if (CatalogFolder(options) is { } folder && Directory.Exists(folder))
        {
            RequireTrusted(new LocalDisk(folder), folder);
        }
    }

    internal static void RequireTrusted(IDisk disk, string path)
    {
        if (disk.UntrustedFileSystem() is { } name)
        {
            throw new FluxException(
                FluxError.Unavailable,
                $"{path} is on {name}, whose locks and syncs can't be relied on: put the store on a local disk.");
        }
    }

    private static void RequireRemembered(StoreOptions options, Guid uuid)
    {
        if (options.UuidPath is { } path && File.Exists(path) && Guid.TryParse(File.ReadAllText(path).Trim(), out var remembered) && remembered != uuid)
        {
            throw new FluxException(
                FluxError.Unavailable,
                $"The store at {options.Path} is {uuid}, and this machine served {remembered} before: mount the right disk. If the change is meant, remove {path}.");
        }
    }

    private static void Remember(StoreOptions options, Guid uuid)
    {
        if (options.UuidPath is { } path && !File.Exists(path))
        {
            File.WriteAllText(path, $"{uuid}\n");
        }
    }

    private static FluxException Missing(StoreOptions options) => FluxException.NotFound(
        $"There is no store at {options.Path}. If it is on another disk, mount that first; a new, empty one is made by: fluxctl store init --config FILE");
}

using Fluxd.Core;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using SQLitePCL;

namespace Fluxd.Store.Catalog;

/// <param name="Path">The database file; its folder exists.</param>
internal sealed record CatalogOptions(string Path, TimeProvider Clock)
{
    /// <summary>Make an empty catalogue; without it a missing file is an error, never an empty store.</summary>
    public bool Create { get; init; }

    /// <summary>Where the log and all chunks go. Null: the catalogue stands by itself and syncs each commit.</summary>
    public IPackStore? Packs { get; init; }

    public long PackBytes { get; init; } = StoreLimits.PackBytes;

    public IndexSizes? Index { get; init; }

    /// <summary>The room on the disk; null: nobody looks after it.</summary>
    public DiskRoom? Room { get; init; }

    /// <summary>Open for reading only, for this reason: no replay, no migration, no write.</summary>
    public Exception? ReadOnlyBecause { get; init; }

    /// <summary>Where the copy before step N goes; null makes none.</summary>
    public Func<int, string>? CopyBeforeMigration { get; init; }
}

/// <summary>
/// The catalogue: one writing connection on one thread, a few that read. Thread-safe.
/// <see cref="WriteAsync{T}"/> returns when the write is durable; a write never sees a half of another.
/// </summary>
internal sealed class SqliteCatalog : IAsyncDisposable
{
    private readonly Committer _committer;
    private readonly ReaderPool _readers;

    private SqliteCatalog(Committer committer, ReaderPool readers, ReplayResult? replayed) =>
        (_committer, _readers, Replayed) = (committer, readers, replayed);

    /// <summary>Why the store is read-only; null while it takes writes.</summary>
    public int WaitingWrites => _committer.Waiting;

    public Exception? Fault => _committer.Fault;

    /// <summary>What the start found in the log; null without packs or when it is damaged.</summary>
    public ReplayResult? Replayed { get; }

    /// <summary>The newest group that is committed: the log's sequence.</summary>
    public long AppliedGroup => _committer.AppliedGroup;

    /// <summary>
    /// Grows with each commit, before any of its writers hears of it. What was read after asking for this number is still
    /// true while the number is the same: that is how an answer may be kept.
    /// </summary>
    public long Commits => _committer.Commits;

    /// <summary>As <see cref="Commits"/>, of those that change where paths lead. Odd while one of them is under way.</summary>
    public long Layouts => _committer.Layouts;

    /// <summary>Where chunks are found by their hash.</summary>
    public ChunkIndex Index => _committer.Index;

    /// <summary>Who holds what between two transactions.</summary>
    public CatalogReferences References => _committer.References;

    /// <summary>
    /// Opens, and first brings the catalogue up to its log. Where the log or a pack is damaged, it opens read-only
    /// with <see cref="Fault"/> set, and changes nothing.
    /// </summary>
    /// <exception cref="FluxException">NotFound: no such file. Exists: it is there and should be made. Unavailable: a newer schema. NoSpace: not even the log can be played.</exception>
    public static SqliteCatalog Open(CatalogOptions options)
    {
        Prepare(options);
        while (true)
        {
            try
            {
                return OpenOnce(options);
            }
            catch (Exception e) when (e is SqlException { IsDiskFull: true } or DiskException { Fault: DiskFault.Full })
            {
                if (options.Room is not { } room || !(room.Make() || room.MakeLast()))
                {
                    throw new FluxException(
                        FluxError.NoSpace,
                        $"The disk is too full to open the catalogue {options.Path} ({e.Message}). Nothing is lost: free some space there, and start again.", e);
                }
            }
        }
    }

    private static SqliteCatalog OpenOnce(CatalogOptions options)
    {
        var database = Database.Open(options.Path, raw.SQLITE_OPEN_READWRITE);
        try
        {
            SetUp(database);
            var (replayed, fault) = CatchUp(database, options);
            var log = replayed is null ? null : new CommitLog(options.Packs!, replayed.NextPack, options.PackBytes);
            if (log is not null)
            {
                // The log carries what the write-ahead log could lose.
                database.Execute("PRAGMA synchronous=NORMAL");
            }

            // Each write has a savepoint, and each page that it touches is copied for it: into memory, not by a system call
            // each into a temporary file. What sorts without bound is behind us: migrations and replay.
            database.Execute("PRAGMA temp_store=MEMORY");

            var committer = new Committer(database, log, options.Clock, fault, options.Index) { Room = options.Room };
            var readers = new ReaderPool(options.Path, options.Clock, () => committer.Commits);
            committer.Start(readers);
            return new SqliteCatalog(committer, readers, replayed);
        }
        catch (SqlException e) when (e.IsDamage)
        {
            database.Dispose();
            throw Damaged(options, e.Message, e);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    private static FluxException Damaged(CatalogOptions options, string what, Exception? cause = null) => new(
        FluxError.Corrupt,
        $"The catalogue {options.Path} can't be read ({what}). Nothing was changed. If the disk is well, fluxctl store rebuild makes it anew from its newest copy and the packs.",
        cause);

    private static (ReplayResult? Replayed, Exception? Fault) CatchUp(Database database, CatalogOptions options)
    {
        Migrations.CheckKnown(database);
        if (options.ReadOnlyBecause is not null)
        {
            return (null, options.ReadOnlyBecause);
        }

        try
        {
            ReplayResult? replayed = null;
            if (Migrations.VersionOf(database) == 0)
            {
                Migrations.Run(database, null);
            }

            if (options.Packs is not null)
            {
                // Before any migration: a record fits the schema that it was written under.
                replayed = Replay.Run(database, options.Packs, schema => Migrations.Run(database, options.CopyBeforeMigration, upTo: schema));
            }

            Migrations.Run(database, options.CopyBeforeMigration);

            // All of that is on the disk before the first new id is given out.
            database.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
            return (replayed, null);
        }
        catch (FluxException e) when (e.Error == FluxError.Corrupt)
        {
            return (null, e);
        }
        catch (DiskException e) when (e.Fault != DiskFault.Full)
        {
            // What can't be read now may be the end of the log: nothing is cut or closed on that ground.
            return (null, new FluxException(FluxError.Unavailable, $"The log could not be read or closed ({e.Message}). Nothing that is committed was changed; look at the disk, then start fluxd again.", e));
        }
    }

    /// <summary>
    /// Runs the work on the committer's thread, in a transaction shared with other callers' writes, and returns its
    /// result when it is durable. If the work throws, nothing of it stays and the exception comes out here. The work
    /// must be quick, must not block, and may use only what it is given. <paramref name="ct"/> counts until it begins.
    /// </summary>
    public Task<T> WriteAsync<T>(Func<CatalogTransaction, T> work, CancellationToken ct) =>
        _committer.WriteAsync(new CatalogWrite<T>(work) { Cancellation = ct });

    /// <summary>
    /// As <see cref="WriteAsync{T}(Func{CatalogTransaction, T}, CancellationToken)"/>, for what nobody waits for: its
    /// group may gather for <see cref="CatalogLimits.GroupWait"/>. It is queued when this returns, so a caller's writes
    /// run in the order of its calls; the caller bounds how many there are.
    /// </summary>
    public Task<T> WriteLazilyAsync<T>(Func<CatalogTransaction, T> work, CancellationToken ct) =>
        _committer.Queue(new CatalogWrite<T>(work) { Cancellation = ct, IsUrgent = false });

    /// <summary>For what moves or removes chunk and pack rows: it gets a group of its own, whose record carries them.</summary>
    public Task<T> MoveChunksAsync<T>(Func<CatalogTransaction, T> work, CancellationToken ct) =>
        _committer.WriteAsync(new CatalogWrite<T>(work) { Cancellation = ct, MovesChunks = true });

    /// <summary>Closes the packs that are open, so that what is dead in them can be collected.</summary>
    public Task SealPacksAsync(CancellationToken ct) =>
        _committer.WriteAsync(new CatalogWrite<bool>(_ => true) { Cancellation = ct, Chore = Chore.SealPacks });

    /// <summary>
    /// After this the catalogue's own file holds every group up to now, whatever a power cut takes: no log is needed for
    /// them. False: a reader is in the way; try again.
    /// </summary>
    public async Task<bool> TryCheckpointAsync(CancellationToken ct)
    {
        var write = new CatalogWrite<bool>(_ => true) { Cancellation = ct, Chore = Chore.Checkpoint };
        return await _committer.WriteAsync(write) && write.IsChoreDone;
    }

    public Task WriteAsync(Action<CatalogTransaction> work, CancellationToken ct) => WriteAsync(
        transaction =>
        {
            work(transaction);
            return true;
        },
        ct);

    /// <summary>
    /// Runs the work on the calling thread, on one snapshot of what is committed. Cut after
    /// <see cref="CatalogLimits.ReadMax"/>: read long things in pages.
    /// </summary>
    public ValueTask<T> ReadAsync<T>(Func<CatalogReader, T> work, CancellationToken ct) => _readers.ReadAsync(work, ct);

    /// <summary>Commits what is queued, then closes. No read may be running.</summary>
    public async ValueTask DisposeAsync()
    {
        // The last connection to close cleans up, and that must be the writing one.
        _readers.Dispose();
        await _committer.StopAsync();
    }

    /// <summary>Lets go of everything without another word to the packs: how tests end a process that died.</summary>
    internal async Task AbandonAsync()
    {
        _readers.Dispose();
        await _committer.AbandonAsync();
    }

    private static void Prepare(CatalogOptions options)
    {
        var exists = File.Exists(options.Path);
        if (exists && !options.Create)
        {
            if (new FileInfo(options.Path).Length == 0)
            {
                // For SQLite that is an empty database, which would be filled with an empty store.
                throw Damaged(options, "it is empty");
            }

            return;
        }

        if (exists)
        {
            throw new FluxException(FluxError.Exists, "There is a catalogue already; a store is made only where there is none.");
        }

        if (!options.Create)
        {
            throw FluxException.NotFound("There is no catalogue here; is the disk mounted, and the path right?");
        }

        // It holds password hashes: the owner's alone, and SQLite gives its companions the same mode.
        using var made = new FileStream(options.Path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    private static void SetUp(Database database)
    {
        database.Execute($"PRAGMA page_size={CatalogLimits.PageBytes}; PRAGMA journal_mode=WAL");
        database.Execute($"""
            PRAGMA synchronous=FULL;
            PRAGMA wal_autocheckpoint=0;
            PRAGMA cache_size=-{CatalogLimits.WriterCacheKiB};
            PRAGMA foreign_keys=1;
            PRAGMA trusted_schema=0;
            PRAGMA busy_timeout={(int)CatalogLimits.RestartWait.TotalMilliseconds};
            """);
    }
}

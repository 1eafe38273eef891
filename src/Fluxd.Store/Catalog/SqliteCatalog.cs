using Fluxd.Core;
using Fluxd.Store.Catalog.Sqlite;
using SQLitePCL;

namespace Fluxd.Store.Catalog;

/// <param name="Path">The database file; its folder exists.</param>
internal sealed record CatalogOptions(string Path, TimeProvider Clock)
{
    /// <summary>Make an empty catalogue; without it a missing file is an error, never an empty store.</summary>
    public bool Create { get; init; }

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

    private SqliteCatalog(Committer committer, ReaderPool readers) => (_committer, _readers) = (committer, readers);

    /// <summary>Why the store is read-only; null while it takes writes.</summary>
    public Exception? Fault => _committer.Fault;

    /// <exception cref="FluxException">NotFound: no such file. Exists: it is there and should be made. Unavailable: a newer schema.</exception>
    public static SqliteCatalog Open(CatalogOptions options)
    {
        Prepare(options);
        var database = Database.Open(options.Path, raw.SQLITE_OPEN_READWRITE);
        try
        {
            SetUp(database);
            Migrations.Run(database, options.CopyBeforeMigration);
        }
        catch
        {
            database.Dispose();
            throw;
        }

        var committer = new Committer(database);
        committer.Start();
        return new SqliteCatalog(committer, new ReaderPool(options.Path, options.Clock));
    }

    /// <summary>
    /// Runs the work on the committer's thread, in a transaction shared with other callers' writes, and returns its
    /// result when it is durable. If the work throws, nothing of it stays and the exception comes out here. The work
    /// must be quick, must not block, and may use only what it is given. <paramref name="ct"/> counts until it begins.
    /// </summary>
    public Task<T> WriteAsync<T>(Func<CatalogTransaction, T> work, CancellationToken ct) => _committer.WriteAsync(work, ct);

    public Task WriteAsync(Action<CatalogTransaction> work, CancellationToken ct) => _committer.WriteAsync(
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

    private static void Prepare(CatalogOptions options)
    {
        var exists = File.Exists(options.Path);
        if (exists && !options.Create)
        {
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

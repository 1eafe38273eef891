using System.Diagnostics.CodeAnalysis;
using Fluxd.Core;
using Fluxd.Store.Catalog.Sqlite;
using SQLitePCL;

namespace Fluxd.Store.Catalog;

/// <summary>
/// The one thread that writes. It takes all writes that wait, runs each in a savepoint of one transaction, makes
/// the group durable, and only then answers: many callers share one sync. A write that throws rolls back alone.
/// After damage (an I/O error, a corrupt page) nothing is written until a restart has looked at the store.
/// </summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "Its thread closes them when it ends.")]
internal sealed class Committer
{
    private readonly Database _database;
    private readonly WriteQueue _queue = new();
    private readonly SemaphoreSlim _room = new(CatalogLimits.QueuedWritesMax);
    private readonly WalMeter _wal;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private int _checkpointedPages;

    /// <summary>Takes the connection over, and closes it when it ends.</summary>
    internal Committer(Database database)
    {
        _database = database;
        _wal = new WalMeter(database);
        _thread = new Thread(Work) { Name = "fluxd committer", IsBackground = true };
    }

    /// <summary>Why nothing can be written any more; null while all is well.</summary>
    internal Exception? Fault { get; private set; }

    internal void Start() => _thread.Start();

    internal async Task<T> WriteAsync<T>(Func<CatalogTransaction, T> work, CancellationToken ct)
    {
        await _room.WaitAsync(ct);
        try
        {
            var write = new CatalogWrite<T>(work) { Cancellation = ct };
            if (!_queue.TryAdd(write))
            {
                throw new FluxException(FluxError.Unavailable, "The store is stopping; try again when it is back.");
            }

            return await write.Task;
        }
        finally
        {
            _room.Release();
        }
    }

    /// <summary>Commits what is queued and ends.</summary>
    internal Task StopAsync()
    {
        _queue.Close();
        return _ended.Task;
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "The end of a background loop.")]
    private void Work()
    {
        try
        {
            var taken = new List<CatalogWrite>();
            while (_queue.Take(taken, Timeout.InfiniteTimeSpan))
            {
                Commit(taken);
                taken.Clear();
            }

            Close();
            _ended.SetResult();
        }
        catch (Exception e)
        {
            Fault ??= e;
            _ended.SetException(e);
        }
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "It belongs to the callers of the group, who get it.")]
    private void Commit(List<CatalogWrite> group)
    {
        try
        {
            if (Fault is not null)
            {
                throw ReadOnly(Fault);
            }

            var transaction = new CatalogTransaction(_database);
            _database.Execute("BEGIN IMMEDIATE");
            foreach (var write in group)
            {
                RunOne(transaction, write);
            }

            _database.Execute("COMMIT");
            foreach (var action in transaction.AfterCommitActions)
            {
                action();
            }
        }
        catch (Exception e)
        {
            Abandon(group, e);
            return;
        }

        foreach (var write in group)
        {
            write.Settle();
        }

        Checkpoint();
    }

    private void RunOne(CatalogTransaction transaction, CatalogWrite write)
    {
        if (write.Cancellation.IsCancellationRequested)
        {
            write.Cancel();
            return;
        }

        var actions = transaction.AfterCommitCount;
        transaction.Run("SAVEPOINT one");
        if (!write.Run(transaction))
        {
            transaction.ForgetAfterCommit(actions);

            // Some faults end the whole transaction: then the group fails together.
            if (!_database.InTransaction)
            {
                throw new SqlException(raw.SQLITE_ABORT, "SQLite gave the whole transaction up.");
            }

            transaction.Run("ROLLBACK TO one");
        }

        transaction.Run("RELEASE one");
    }

    private void Abandon(List<CatalogWrite> group, Exception cause)
    {
        if (cause is SqlException { IsDamage: true })
        {
            Fault ??= cause;
        }

        if (_database.InTransaction)
        {
            _ = raw.sqlite3_exec(_database.Handle, "ROLLBACK");
        }

        var answer = cause switch
        {
            FluxException => cause,
            SqlException { IsDiskFull: true } => new FluxException(FluxError.NoSpace, "The disk is full; free some space and try again.", cause),
            _ when Fault is not null => ReadOnly(cause),
            _ => cause,
        };
        foreach (var write in group)
        {
            write.Fail(answer);
        }
    }

    private void Checkpoint()
    {
        var pages = _wal.Pages;
        if (pages < CatalogLimits.WalPassivePages)
        {
            _checkpointedPages = 0;
            return;
        }

        if (pages - _checkpointedPages < CatalogLimits.WalPassiveStepPages)
        {
            return;
        }

        _checkpointedPages = pages;
        var restart = pages > CatalogLimits.WalRestartPages;
        var rc = raw.sqlite3_wal_checkpoint_v2(
            _database.Handle, null, restart ? raw.SQLITE_CHECKPOINT_RESTART : raw.SQLITE_CHECKPOINT_PASSIVE, out _, out _);

        // Busy: a reader is in the way; the next attempt comes a few MiB later.
        if (rc is not (raw.SQLITE_OK or raw.SQLITE_BUSY))
        {
            Fault ??= _database.Failure(rc, "checkpoint");
        }
    }

    private void Close()
    {
        _wal.Dispose();
        _database.Dispose();
        _room.Dispose();
    }

    private static FluxException ReadOnly(Exception cause) => new(
        FluxError.Unavailable, "The store is read-only after a disk error: look at the log, check the disk, then restart fluxd.", cause);
}

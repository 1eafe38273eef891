using System.Collections.Concurrent;
using Fluxd.Core;
using Fluxd.Store.Catalog.Sqlite;
using SQLitePCL;

namespace Fluxd.Store.Catalog;

/// <summary>
/// The connections that only read: they never write and never checkpoint, so that exactly one connection of the
/// process does (SQLite before 3.51.3 can damage a WAL database when two do at once). Opened when first needed. A snapshot
/// stays open for the next read until something is committed: opening one costs more than what most reads do in it.
/// </summary>
/// <param name="commits">Grows with each commit, before any of its writers hears of it.</param>
internal sealed class ReaderPool(string path, TimeProvider clock, Func<long> commits) : IDisposable
{
    private readonly SemaphoreSlim _free = new(CatalogLimits.Readers);
    private readonly ConcurrentStack<PooledReader> _idle = new();
    private volatile bool _isWaitedFor;
    private bool _isClosed;

    /// <summary>Runs the work on the calling thread, in one snapshot.</summary>
    internal async ValueTask<T> ReadAsync<T>(Func<CatalogReader, T> work, CancellationToken ct)
    {
        await _free.WaitAsync(ct);
        try
        {
            var reader = _idle.TryPop(out var idle) ? idle : new PooledReader(path, clock);
            try
            {
                // Asked before the snapshot begins: it is as new as this, or newer.
                return reader.Read(work, commits());
            }
            finally
            {
                _idle.Push(reader);
            }
        }
        finally
        {
            _free.Release();
            if (_isWaitedFor)
            {
                EndIdle();
            }
        }
    }

    /// <summary>Runs what waits for readers to end: until it is done, none keeps its snapshot for the next read.</summary>
    internal T Wait<T>(Func<T> work)
    {
        _isWaitedFor = true;
        try
        {
            EndIdle();
            return work();
        }
        finally
        {
            _isWaitedFor = false;
        }
    }

    /// <summary>Something was committed: snapshots that nobody reads in would only be in the way of a checkpoint.</summary>
    internal void EndIdle()
    {
        lock (_idle)
        {
            var (taken, ended) = (0, new List<PooledReader>(CatalogLimits.Readers));
            while (!_isClosed && taken < CatalogLimits.Readers && _free.Wait(TimeSpan.Zero))
            {
                taken++;
                if (_idle.TryPop(out var reader))
                {
                    reader.End();
                    ended.Add(reader);
                }
            }

            foreach (var reader in ended)
            {
                _idle.Push(reader);
            }

            if (taken > 0)
            {
                _free.Release(taken);
            }
        }
    }

    public void Dispose()
    {
        lock (_idle)
        {
            _isClosed = true;
            while (_idle.TryPop(out var reader))
            {
                reader.Close();
            }

            _free.Dispose();
        }
    }

    private sealed class PooledReader : CatalogReader
    {
        // Often enough to end within milliseconds of the limit, seldom enough not to show.
        private const int StepsBetweenChecks = 20_000;

        private const int NoCheckpointOnClose = 1006;

        private readonly TimeProvider _clock;
        private long _began;
        private long _commits = -1;

        internal PooledReader(string path, TimeProvider clock)
            : base(Database.Open(path, raw.SQLITE_OPEN_READWRITE))
        {
            _clock = clock;
            Database.Check(raw.sqlite3_db_config(Database.Handle, NoCheckpointOnClose, 1, out _), "no checkpoint on close");
            Database.Execute($"PRAGMA query_only=1; PRAGMA cache_size=-{CatalogLimits.ReaderCacheKiB}; PRAGMA wal_autocheckpoint=0");
            raw.sqlite3_progress_handler(Database.Handle, StepsBetweenChecks, _ => IsOverdue ? 1 : 0, null);
        }

        private bool IsOverdue => _clock.GetElapsedTime(_began) > CatalogLimits.ReadMax;

        public override Statement Sql(string sql) => IsOverdue ? throw Overdue() : base.Sql(sql);

        internal T Read<T>(Func<CatalogReader, T> work, long commits)
        {
            _began = _clock.GetTimestamp();
            if (_commits != commits)
            {
                End();
                Run("BEGIN");
                _commits = commits;
            }

            var worked = false;
            try
            {
                var result = work(this);
                worked = true;
                return result;
            }
            catch (SqlException e) when (e.IsInterrupted)
            {
                throw Overdue(e);
            }
            finally
            {
                if (!worked)
                {
                    _began = _clock.GetTimestamp();
                    End();
                }
            }
        }

        internal void End()
        {
            _commits = -1;
            if (Database.InTransaction)
            {
                Run("COMMIT");
            }
        }

        internal void Close() => Database.Dispose();

        private void Run(string sql)
        {
            using var statement = Database.Sql(sql);
            statement.Run();
        }

        private static FluxException Overdue(Exception? cause = null) =>
            new(FluxError.Busy, "Reading the catalogue took too long; ask for less at once, or try again.", cause);
    }
}

using System.Diagnostics.CodeAnalysis;
using Fluxd.Core;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Disk;
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
    private readonly GroupWriter _writer;
    private readonly TimeProvider _clock;
    private readonly WriteQueue _queue = new();
    private readonly SemaphoreSlim _room = new(CatalogLimits.QueuedWritesMax);
    private readonly WalMeter _wal;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private readonly Queue<CatalogWrite> _waiting = new();
    private readonly List<CatalogWrite> _group = [];
    private ReaderPool _readers = null!; // set before the thread starts
    private int _checkpointedPages;
    private long _noMergeAt = -1; // the commit after which there was no room for one

    /// <summary>Takes the connection and the log over, and closes them when it ends.</summary>
    /// <param name="fault">Why nothing may be written from the start on; null when all is well.</param>
    internal Committer(Database database, CommitLog? log, TimeProvider clock, Exception? fault, IndexSizes? sizes = null)
    {
        _database = database;
        _writer = new GroupWriter(database, log, sizes);
        _clock = clock;
        Fault = fault;
        _wal = new WalMeter(database);
        _thread = new Thread(Work) { Name = "fluxd committer", IsBackground = true };
    }

    /// <summary>Why nothing can be written any more; null while all is well.</summary>
    internal Exception? Fault { get; private set; }

    internal ChunkIndex Index => _writer.Index;

    internal CatalogReferences References => _writer.References;

    /// <summary>Writes that wait for their group.</summary>
    internal int Waiting => _queue.Count;

    internal long AppliedGroup => _writer.Applied;

    internal long Commits => _writer.Commits;

    internal long Layouts => _writer.Layouts;

    /// <summary>Asked when a group does not fit on the disk.</summary>
    internal DiskRoom? Room { get; init; }

    /// <param name="readers">Whose snapshots end when nobody reads in them: after each commit, and around the copying back of the write-ahead log.</param>
    internal void Start(ReaderPool readers)
    {
        _readers = readers;
        _thread.Start();
    }

    internal async Task<T> WriteAsync<T>(CatalogWrite<T> write)
    {
        await _room.WaitAsync(write.Cancellation);
        try
        {
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

    /// <summary>Queues at once, in order, without waiting for room: for callers that bound themselves.</summary>
    internal Task<T> Queue<T>(CatalogWrite<T> write) => _queue.TryAdd(write)
        ? write.Task
        : Task.FromException<T>(new FluxException(FluxError.Unavailable, "The store is stopping; try again when it is back."));

    /// <summary>Ends as a killed process would, as far as the packs are concerned: nothing more is written to them.</summary>
    internal Task AbandonAsync()
    {
        Fault ??= new OperationCanceledException("Abandoned.");
        return StopAsync();
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
            while (Next())
            {
            }

            Close();
            _ended.SetResult();
        }
        catch (Exception e)
        {
            Fault ??= e;
            _queue.Close();
            FailAll(ReadOnly(e));
            _ended.SetException(e);
        }
    }

    /// <summary>The thread ends in a way that nobody foresaw: nobody may be left waiting.</summary>
    private void FailAll(Exception answer)
    {
        _queue.Take(_waiting, TimeSpan.Zero);
        foreach (var write in _group.Concat(_waiting))
        {
            write.Fail(answer);
        }
    }

    /// <summary>One group, or a slice of upkeep while nobody waits. False: stopped and empty.</summary>
    private bool Next()
    {
        var wantsMerge = Fault is null && Index.WantsMerge && _writer.Commits != _noMergeAt;
        if (wantsMerge && Index.MustMerge)
        {
            Merge();
        }

        if (_waiting.Count == 0 && !_queue.Take(_waiting, wantsMerge ? TimeSpan.Zero : Timeout.InfiniteTimeSpan))
        {
            return false;
        }

        if (_waiting.Count > 0)
        {
            RunGroup();
        }
        else if (wantsMerge)
        {
            Merge();
        }

        return true;
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "It belongs to the callers of the group, who get it.")]
    private void RunGroup()
    {
        _group.Clear();
        try
        {
            if (Fault is not null)
            {
                throw ReadOnly(Fault);
            }

            _writer.Begin(_waiting.Peek().MovesChunks);
            Gather();
            var began = _clock.GetTimestamp();
            _writer.Commit(Room);
            StoreMetrics.Committed(_group.Count, _clock.GetElapsedTime(began));
        }
        catch (Exception e)
        {
            Abandon(e);
            return;
        }

        TidyUp();
    }

    /// <summary>Runs what waits; goes on gathering for a moment while nobody in the group asked for haste.</summary>
    private void Gather()
    {
        var began = _clock.GetTimestamp();
        var alone = _waiting.Peek().MovesChunks;
        while (true)
        {
            while (!_writer.IsFull && _waiting.TryPeek(out var write) && (_group.Count == 0 || (!alone && !write.MovesChunks)))
            {
                _group.Add(_waiting.Dequeue());
                _writer.Run(write);
            }

            var left = CatalogLimits.GroupWait - _clock.GetElapsedTime(began);
            if (alone || _waiting.Count > 0 || _writer.IsFull || left <= TimeSpan.Zero || _group.Exists(write => write.IsUrgent)
                || !_queue.Take(_waiting, left) || _waiting.Count == 0)
            {
                return;
            }
        }
    }

    private void Abandon(Exception cause)
    {
        var isClean = _writer.Rollback();
        if (!isClean || cause is SqlException { IsDamage: true } or LogFailedException { IsDiskFull: false } || _writer.IsCommitUncertain)
        {
            Fault ??= cause;
        }

        var answer = cause switch
        {
            FluxException => cause,
            _ when Fault is not null => ReadOnly(cause),
            SqlException { IsDiskFull: true } or LogFailedException { IsDiskFull: true } => DiskRoom.Full(cause),
            _ => cause,
        };
        if (cause is SqlException { IsDiskFull: true })
        {
            // For whoever tries again.
            _ = Room?.Make();
        }

        if (_group.Count == 0)
        {
            // It failed before the first could run: they all share the answer.
            while (_waiting.TryDequeue(out var write))
            {
                _group.Add(write);
            }
        }

        foreach (var write in _group)
        {
            write.Fail(answer);
        }
    }

    /// <summary>What a commit leaves to do, when its callers have their answer.</summary>
    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "Nobody waits for this; the fault is kept and shown.")]
    private void TidyUp()
    {
        foreach (var write in _group.Where(write => write.Chore == Chore.None))
        {
            write.Settle();
        }

        try
        {
            _readers.EndIdle();
            _writer.SealFull();
            foreach (var write in _group.Where(write => write.Chore != Chore.None))
            {
                write.IsChoreDone = Do(write.Chore);
            }

            Checkpoint();
        }
        catch (SqlException e) when (e.IsDiskFull)
        {
            // All of that can wait: what is committed stands in the packs and in the write-ahead log.
        }
        catch (Exception e)
        {
            Fault ??= e;
        }

        foreach (var write in _group.Where(write => write.Chore != Chore.None))
        {
            write.Settle();
        }
    }

    private bool Do(Chore chore)
    {
        if (chore == Chore.SealPacks)
        {
            _writer.SealAll();
            return true;
        }

        _readers.EndIdle();
        var rc = Copy(raw.SQLITE_CHECKPOINT_PASSIVE, out var all, out var copied);
        return rc is raw.SQLITE_OK or raw.SQLITE_BUSY or raw.SQLITE_FULL ? rc == raw.SQLITE_OK && all == copied : throw _database.Failure(rc, "checkpoint");
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "Nobody waits for this; the fault is kept and shown.")]
    private void Merge()
    {
        try
        {
            _writer.MergeIndex();
            Checkpoint();
        }
        catch (SqlException e) when (e.IsDiskFull)
        {
            _noMergeAt = _writer.Commits;
        }
        catch (Exception e)
        {
            Fault ??= e;
        }
    }

    private void Checkpoint()
    {
        var pages = _wal.Pages;
        var (least, step) = _writer.IsRoomShort
            ? (CatalogLimits.WalShortPages, CatalogLimits.WalShortPages)
            : (CatalogLimits.WalPassivePages, CatalogLimits.WalPassiveStepPages);
        if (pages < least)
        {
            _checkpointedPages = 0;
            return;
        }

        if (pages - _checkpointedPages < step)
        {
            return;
        }

        _checkpointedPages = pages;
        var mode = pages > CatalogLimits.WalRestartPages ? raw.SQLITE_CHECKPOINT_RESTART : raw.SQLITE_CHECKPOINT_PASSIVE;

        // A snapshot that began while the log was copied, and stayed, would keep the next write from starting the log again.
        var rc = _readers.Wait(() => Copy(mode, out _, out _));

        // Busy: a reader is in the way. Full: the catalogue's file can't grow. The next attempt comes a few MiB later, and the
        // write-ahead log holds it all until then.
        if (rc is not (raw.SQLITE_OK or raw.SQLITE_BUSY or raw.SQLITE_FULL))
        {
            Fault ??= _database.Failure(rc, "checkpoint");
        }
    }

    private int Copy(int mode, out int all, out int copied) =>
        raw.sqlite3_wal_checkpoint_v2(_database.Handle, null, mode, out all, out copied);

    private void Close()
    {
        try
        {
            if (Fault is null)
            {
                _writer.SealAll();
            }
        }
        catch (Exception e) when (e is DiskException or SqlException { IsDiskFull: true })
        {
            // The next start closes the packs; what is committed is safe.
            Fault = e;
        }
        finally
        {
            _writer.Dispose();
            _wal.Dispose();
            _database.Dispose();
            _room.Dispose();
        }
    }

    private static FluxException ReadOnly(Exception cause) => new(
        FluxError.Unavailable, "The store is read-only after a disk error: look at the log, check the disk, then restart fluxd.", cause);
}

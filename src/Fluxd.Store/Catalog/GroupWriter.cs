using Fluxd.Core;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Catalog;

/// <summary>
/// The mechanics of one group at a time: a transaction, a savepoint for each write, the log, the commit.
/// With a log, the group is durable when the log is written, and the catalogue's own commit needs no sync; without
/// one (a catalogue by itself) the commit syncs. The committer's thread only.
/// </summary>
internal sealed class GroupWriter : IDisposable
{
    private readonly Database _database;
    private readonly CommitLog? _log;
    private readonly int _schema;
    private readonly List<(long Pack, long? Length)> _sealed = [];
    private readonly Sequences _sequences;
    private long _applied;
    private long _commits;
    private long _layouts;
    private long _nextChunk;
    private long _savedNextPack;
    private long _savingNextPack;
    private readonly ChangeRecorder? _recorder;
    private CatalogTransaction? _transaction;

    internal GroupWriter(Database database, CommitLog? log, IndexSizes? sizes)
    {
        _database = database;
        _log = log;
        _schema = Migrations.VersionOf(database);
        _sequences = new Sequences(database);
        _applied = database.Scalar("SELECT value FROM local WHERE key = 'applied_group'") ?? 0;
        _nextChunk = database.Scalar("SELECT next FROM sequence WHERE name = 'chunk'") ?? 1;
        _savedNextPack = database.Scalar("SELECT next FROM sequence WHERE name = 'pack'") ?? 1;
        Index = new ChunkIndex(database, sizes);
        _recorder = log is null ? null : new ChangeRecorder(database);
    }

    internal ChunkIndex Index { get; }

    internal CatalogReferences References { get; } = new();

    internal OpenGroup? Group { get; private set; }

    /// <summary>The newest group that is committed.</summary>
    internal long Applied => Volatile.Read(ref _applied);

    /// <summary>Grows with each commit, before any of its writers hears of it.</summary>
    internal long Commits => Volatile.Read(ref _commits);

    /// <summary>
    /// Grows before and after each commit that changes where paths lead. A snapshot and a memory of the same even number
    /// belong together.
    /// </summary>
    internal long Layouts => Volatile.Read(ref _layouts);

    /// <summary>The log has the group and the catalogue may not: only a restart brings them together.</summary>
    internal bool IsCommitUncertain { get; private set; }

    /// <summary>There was little room when the last group was written.</summary>
    internal bool IsRoomShort { get; private set; }

    internal bool IsFull => Group is { } group && (group.Bytes >= CatalogLimits.GroupBytes || group.Chunks >= CatalogLimits.GroupChunks);

    internal void Begin(bool everything)
    {
        _database.Execute("BEGIN IMMEDIATE");
        Group = new OpenGroup(Index, _nextChunk);
        _savingNextPack = _savedNextPack;
        _transaction = new CatalogTransaction(_database, Group, _sequences, References);
        _recorder?.Begin(everything);
    }

    internal void Run(CatalogWrite write)
    {
        if (write.Cancellation.IsCancellationRequested)
        {
            write.Cancel();
            return;
        }

        var transaction = _transaction!;
        var (actions, undo) = (transaction.AfterCommitCount, transaction.UndoCount);
        transaction.Run("SAVEPOINT one");
        var worked = write.Run(transaction);
        if (!worked)
        {
            // Some faults end the whole transaction: then the group fails together.
            if (!_database.InTransaction)
            {
                throw write.Failure as SqlException ?? new SqlException(SQLitePCL.raw.SQLITE_ABORT, "SQLite gave the whole transaction up.");
            }

            transaction.ForgetAfterCommit(actions);
            transaction.Undo(undo);
            transaction.Run("ROLLBACK TO one");
        }

        transaction.Run("RELEASE one");
        transaction.EndWrite(worked);
    }

    /// <summary>Makes the group durable and visible.</summary>
    /// <param name="room">Asked when it is short. Null: nobody looks after it.</param>
    internal void Commit(DiskRoom? room)
    {
        var group = Group!;
        if (_recorder?.IsEmpty != true)
        {
            _sequences.Save();
        }

        LoggedGroup? logged = null;
        if (_log is not null)
        {
            logged = WriteLog(_log, group, room);
        }
        else if (group.Staged.Count > 0)
        {
            throw new InvalidOperationException("This catalogue has no packs to put chunks into.");
        }

        var moves = _transaction!.MovesPlaces ? 1 : 0;
        Interlocked.Add(ref _layouts, moves);
        try
        {
            CommitCatalog(logged, room);
        }
        finally
        {
            Interlocked.Add(ref _layouts, moves);
        }

        IsCommitUncertain = false;
        Interlocked.Increment(ref _commits);
        (_nextChunk, _savedNextPack) = (group.NextId, _savingNextPack);
        Volatile.Write(ref _applied, logged?.Group ?? _applied);
        Index.Add(group.Added);
        foreach (var action in _transaction.AfterCommitActions)
        {
            action();
        }

        End();
    }

    /// <summary>One slice of the index's work. What it moved from memory to the tables, a snapshot from before doesn't have.</summary>
    internal void MergeIndex()
    {
        Index.MergeStep();
        Interlocked.Increment(ref _commits);
    }

    /// <summary>After a failure. The group left nothing, unless the log says that it can't know.</summary>
    /// <returns>False: only a restart can tell whether the group is in the log.</returns>
    internal bool Rollback()
    {
        _transaction?.Undo(0);
        End();
        _sequences.Forget();
        _database.RollBack();
        return _log is null || CloseSuspects();
    }

    /// <summary>Closes full packs, when the group that filled them is committed. May sync: call it when callers have their answer.</summary>
    internal void SealFull()
    {
        if (_log is not null)
        {
            _ = CloseSuspects();
            _sealed.AddRange(_log.SealFull().Select(pack => (pack, (long?)null)));
        }
    }

    /// <summary>Closes all packs; the next start finds nothing to scan.</summary>
    internal void SealAll()
    {
        if (_log is not null)
        {
            _sealed.AddRange(_log.SealAll().Select(pack => (pack, (long?)null)));
            MarkSealed();
            _sealed.Clear();
        }
    }

    public void Dispose()
    {
        _recorder?.Dispose();
        _log?.Dispose();
    }

    /// <summary>The catalogue's own commit, of a group that the log has or needn't have.</summary>
    private void CommitCatalog(LoggedGroup? logged, DiskRoom? room)
    {
        try
        {
            logged?.InsertSegments(_database);
            MarkSealed();
            _database.Execute("COMMIT");
            _sealed.Clear();
        }
        catch (SqlException e) when (e.IsDiskFull && logged is not null && room?.Make() == true)
        {
            // What is in the log counts. It is played, as the next start would play it; packs are marked with the next group.
            _recorder!.End();
            _database.RollBack();
            logged.Play(_database);
        }
    }

    /// <summary>Null: there is nothing to log.</summary>
    private LoggedGroup? WriteLog(CommitLog log, OpenGroup group, DiskRoom? room)
    {
        SaveSequences(log, group);
        if (group.Staged.Count == 0 && _recorder!.IsEmpty)
        {
            return null;
        }

        if (room is not null)
        {
            TakeRoom(room);
        }

        var changes = _recorder!.Take();
        if (changes.Length > CatalogLimits.GroupChangesBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, "This changes too much at once; do it in smaller steps.");
        }

        var written = Write(log, group, changes, room);
        IsCommitUncertain = true;
        return new LoggedGroup(_applied + 1, written, changes);
    }

    /// <summary>
    /// A group that the log has and the catalogue finds no room for can only be settled with more room, or by a restart. So
    /// where room is short, the catalogue takes its own before the log is written: without it the group fails as if it had
    /// never been.
    /// </summary>
    private void TakeRoom(DiskRoom room)
    {
        var free = room.Free();
        IsRoomShort = free < CatalogLimits.ShortRoom;
        if (!IsRoomShort)
        {
            return;
        }

        if (free < CatalogLimits.CommitRoom && !(room.Make() && room.Free() >= CatalogLimits.CommitRoom))
        {
            throw DiskRoom.Full();
        }

        _database.Flush();
    }

    private IReadOnlyList<TrailerInfo> Write(CommitLog log, OpenGroup group, ReadOnlyMemory<byte> changes, DiskRoom? room)
    {
        try
        {
            return log.Write(_applied + 1, group.Staged, _schema, _applied, changes);
        }
        catch (LogFailedException e) when (e.IsDiskFull)
        {
            // Room first: closing the packs that failed takes a little of it.
            var hasRoom = room?.Make() == true;
            IsCommitUncertain = !CloseSuspects();
            if (IsCommitUncertain || !hasRoom)
            {
                throw;
            }

            return log.Write(_applied + 1, group.Staged, _schema, _applied, changes);
        }
    }

    /// <summary>The recorder sees these, so that a replay goes on from the same numbers. New packs are noted one group late:
    /// in time before any of them can be removed.</summary>
    private void SaveSequences(CommitLog log, OpenGroup group)
    {
        if (group.NextId != _nextChunk)
        {
            SaveSequence("chunk", group.NextId);
        }

        if (log.NextPack != _savedNextPack && (group.Staged.Count > 0 || !_recorder!.IsEmpty))
        {
            SaveSequence("pack", log.NextPack);
            _savingNextPack = log.NextPack;
        }
    }

    private void SaveSequence(string name, long next)
    {
        using var save = _database.Sql("UPDATE sequence SET next = ?1 WHERE name = ?2").Bind(next).Bind(name);
        save.Run();
    }

    private void MarkSealed()
    {
        foreach (var (pack, length) in _sealed)
        {
            SegmentRows.SetSealed(_database, pack, length);
        }
    }

    private bool CloseSuspects()
    {
        var all = _log!.CloseSuspects(out var closed);
        _sealed.AddRange(closed.Select(pack => (pack.Pack, (long?)pack.Length)));
        return all;
    }

    private void End()
    {
        _recorder?.End();
        _transaction = null;
        Group = null;
    }
}

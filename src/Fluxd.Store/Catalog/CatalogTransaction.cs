using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Catalog;

/// <summary>
/// One caller's write on the committer's thread, inside a savepoint of its own: it takes effect as a whole or, if
/// the work throws, not at all. Sees everything committed before it and what came before it in the same group.
/// </summary>
internal sealed class CatalogTransaction : CatalogReader
{
    private readonly List<Action> _afterCommit = [];
    private readonly List<Action> _undo = [];
    private readonly Dictionary<long, (long Root, FilePath Path)> _places = [];
    private bool _leavesPlaces;

    /// <summary>The sequence that ids of contents come from.</summary>
    internal const string ContentKind = "content";

    private readonly OpenGroup _group;
    private readonly Sequences _sequences;
    private readonly CatalogReferences _references;

    internal CatalogTransaction(Database database, OpenGroup group, Sequences sequences, CatalogReferences references)
        : base(database) => (_group, _sequences, _references) = (group, sequences, references);

    /// <summary>The next id of a kind in table <c>sequence</c>. Used once, even if the row is deleted later.</summary>
    public long NextId(string kind) => NextIds(kind, 1);

    /// <summary>The first of <paramref name="count"/> ids in a row.</summary>
    public long NextIds(string kind, int count) => _sequences.Take(kind, count);

    public int Run(string sql)
    {
        using var statement = Sql(sql);
        return statement.Run();
    }

    /// <summary>
    /// A whole chunk with this hash that is committed or new in this group; it stays at least until this write is over.
    /// A row that this write makes may refer to it, and nothing else: in memory an id of a chunk holds nothing.
    /// </summary>
    /// <param name="next">The smallest id not below one that counts: whose chunks may be found. Null: anybody's.</param>
    public long? FindChunk(in ChunkHash hash, Func<long, long?>? next = null)
    {
        var found = _group.Find(this, hash, next ?? (static id => id));
        if (found is { } id)
        {
            _references.Barrier?.Set(id);
        }

        return found;
    }

    /// <summary>As <see cref="FindChunk"/>, by id: false when there is no such chunk any more.</summary>
    public bool KeepChunk(long id)
    {
        using var row = Sql("SELECT 1 FROM chunk WHERE id = ?1").Bind(id);
        if (!row.Step())
        {
            return false;
        }

        _references.Barrier?.Set(id);
        return true;
    }

    /// <summary>
    /// Every write that makes a row refer to a content that was there before asks this first: it must be there still,
    /// and is no garbage from now on.
    /// </summary>
    /// <exception cref="FluxException">Conflict: it was removed.</exception>
    public void KeepContent(long content)
    {
        if (_sequences.IsFromThisGroup(ContentKind, content))
        {
            return; // Nobody but the write that made it can know of it.
        }

        using var row = Sql("SELECT 1 FROM content WHERE id = ?1").Bind(content);
        if (!row.Step())
        {
            throw new FluxException(FluxError.Conflict, "The bytes that this refers to were removed meanwhile; open the file again, or send it once more.");
        }

        _references.Holds.Pardon(content);
    }

    /// <summary>
    /// Adds chunks to the store and gives the id of the first; the others follow without gaps. They stay, as garbage
    /// for the collector, even if this write fails.
    /// </summary>
    /// <param name="lane">Less than <see cref="CatalogLimits.Lanes"/>: what should stand together, on one lane.</param>
    /// <param name="payload">The stored bytes back to back; they must stay as they are until the write has an answer.</param>
    /// <param name="indexed">False for the uncut end of an unfinished upload, which nobody should find.</param>
    public long AppendChunks(int lane, ReadOnlyMemory<byte> payload, ChunkEntry[] chunks, bool indexed = true) =>
        _group.Append(lane, payload, chunks, indexed);

    /// <summary>
    /// Runs on the committer's thread when this write is durable and before its caller hears of it: for memory that
    /// mirrors the tables. Must be quick and must not throw.
    /// </summary>
    public void AfterCommit(Action action) => _afterCommit.Add(action);

    /// <summary>
    /// Runs on the committer's thread when this write, or its whole group, is rolled back: takes back what the write changed in
    /// memory for the writes behind it to see. Must be quick and must not throw.
    /// </summary>
    public void OnRollback(Action undo) => _undo.Add(undo);

    /// <summary>
    /// Said by a write that moves, removes and makes no folder and no link, and puts nothing before a shared folder's name:
    /// where paths lead is as it was.
    /// </summary>
    public void LeavesPlaces() => _leavesPlaces = true;

    /// <summary>Where a folder is, if one of the writes just before found it and none of them moved anything.</summary>
    public (long Root, FilePath Path)? KnownPlace(long folder) => _places.TryGetValue(folder, out var place) ? place : null;

    public void RememberPlace(long folder, (long Root, FilePath Path) place) => _places[folder] = place;

    /// <summary>Did a write of the group change where paths lead?</summary>
    internal bool MovesPlaces { get; private set; }

    /// <summary>After each write of the group.</summary>
    internal void EndWrite(bool worked)
    {
        MovesPlaces |= worked && !_leavesPlaces;
        if (!worked || !_leavesPlaces)
        {
            _places.Clear();
        }

        _leavesPlaces = false;
    }

    internal int UndoCount => _undo.Count;

    /// <summary>The newest first, down to the one at <paramref name="from"/>.</summary>
    internal void Undo(int from)
    {
        while (_undo.Count > from)
        {
            _undo[^1]();
            _undo.RemoveAt(_undo.Count - 1);
        }
    }

    internal int AfterCommitCount => _afterCommit.Count;

    internal IReadOnlyList<Action> AfterCommitActions => _afterCommit;

    /// <summary>The write that asked for them was rolled back.</summary>
    internal void ForgetAfterCommit(int from) => _afterCommit.RemoveRange(from, _afterCommit.Count - from);
}

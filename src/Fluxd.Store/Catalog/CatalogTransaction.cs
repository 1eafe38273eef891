using Fluxd.Core;
using Fluxd.Core.Chunking;
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

    private readonly OpenGroup _group;
    private readonly CatalogReferences _references;

    internal CatalogTransaction(Database database, OpenGroup group, CatalogReferences references)
        : base(database) => (_group, _references) = (group, references);

    /// <summary>The next id of a kind in table <c>sequence</c>. Used once, even if the row is deleted later.</summary>
    public long NextId(string kind) => NextIds(kind, 1);

    /// <summary>The first of <paramref name="count"/> ids in a row.</summary>
    public long NextIds(string kind, int count)
    {
        using var next = Sql("UPDATE sequence SET next = next + ?1 WHERE name = ?2 RETURNING next").Bind(count).Bind(kind);
        return (next.RunScalar() ?? throw new ArgumentException($"There is no sequence \"{kind}\".", nameof(kind))) - count;
    }

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

    internal int AfterCommitCount => _afterCommit.Count;

    internal IReadOnlyList<Action> AfterCommitActions => _afterCommit;

    /// <summary>The write that asked for them was rolled back.</summary>
    internal void ForgetAfterCommit(int from) => _afterCommit.RemoveRange(from, _afterCommit.Count - from);
}

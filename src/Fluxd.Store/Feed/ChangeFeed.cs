using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Files;

namespace Fluxd.Store.Feed;

/// <summary>
/// The change log as one principal may see it: the own home and the folders shared now, below the credential's path
/// prefix, in the order of commits.
/// </summary>
internal sealed class ChangeFeed(Trees trees, ChangeSignal signal) : IChangeFeed
{
    private const string Query = """
        SELECT seq, kind, node, node_kind, path, from_path, version, size, tag, mtime, at, author
        FROM change WHERE root = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3
        """;

    public long Head => signal.Head;

    public Task WaitAsync(long cursor, CancellationToken ct) => signal.WaitAsync(cursor, ct);

    public ValueTask<ChangePage> ReadAsync(Principal who, long cursor, int count, CancellationToken ct)
    {
        who.Require(Scopes.Read);
        return trees.ReadAsync(who, (view, db) => Read(view, db, cursor, Math.Clamp(count, 1, Limits.FeedPageMax)), ct);
    }

    private ChangePage Read(View view, CatalogReader db, long cursor, int count)
    {
        var head = (db.Scalar("SELECT next FROM sequence WHERE name = 'change'") ?? 1) - 1;
        var floor = db.Scalar("SELECT value FROM meta WHERE key = 'change_floor'") ?? 0;

        // A cursor from the future is one of a store that was restored to an older state since.
        if (cursor < floor || cursor > head)
        {
            throw new FluxException(FluxError.Gone, "The log isn't kept from there; list the folders anew and go on from the newest cursor.");
        }

        var found = new List<(long Sequence, Change? Change)>();
        foreach (var (mount, at) in Mounts(view, db))
        {
            Collect(view, db, mount, at, cursor, count + 1, found);
        }

        found.Sort((a, b) => a.Sequence.CompareTo(b.Sequence));
        var hasMore = found.Count > count;
        var page = hasMore ? found[..count] : found;
        return new ChangePage([.. page.Select(entry => entry.Change).OfType<Change>()], hasMore ? page[^1].Sequence : head, hasMore);
    }

    private static IEnumerable<(Mount Mount, FilePath At)> Mounts(View view, CatalogReader db)
    {
        yield return (view.Home, FilePath.Root);
        foreach (var mount in view.Shared)
        {
            yield return (mount, FilePath.Root.Append(View.ShownName(mount, name => NodeTable.Find(db, view.Home.Root, name) is not null)));
        }
    }

    private void Collect(View view, CatalogReader db, Mount mount, FilePath at, long cursor, int most, List<(long, Change?)> found)
    {
        using var row = db.Sql(Query).Bind(mount.Root).Bind(cursor).Bind(most);
        while (row.Step())
        {
            found.Add((row.Long(0), AsSeen(view.Who.PathPrefix, From(row, at))));
        }
    }

    private Change From(Statement row, FilePath at) => new()
    {
        Sequence = row.Long(0),
        Kind = (ChangeKind)row.Int(1),
        NodeId = row.Long(2),
        NodeKind = (NodeKind)row.Int(3),
        Path = FilePath.Parse(row.Span(4)[1..], at),
        From = row.IsNull(5) ? null : FilePath.Parse(row.Span(5)[1..], at),
        Version = row.Long(6),
        Size = row.Long(7),
        ContentTag = row.Bytes(8),
        ModifiedAt = new FileTime(row.Long(9)),
        At = new FileTime(row.Long(10)),
        Author = trees.NameOf(row.Long(11)),
    };

    /// <summary>A move across the prefix's border is an arrival or a departure; what is beyond it is nobody's business.</summary>
    private static Change? AsSeen(FilePath prefix, Change change)
    {
        var sees = change.Path.IsWithin(prefix);
        var saw = change.From?.IsWithin(prefix) ?? false;
        return sees ? (saw ? change : change with { From = null })
            : saw ? change with { Kind = ChangeKind.Remove, Path = change.From!, From = null }
            : null;
    }
}

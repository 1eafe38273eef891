using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>
/// The trees as they were at a full hour. A node was at a place from <c>since</c> until it moved (then <c>place</c>
/// says until when); its content then is the newest version kept from before that moment, or, where thinning took
/// all of those, the oldest kept one.
/// </summary>
internal static class Past
{
    private const string At = """
        WITH there(node, name) AS (
            SELECT id, name FROM node WHERE parent = ?1 AND since <= ?2
            UNION ALL SELECT node, name FROM place WHERE parent = ?1 AND since <= ?2 AND until > ?2)
        SELECT n.id, ?1, t.name, n.kind, n.owner, coalesce(v.id, 0), n.revision, coalesce(v.size, n.size), n.target, n.mode,
            coalesce(v.mtime, n.mtime), n.atime, n.ctime, n.created, n.since, v.content, c.root
        FROM there t JOIN node n ON n.id = t.node
            LEFT JOIN version v ON v.id = coalesce(
                (SELECT max(id) FROM version WHERE node = n.id AND created <= ?2),
                (SELECT min(id) FROM version WHERE node = n.id))
            LEFT JOIN content c ON c.id = v.content
        """;

    public static NodeRow? Find(CatalogReader db, long parent, FileName name, long time)
    {
        using var row = db.Sql(At + " WHERE t.name = ?3").Bind(parent).Bind(time).Bind(name.Bytes);
        return row.Step() ? NodeRow.From(row) : null;
    }

    /// <summary>All of a folder, in the order of names, beginning behind <paramref name="after"/>.</summary>
    public static IEnumerable<NodeRow> List(CatalogReader db, long parent, long time, byte[] after)
    {
        using var row = db.Sql(At + " WHERE t.name > ?3 ORDER BY t.name").Bind(parent).Bind(time).Bind(after);
        while (row.Step())
        {
            yield return NodeRow.From(row);
        }
    }
}

using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>Takes nodes out of their trees without losing them.</summary>
internal static class Trash
{
    /// <summary>Removes a node (with all below it) into the trash, and gives its quota back.</summary>
    public static void Put(CatalogTransaction db, NodeRow node, Mount mount, FilePath pathInTree, long by, long now)
    {
        var (bytes, files) = NodeTable.Weigh(db, node.Id);
        NodeTable.Detach(db, node, now);
        Quotas.Charge(db, mount, -bytes, -files);
        using var insert = db.Sql("""
            INSERT INTO trash(node, root, old_parent, old_name, old_path, size, removed, removed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """)
            .Bind(node.Id).Bind(mount.Root).Bind(node.Parent).Bind(node.Name.Bytes).Bind(pathInTree.ToBytes()).Bind(bytes).Bind(now).Bind(by);
        insert.Run();
    }

    /// <summary>
    /// Another file takes the node's name: the old one lives on as the past of its successor, whose list of versions
    /// goes on with it, so that editors that save by renaming keep their history.
    /// </summary>
    public static void Supersede(CatalogTransaction db, NodeRow old, NodeRow successor, Mount mount, long now)
    {
        NodeTable.Detach(db, old, now);
        Quotas.Charge(db, mount, -(old.Kind == NodeKind.File ? old.Size : 0), -1);
        using (var end = db.Sql("UPDATE version SET replaced = ?2, root = ?3 WHERE id = ?1").Bind(old.Version).Bind(now).Bind(mount.Root))
        {
            end.Run();
        }

        // A successor that has a past of its own keeps it: then the old one hangs at the end of that chain.
        using var link = db.Sql("""
            WITH RECURSIVE chain(id, before) AS (
                SELECT id, before FROM node WHERE id = ?1
                UNION ALL SELECT n.id, n.before FROM chain c JOIN node n ON n.id = c.before)
            UPDATE node SET before = ?2 WHERE id = (SELECT id FROM chain WHERE before IS NULL)
            """).Bind(successor.Id).Bind(old.Id);
        link.Run();
    }
}

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

    /// <summary>Another file takes the node's name: then <see cref="Link"/> must follow.</summary>
    public static void Supersede(CatalogTransaction db, NodeRow old, Mount mount, long now)
    {
        NodeTable.Detach(db, old, now);
        Quotas.Charge(db, mount, -old.Size, -1);
        using var end = db.Sql("UPDATE version SET replaced = ?2, root = ?3, mtime = ?4 WHERE id = ?1").Bind(old.Version).Bind(now).Bind(mount.Root).Bind(old.ModifiedAt);
        end.Run();
    }

    /// <summary>
    /// The superseded file lives on as the past of its successor, whose list of versions goes on with it, so that
    /// editors that save by renaming keep their history. A successor with a past of its own keeps that too.
    /// </summary>
    public static void Link(CatalogTransaction db, long successor, long old)
    {
        using var link = db.Sql("""
            WITH RECURSIVE chain(id, before) AS (
                SELECT id, before FROM node WHERE id = ?1
                UNION ALL SELECT n.id, n.before FROM chain c JOIN node n ON n.id = c.before)
            UPDATE node SET before = ?2 WHERE id = (SELECT id FROM chain WHERE before IS NULL)
            """).Bind(successor).Bind(old);
        link.Run();
    }
}

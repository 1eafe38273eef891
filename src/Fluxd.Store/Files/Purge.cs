using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>Takes rows of the past away for good, in slices that never hold the committer long. Bytes go later, by garbage collection.</summary>
internal static class Purge
{
    /// <returns>True when nothing of it is left.</returns>
    public static bool TrashSlice(CatalogTransaction db, long node)
    {
        Lost(db, "SELECT root FROM trash WHERE node = ?1", node);

        // The deepest first: what is left is a tree at every moment.
        var ids = Ids(db, """
            WITH RECURSIVE tree(id, depth) AS (SELECT ?1, 0 UNION ALL SELECT n.id, t.depth + 1 FROM node n JOIN tree t ON n.parent = t.id)
            SELECT id FROM tree ORDER BY depth DESC LIMIT ?2
            """, node);
        foreach (var id in ids)
        {
            Forget(db, id);
        }

        if (!ids.Contains(node))
        {
            return false;
        }

        Run(db, "DELETE FROM trash WHERE node = ?1", node);
        return true;
    }

    /// <summary>Removes one version of the past, and its file if that lives on in nothing else.</summary>
    public static void Version(CatalogTransaction db, long version, long node)
    {
        Lost(db, "SELECT root FROM version WHERE id = ?1", version);
        Run(db, "DELETE FROM version WHERE id = ?1", version);
        if (IsForgotten(db, node))
        {
            Forget(db, node);
        }
    }

    /// <summary>Removes a node and its past; what it took the place of is linked to what takes its.</summary>
    public static void Forget(CatalogTransaction db, long node)
    {
        Run(db, "UPDATE node SET before = (SELECT before FROM node WHERE id = ?1) WHERE before = ?1", node);
        Run(db, "DELETE FROM version WHERE node = ?1", node);
        Run(db, "DELETE FROM place WHERE node = ?1", node);
        Run(db, "DELETE FROM trash WHERE node = ?1", node);
        Run(db, "DELETE FROM node WHERE id = ?1", node);
    }

    // Superseded, in no tree, not in the trash, and without any version left.
    private static bool IsForgotten(CatalogReader db, long node)
    {
        using var row = db.Sql("""
            SELECT 1 FROM node WHERE id = ?1 AND parent = 0
                AND NOT EXISTS (SELECT 1 FROM version WHERE node = ?1)
                AND NOT EXISTS (SELECT 1 FROM trash WHERE node = ?1)
                AND NOT EXISTS (SELECT 1 FROM tree WHERE node = ?1)
            """).Bind(node);
        return row.Step();
    }

    private static List<long> Ids(CatalogReader db, string sql, long value)
    {
        var ids = new List<long>();
        using var row = db.Sql(sql).Bind(value).Bind(FilesLimits.ExpirySlice);
        while (row.Step())
        {
            ids.Add(row.Long(0));
        }

        return ids;
    }

    private static void Lost(CatalogTransaction db, string ofWhich, long value)
    {
        using var root = db.Sql(ofWhich).Bind(value);
        if (root.RunScalar() is { } tree)
        {
            OwnState.Lost(db, tree);
        }
    }

    private static void Run(CatalogTransaction db, string sql, long value)
    {
        using var statement = db.Sql(sql).Bind(value);
        statement.Run();
    }
}

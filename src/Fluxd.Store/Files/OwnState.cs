using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>Which trees' ranges of own chunks need a look; see <see cref="OwnSweep"/>.</summary>
internal static class OwnState
{
    /// <summary>Files went from one tree to another, by move or by copy: both now have chunks that the other has too.</summary>
    public static void Mixed(CatalogTransaction db, long from, long to)
    {
        if (from == to)
        {
            return;
        }

        foreach (var root in (ReadOnlySpan<long>)[from, to])
        {
            using var mark = db.Sql("INSERT INTO own_state(root, stale, mixed) VALUES (?1, 1, 1) ON CONFLICT(root) DO UPDATE SET stale = 1, mixed = 1").Bind(root);
            mark.Run();
        }
    }

    /// <summary>
    /// Something left a tree for good. What only that tree had, the collector takes, and nothing needs to be forgotten
    /// before; what another tree has too must be forgotten here.
    /// </summary>
    public static void Lost(CatalogTransaction db, long root)
    {
        using var mark = db.Sql("UPDATE own_state SET stale = 1 WHERE root = ?1 AND mixed = 1 AND stale = 0").Bind(root);
        mark.Run();
    }
}

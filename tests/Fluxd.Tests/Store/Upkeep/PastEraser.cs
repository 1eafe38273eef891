using Fluxd.Store.Catalog;
using Fluxd.Store.Files;

namespace Fluxd.Tests.Store.Upkeep;

/// <summary>As if a long time had passed: nothing is in the trash, and no older versions are kept.</summary>
internal static class PastEraser
{
    public static Task RunAsync(SqliteCatalog catalog) => catalog.WriteAsync(
        db =>
        {
            var trash = new List<long>();
            using (var rows = db.Sql("SELECT node FROM trash"))
            {
                while (rows.Step())
                {
                    trash.Add(rows.Long(0));
                }
            }

            foreach (var node in trash)
            {
                while (!Purge.TrashSlice(db, node))
                {
                }
            }

            var versions = new List<(long Version, long Node)>();
            using (var rows = db.Sql("SELECT id, node FROM version WHERE replaced IS NOT NULL"))
            {
                while (rows.Step())
                {
                    versions.Add((rows.Long(0), rows.Long(1)));
                }
            }

            versions.ForEach(past => Purge.Version(db, past.Version, past.Node));
        },
        CancellationToken.None);
}

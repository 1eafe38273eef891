using System.Globalization;
using System.Text;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Accounts;

/// <summary>Makes the root of a home or of a shared folder, in the transaction that makes its owner.</summary>
internal static class RootNodes
{
    public static long Make(CatalogTransaction transaction, long owner, FileTime now)
    {
        var id = transaction.NextId("node");
        using (var insert = transaction.Sql(
            """
            INSERT INTO node(id, parent, name, kind, owner, revision, mode, mtime, atime, ctime, created, since)
            VALUES (?1, 0, ?2, ?3, ?4, 1, ?5, ?6, ?6, ?6, ?6, ?6)
            """))
        {
            // Roots have no name of their own; the index of names wants one that no other root has.
            var name = Encoding.ASCII.GetBytes(id.ToString(CultureInfo.InvariantCulture));
            insert.Bind(id).Bind(name).Bind((long)NodeKind.Folder).Bind(owner).Bind(0b111_101_101).Bind(now.Nanoseconds).Run();
        }

        using var usage = transaction.Sql("INSERT INTO usage(root, bytes, files, reserved) VALUES (?1, 0, 0, 0)").Bind(id);
        usage.Run();
        return id;
    }

    public static Core.Accounts.Usage UsageOf(CatalogReader reader, long? root)
    {
        if (root is not { } id)
        {
            return default;
        }

        using var row = reader.Sql("SELECT bytes, files FROM usage WHERE root = ?1").Bind(id);
        return row.Step() ? new Core.Accounts.Usage(row.Long(0), row.Long(1)) : default;
    }
}

using Fluxd.Core.Accounts;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Accounts;

/// <summary>What a user's home holds, as the trees count it; a home that was never used holds nothing.</summary>
internal static class UsageRows
{
    public static Usage OfUser(CatalogReader reader, long user)
    {
        using var row = reader.Sql("SELECT u.bytes, u.files FROM tree t JOIN usage u ON u.root = t.node WHERE t.kind = 0 AND t.holder = ?1").Bind(user);
        return row.Step() ? new Usage(row.Long(0), row.Long(1)) : default;
    }
}

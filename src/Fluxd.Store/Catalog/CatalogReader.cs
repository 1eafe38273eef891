using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Catalog;

/// <summary>
/// One consistent view of the catalogue, for the duration of one call. Don't keep it, or anything that it gave,
/// beyond the call; don't await inside (it is all synchronous).
/// </summary>
internal class CatalogReader
{
    private protected CatalogReader(Database database) => Database = database;

    private protected Database Database { get; }

    /// <summary>A prepared statement, cached by its text (so use constants): bind, step, dispose.</summary>
    public virtual Statement Sql(string sql) => Database.Sql(sql);

    /// <summary>The first column of the first row; null without a row or for NULL.</summary>
    public long? Scalar(string sql)
    {
        using var statement = Sql(sql);
        return statement.RunScalar();
    }
}

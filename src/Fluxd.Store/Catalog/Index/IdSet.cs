using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Catalog.Index;

/// <summary>
/// A set of chunk ids as rows of ranges that never overlap: what a tree has (<c>own</c>), what a session was promised
/// (<c>lease</c>). Ids are dense and a writer's new ones follow each other, so millions of chunks are a few rows.
/// </summary>
internal readonly struct IdSet
{
    private static readonly Texts s_own = new("own", "root");
    private static readonly Texts s_lease = new("lease", "session");

    private readonly Texts _sql;
    private readonly long _number;
    private readonly byte[]? _bytes;

    private IdSet(Texts sql, long number, byte[]? bytes) => (_sql, _number, _bytes) = (sql, number, bytes);

    internal static IdSet OfTree(long root) => new(s_own, root, null);

    internal static IdSet OfSession(byte[] session) => new(s_lease, 0, session);

    /// <summary>The smallest id in the set that is not below <paramref name="id"/>; null when there is none.</summary>
    internal long? Next(CatalogReader db, long id)
    {
        using (var before = Start(db, _sql.EndBefore).Bind(id))
        {
            if (before.RunScalar() > id)
            {
                return id;
            }
        }

        using var behind = Start(db, _sql.FirstBehind).Bind(id);
        return behind.RunScalar();
    }

    internal bool Holds(CatalogReader db, long first, long count)
    {
        using var before = Start(db, _sql.EndBefore).Bind(first);
        return before.RunScalar() >= first + count;
    }

    /// <summary>How many rows it has, up to <paramref name="most"/>.</summary>
    internal long Rows(CatalogReader db, long most)
    {
        using var count = Start(db, _sql.Count).Bind(most);
        return count.RunScalar() ?? 0;
    }

    internal void Add(CatalogTransaction db, long first, long count)
    {
        var end = first + count;
        if (Near(db, first) is { } near && near.End >= first)
        {
            if (near.End >= end)
            {
                return;
            }

            // New chunks nearly always follow the newest.
            using var behind = Start(db, _sql.FirstBehind).Bind(near.First);
            if (!(behind.RunScalar() <= end))
            {
                using var extend = Start(db, _sql.Extend).Bind(near.First).Bind(end - near.First);
                extend.Run();
                return;
            }

            first = near.First;
        }

        using (var swallowed = Start(db, _sql.EndWithin).Bind(first).Bind(end))
        {
            end = Math.Max(end, swallowed.RunScalar() ?? 0);
        }

        Remove(db, first, end);
        using var insert = Start(db, _sql.Insert).Bind(first).Bind(end - first);
        insert.Run();
    }

    /// <summary>The last range that begins at or before an id.</summary>
    private (long First, long End)? Near(CatalogReader db, long id)
    {
        using var near = Start(db, _sql.Near).Bind(id);
        return near.Step() ? (near.Long(0), near.Long(0) + near.Long(1)) : null;
    }

    /// <summary>Removes the ranges that begin from <paramref name="first"/> to <paramref name="last"/>, both included.</summary>
    internal void Remove(CatalogTransaction db, long first, long last)
    {
        using var remove = Start(db, _sql.Remove).Bind(first).Bind(last);
        remove.Run();
    }

    /// <summary>The ranges that begin in [first, end), in order.</summary>
    internal List<(long First, long Count)> In(CatalogReader db, long first, long end)
    {
        var found = new List<(long, long)>();
        using var rows = Start(db, _sql.In).Bind(first).Bind(end);
        while (rows.Step())
        {
            found.Add((rows.Long(0), rows.Long(1)));
        }

        return found;
    }

    private Statement Start(CatalogReader db, string sql)
    {
        var statement = db.Sql(sql);
        return _bytes is null ? statement.Bind(_number) : statement.Bind(_bytes);
    }

    // Made once, because statements are cached by their text.
    private sealed class Texts(string table, string key)
    {
        internal readonly string EndBefore = $"SELECT first + count FROM {table} WHERE {key} = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
        internal readonly string FirstBehind = $"SELECT first FROM {table} WHERE {key} = ?1 AND first > ?2 ORDER BY first LIMIT 1";
        internal readonly string Near = $"SELECT first, count FROM {table} WHERE {key} = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
        internal readonly string EndWithin = $"SELECT max(first + count) FROM {table} WHERE {key} = ?1 AND first >= ?2 AND first <= ?3";
        internal readonly string Insert = $"INSERT INTO {table}({key}, first, count) VALUES (?1, ?2, ?3)";
        internal readonly string Extend = $"UPDATE {table} SET count = ?3 WHERE {key} = ?1 AND first = ?2";
        internal readonly string Remove = $"DELETE FROM {table} WHERE {key} = ?1 AND first >= ?2 AND first <= ?3";
        internal readonly string Count = $"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {key} = ?1 LIMIT ?2)";
        internal readonly string In = $"SELECT first, count FROM {table} WHERE {key} = ?1 AND first >= ?2 AND first < ?3 ORDER BY first";
    }
}

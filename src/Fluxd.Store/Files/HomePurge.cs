using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Core.Files;
using Fluxd.Store.Accounts;
using Fluxd.Store.Catalog;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>
/// Takes a removed user's files away for good: the home with its past and trash, unfinished uploads, and their names in
/// the change log. What the user put into shared folders belongs to those. In slices, each a small transaction; a purge
/// that was cut off goes on when it is asked for again. The first slice carries the line in the audit log, so that no
/// file is gone without one. Bytes are given back by garbage collection, as always.
/// </summary>
/// <param name="slice">Rows of one transaction: bounds its time on the committer.</param>
internal sealed class HomePurge(SqliteCatalog catalog, TimeProvider clock, int slice = FilesLimits.ExpirySlice)
{
    private const int Removed = (int)UserState.Removed;

    /// <summary>Past of files that are nowhere any more: one that was moved into a shared folder took its past along.</summary>
    private const string Homeless = """
        v.replaced IS NOT NULL AND NOT EXISTS (SELECT 1 FROM node WHERE id = v.node AND parent <> 0)
            AND NOT EXISTS (SELECT 1 FROM node WHERE before = v.node) AND NOT EXISTS (SELECT 1 FROM trash WHERE node = v.node)
        """;

    /// <summary>Removed users of whom something is still there.</summary>
    public ValueTask<IReadOnlyList<RemovedUserRecord>> ListAsync(CancellationToken ct) => catalog.ReadAsync(db => (IReadOnlyList<RemovedUserRecord>)All(db), ct);

    /// <param name="who">A name, or "#" and an id where several removed users had the name.</param>
    /// <exception cref="FluxException">NotFound, Conflict: nothing was changed.</exception>
    public async Task<RemovedUserRecord> RunAsync(Actor actor, string who, CancellationToken ct)
    {
        var user = await catalog.WriteAsync(
            db =>
            {
                var found = Find(db, who);
                var detail = string.Create(CultureInfo.InvariantCulture, $"#{found.Id}, {found.Files} files, {found.Bytes} bytes, {found.PastBytes} bytes of the past");
                AuditRows.Add(db, new AuditEntry(0, FileTime.Now(clock), "user.purge", actor.Name, found.Name, actor.Peer, actor.Frontend, detail));
                return found;
            },
            ct);
        while (await catalog.WriteAsync(db => Slice(db, user.Id), ct))
        {
        }

        return user;
    }

    private static RemovedUserRecord Find(CatalogReader db, string who)
    {
        var all = All(db);
        var found = who.StartsWith('#')
            ? all.Where(user => string.Create(CultureInfo.InvariantCulture, $"#{user.Id}") == who).ToArray()
            : all.Where(user => string.Equals(user.Name, AccountName.Normalize(who), StringComparison.OrdinalIgnoreCase)).ToArray();
        return found.Length switch
        {
            1 => found[0],
            0 when IsThere(db, who) => throw FluxException.Conflict($"{AccountName.Clean(who)} is a user and keeps the files; first: fluxctl users remove {AccountName.Clean(who)}"),
            0 => throw FluxException.NotFound($"No removed user \"{AccountName.Clean(who)}\" has files here; see them with: fluxctl users list --removed"),
            _ => throw FluxException.Conflict($"{found.Length} removed users were called {found[0].Name}; name one by its number: {string.Join(", ", found.Select(user => $"#{user.Id}"))}. See them with: fluxctl users list --removed"),
        };
    }

    private static bool IsThere(CatalogReader db, string name)
    {
        using var row = db.Sql("SELECT 1 FROM user WHERE name = ?1 COLLATE NOCASE AND state <> ?2").Bind(AccountName.Normalize(name)).Bind(Removed);
        return row.Step();
    }

    private static List<RemovedUserRecord> All(CatalogReader db)
    {
        var users = new List<RemovedUserRecord>();
        using var row = db.Sql($"""
            SELECT u.id, u.name, u.created, coalesce(g.files, 0), coalesce(g.bytes, 0),
                coalesce((SELECT sum(size) FROM version WHERE root = t.node AND replaced IS NOT NULL), 0) + coalesce((SELECT sum(size) FROM trash WHERE root = t.node), 0)
            FROM user u LEFT JOIN tree t ON t.kind = 0 AND t.holder = u.id LEFT JOIN usage g ON g.root = t.node
            WHERE u.state = ?1 AND (EXISTS (SELECT 1 FROM node WHERE parent = t.node) OR EXISTS (SELECT 1 FROM trash WHERE root = t.node)
                OR EXISTS (SELECT 1 FROM version v WHERE v.root = t.node AND {Homeless})
                OR EXISTS (SELECT 1 FROM change WHERE root = t.node)
                OR EXISTS (SELECT 1 FROM upload WHERE owner = u.id))
            ORDER BY u.name, u.id
            """).Bind(Removed);
        while (row.Step())
        {
            users.Add(new RemovedUserRecord(row.Long(0), row.Text(1), new FileTime(row.Long(2)).ToDateTimeOffset(), row.Long(3), row.Long(4), row.Long(5)));
        }

        return users;
    }

    /// <returns>False when nothing is left.</returns>
    internal bool Slice(CatalogTransaction db, long user)
    {
        using (var state = db.Sql("SELECT 1 FROM user WHERE id = ?1 AND state = ?2").Bind(user).Bind(Removed))
        {
            if (!state.Step())
            {
                throw FluxException.Conflict("This user is not removed.");
            }
        }

        if (Uploads(db, user))
        {
            return true;
        }

        using var tree = db.Sql("SELECT node FROM tree WHERE kind = 0 AND holder = ?1").Bind(user);
        if (tree.RunScalar() is not { } top)
        {
            return false;
        }

        var left = slice;
        if (!Empty(db, top, ref left) || Trash(db, top) || Versions(db, top) || Changes(db, top))
        {
            return true;
        }

        Run(db, "DELETE FROM place WHERE parent = ?1", top);
        Run(db, "DELETE FROM usage WHERE root = ?1", top);

        // The empty top stays: what a request that was under way at the removal still puts there can be found and purged.
        return false;
    }

    private bool Uploads(CatalogTransaction db, long user)
    {
        var some = UploadTable.Page(db, user, [], slice);
        some.ForEach(upload => UploadTable.Delete(db, upload));
        return some.Count > 0;
    }

    /// <summary>The deepest first, so that what is left is a tree at every moment. False when the slice was used up before.</summary>
    private bool Empty(CatalogTransaction db, long folder, ref int left)
    {
        while (true)
        {
            var children = Rows(db, "SELECT id, kind FROM node WHERE parent = ?1 LIMIT ?2", folder, slice);
            foreach (var (id, kind) in children)
            {
                if (left == 0 || (kind == (int)NodeKind.Folder && !Empty(db, id, ref left)))
                {
                    return false;
                }

                Run(db, "DELETE FROM place WHERE parent = ?1", id);
                Purge.Forget(db, id);
                left--;
            }

            if (children.Count == 0)
            {
                return true;
            }
        }
    }

    private static bool Trash(CatalogTransaction db, long top)
    {
        var some = Rows(db, "SELECT node, 0 FROM trash WHERE root = ?1 LIMIT ?2", top, 1);
        some.ForEach(entry => Purge.TrashSlice(db, entry.First));
        return some.Count > 0;
    }

    private bool Versions(CatalogTransaction db, long top)
    {
        var some = Rows(db, $"SELECT v.id, v.node FROM version v WHERE v.root = ?1 AND {Homeless} LIMIT ?2", top, slice);
        some.ForEach(version => Purge.Version(db, version.First, version.Second));
        return some.Count > 0;
    }

    private bool Changes(CatalogTransaction db, long top)
    {
        using var delete = db.Sql("DELETE FROM change WHERE seq IN (SELECT seq FROM change WHERE root = ?1 LIMIT ?2)").Bind(top).Bind(slice);
        return delete.Run() > 0;
    }

    private static List<(long First, long Second)> Rows(CatalogReader db, string sql, long value, int most)
    {
        var rows = new List<(long, long)>();
        using var row = db.Sql(sql).Bind(value).Bind(most);
        while (row.Step())
        {
            rows.Add((row.Long(0), row.Long(1)));
        }

        return rows;
    }

    private static void Run(CatalogTransaction db, string sql, long value)
    {
        using var statement = db.Sql(sql).Bind(value);
        statement.Run();
    }
}

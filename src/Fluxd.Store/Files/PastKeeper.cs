using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>What one round of expiry took.</summary>
internal sealed record Expired(int Uploads, int Removed, int Versions, int Thinned, int Changes)
{
    public static readonly Expired Nothing = new(0, 0, 0, 0, 0);
}

/// <summary>
/// Lets the past expire by the policy: uploads after their time, the trash and old versions after the retention, more
/// of them where a tree's past outgrows its budget or the disk runs short. Each step is a small transaction of its own.
/// </summary>
internal sealed class PastKeeper(Trees trees, ExpiryClock expiry, Func<RetentionPolicy> policy, Func<SpaceInfo> disk)
{
    /// <summary>Below this share of free space the past is kept for a week at most.</summary>
    private const double ShortOfSpace = 0.10;
    private static readonly TimeSpan s_keepWhenShort = TimeSpan.FromDays(7);

    public async Task<Expired> RunAsync(CancellationToken ct)
    {
        var expired = await ExpireAsync(ct);
        await new OwnSweep(trees.Catalog).RunAsync(ct);
        return expired;
    }

    private async Task<Expired> ExpireAsync(CancellationToken ct)
    {
        if (!await expiry.MayExpireAsync(ct))
        {
            return Expired.Nothing;
        }

        var now = trees.Now;
        var rules = policy();
        var keep = IsShortOfSpace() && rules.Keep > s_keepWhenShort ? s_keepWhenShort : rules.Keep;
        var horizon = now - (keep.Ticks * 100);
        var uploads = await RepeatAsync(db => Uploads(db, now), ct);
        var removed = await RepeatAsync(db => TrashBefore(db, horizon), ct);
        var versions = await RepeatAsync(db => VersionsBefore(db, horizon), ct);
        var thinned = await ThinAsync(now, rules, ct) + await BudgetsAsync(rules, ct);
        await RepeatAsync(db => Places(db, horizon), ct);
        var changes = await RepeatAsync(db => Changes(db, now - (rules.Keep.Ticks * 100)), ct);
        return new Expired(uploads, removed, versions, thinned, changes);
    }

    private bool IsShortOfSpace() => disk() is var space && space.BytesFree < space.BytesTotal * ShortOfSpace;

    private async Task<int> RepeatAsync(Func<CatalogTransaction, int> slice, CancellationToken ct)
    {
        var all = 0;
        int some;
        do
        {
            some = await trees.Catalog.WriteAsync(slice, ct);
            all += some;
        }
        while (some > 0);
        return all;
    }

    private static int Uploads(CatalogTransaction db, long now)
    {
        var expired = new List<UploadRow>();
        using (var row = db.Sql("SELECT " + UploadRow.Columns + " FROM upload WHERE expires < ?1 LIMIT ?2").Bind(now).Bind(FilesLimits.ExpirySlice))
        {
            while (row.Step())
            {
                expired.Add(UploadRow.From(row));
            }
        }

        expired.ForEach(upload => UploadTable.Delete(db, upload));
        return expired.Count;
    }

    private static int TrashBefore(CatalogTransaction db, long horizon)
    {
        using var row = db.Sql("SELECT node FROM trash WHERE removed < ?1 ORDER BY removed LIMIT 1").Bind(horizon);
        if (row.RunScalar() is not { } node)
        {
            return 0;
        }

        Purge.TrashSlice(db, node);
        return 1;
    }

    private static int VersionsBefore(CatalogTransaction db, long horizon)
    {
        var found = Pairs(db, "SELECT id, node FROM version WHERE replaced < ?1 ORDER BY replaced LIMIT ?2", horizon);
        found.ForEach(version => Purge.Version(db, version.First, version.Second));
        return found.Count;
    }

    private static int Changes(CatalogTransaction db, long horizon)
    {
        using var last = db.Sql("""
            SELECT max(seq) FROM (SELECT seq, at FROM change ORDER BY seq LIMIT ?1) WHERE at < ?2
            """).Bind(FilesLimits.ExpirySlice).Bind(horizon);
        if (last.RunScalar() is not { } upTo)
        {
            return 0;
        }

        using (var floor = db.Sql("UPDATE meta SET value = ?1 WHERE key = 'change_floor'").Bind(upTo))
        {
            floor.Run();
        }

        using var delete = db.Sql("DELETE FROM change WHERE seq <= ?1").Bind(upTo);
        return delete.Run();
    }

    private static int Places(CatalogTransaction db, long horizon)
    {
        using var delete = db.Sql("""
            DELETE FROM place WHERE (parent, name, until, node) IN (SELECT parent, name, until, node FROM place WHERE until < ?1 LIMIT ?2)
            """).Bind(horizon).Bind(FilesLimits.ExpirySlice);
        return delete.Run();
    }

    private async Task<int> ThinAsync(long now, RetentionPolicy rules, CancellationToken ct)
    {
        var thinned = 0;
        for (long? node = 0; node is not null;)
        {
            var after = node.Value;
            var (next, taken) = await trees.Catalog.WriteAsync(db => ThinSlice(db, after, now, rules), ct);
            node = next;
            thinned += taken;
        }

        return thinned;
    }

    private static (long? Next, int Taken) ThinSlice(CatalogTransaction db, long after, long now, RetentionPolicy rules)
    {
        var nodes = Pairs(db, """
            SELECT DISTINCT node, 0 FROM version WHERE node > ?1 AND replaced IS NOT NULL ORDER BY node LIMIT ?2
            """, after).ConvertAll(pair => pair.First);
        var taken = 0;
        foreach (var node in nodes)
        {
            var past = Pairs(db, "SELECT id, created FROM version WHERE node = ?1 AND replaced IS NOT NULL ORDER BY created, id LIMIT ?2", node, int.MaxValue);
            foreach (var version in Retention.Thin(past, now, rules))
            {
                Purge.Version(db, version, node);
                taken++;
            }
        }

        return (nodes.Count == FilesLimits.ExpirySlice ? nodes[^1] : null, taken);
    }

    /// <summary>Where a home's past outgrows its budget the oldest of it goes.</summary>
    private async Task<int> BudgetsAsync(RetentionPolicy rules, CancellationToken ct)
    {
        var homes = await trees.Catalog.ReadAsync(db => Pairs(db, "SELECT node, holder FROM tree WHERE kind = 0 AND node > ?1 LIMIT ?2", 0, int.MaxValue), ct);
        var taken = 0;
        foreach (var (root, user) in homes)
        {
            if (trees.QuotaOf(user) is { } quota)
            {
                taken += await RepeatAsync(db => OverBudget(db, root, (long)(quota * rules.BudgetOfQuota)), ct);
            }
        }

        return taken;
    }

    private static int OverBudget(CatalogTransaction db, long root, long budget)
    {
        using var held = db.Sql("""
            SELECT coalesce((SELECT sum(size) FROM version WHERE root = ?1 AND replaced IS NOT NULL), 0)
                + coalesce((SELECT sum(size) FROM trash WHERE root = ?1), 0)
            """).Bind(root);
        if (held.RunScalar() is not { } bytes || bytes <= budget)
        {
            return 0;
        }

        // One sum for a slice: the sum goes through all of the home's past.
        var (excess, taken) = (bytes - budget, 0);
        foreach (var (version, node, size) in OldestVersions(db, root))
        {
            Purge.Version(db, version, node);
            taken++;
            excess -= size;
            if (excess <= 0)
            {
                break;
            }
        }

        if (taken > 0)
        {
            return taken;
        }

        var trash = Pairs(db, "SELECT node, 0 FROM trash WHERE root = ?1 ORDER BY removed LIMIT 1 + 0 * ?2", root);
        trash.ForEach(entry => Purge.TrashSlice(db, entry.First));
        return trash.Count;
    }

    private static List<(long Version, long Node, long Size)> OldestVersions(CatalogReader db, long root)
    {
        var oldest = new List<(long, long, long)>();
        using var rows = db.Sql("SELECT id, node, size FROM version WHERE root = ?1 AND replaced IS NOT NULL ORDER BY replaced LIMIT ?2")
            .Bind(root).Bind(FilesLimits.ExpirySlice);
        while (rows.Step())
        {
            oldest.Add((rows.Long(0), rows.Long(1), rows.Long(2)));
        }

        return oldest;
    }

    private static List<(long First, long Second)> Pairs(CatalogReader db, string sql, long value, int most = FilesLimits.ExpirySlice)
    {
        var pairs = new List<(long, long)>();
        using var row = db.Sql(sql).Bind(value).Bind(most);
        while (row.Step())
        {
            pairs.Add((row.Long(0), row.Long(1)));
        }

        return pairs;
    }
}

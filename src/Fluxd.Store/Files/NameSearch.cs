using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>
/// Finds names by a piece of them, without case, below a folder. The tree is walked in the order of node ids, so a
/// cursor is one number and entries that come meanwhile are found by later pages.
/// </summary>
internal sealed class NameSearch(View view, CatalogReader db)
{
    // Names of plain bytes are compared by LIKE, which folds ASCII; what is beyond ASCII is compared in code.
    private const string Below = """
        WITH RECURSIVE below(id) AS (SELECT ?1 UNION ALL SELECT n.id FROM node n JOIN below b ON n.parent = b.id)
        SELECT b.id FROM below b WHERE b.id > ?2 ORDER BY b.id
        """;

    public FoundPage Run(Spot folder, string text, string? cursor, int count)
    {
        var top = folder.RequireFolder();
        var after = cursor is null ? 0 : long.TryParse(cursor, out var id) ? id : throw FluxException.Invalid("The cursor is not one that this server gave.");
        var most = Math.Clamp(count, 1, Limits.ListPageMax);
        var found = new List<FoundNode>();
        foreach (var (mount, start, path) in Places(folder, top))
        {
            Collect(mount, start, path, after, most + 1, text, found);
        }

        found.Sort((a, b) => a.Node.Id.CompareTo(b.Node.Id));
        return found.Count > most
            ? new FoundPage(found[..most], found[most - 1].Node.Id.ToString(null, null))
            : new FoundPage(found, null);
    }

    // Searching from the root looks through shared folders too.
    private IEnumerable<(Mount Mount, NodeRow Start, FilePath Path)> Places(Spot folder, NodeRow top)
    {
        yield return (folder.Mount!, top, folder.Path);
        if (top.Id != view.Home.Root || folder.IsPast)
        {
            yield break;
        }

        foreach (var mount in view.Shared)
        {
            var name = View.ShownName(mount, taken => NodeTable.Find(db, top.Id, taken) is not null);
            if (NodeTable.Get(db, mount.Root) is { } start)
            {
                yield return (mount, start, folder.Path.Append(name));
            }
        }
    }

    private void Collect(Mount mount, NodeRow start, FilePath path, long after, int most, string text, List<FoundNode> found)
    {
        var hits = 0;
        using var row = db.Sql(Below).Bind(start.Id).Bind(after);
        while (hits < most && row.Step())
        {
            if (row.Long(0) == start.Id || NodeTable.Get(db, row.Long(0)) is not { } node
                || !node.Name.ToString().Contains(text, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            found.Add(new FoundNode(PathOf(node, start.Id, path), view.Info(node, mount)));
            hits++;
        }
    }

    private FilePath PathOf(NodeRow node, long start, FilePath path)
    {
        var names = new Stack<FileName>();
        for (var at = node; at is not null && at.Id != start; at = NodeTable.Get(db, at.Parent))
        {
            names.Push(at.Name);
        }

        return names.Aggregate(path, (way, name) => way.Append(name));
    }
}

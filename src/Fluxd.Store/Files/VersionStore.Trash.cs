using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Feed;

namespace Fluxd.Store.Files;

/// <summary>What was removed and can still be put back.</summary>
internal sealed partial class VersionStore
{
    public ValueTask<TrashPage> ListTrashAsync(Principal who, string? cursor, int count, CancellationToken ct)
    {
        who.Require(Scopes.Read);
        var before = ParseCursor(cursor);
        var most = Math.Clamp(count, 1, Limits.ListPageMax);
        return trees.ReadAsync(who, (view, db) => List(view, db, before, most), ct);
    }

    public Task<NodeInfo> RestoreTrashAsync(Principal who, long nodeId, FilePath? to, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        return trees.WriteAsync(who, (view, db) => Restore(view, db, nodeId, to), ct);
    }

    public async Task PurgeTrashAsync(Principal who, long nodeId, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        while (!await trees.WriteAsync(
            who,
            (view, db) =>
            {
                Find(view, db, nodeId, writes: true);
                return Purge.TrashSlice(db, nodeId);
            },
            ct))
        {
        }
    }

    private TrashPage List(View view, CatalogReader db, (long Removed, long Node) before, int count)
    {
        var found = new List<TrashEntry>();
        foreach (var mount in view.Shared.Prepend(view.Home))
        {
            using var row = db.Sql("""
                SELECT t.node, t.old_path, n.kind, t.size, t.removed FROM trash t JOIN node n ON n.id = t.node
                WHERE t.root = ?1 AND (t.removed, t.node) < (?2, ?3) ORDER BY t.removed DESC, t.node DESC LIMIT ?4
                """).Bind(mount.Root).Bind(before.Removed).Bind(before.Node).Bind(count + 1);
            var at = TopPath(view, db, mount);
            while (row.Step())
            {
                var removed = new FileTime(row.Long(4));
                found.Add(new TrashEntry(
                    row.Long(0), FilePath.Parse(row.Span(1)[1..], at), (NodeKind)row.Int(2), row.Long(3),
                    removed, new FileTime(removed.Nanoseconds + (policy().Keep.Ticks * 100))));
            }
        }

        var sorted = found.OrderByDescending(entry => entry.RemovedAt).ThenByDescending(entry => entry.NodeId).ToList();
        var page = sorted.Take(count).ToList();
        var next = sorted.Count > count ? string.Create(CultureInfo.InvariantCulture, $"{page[^1].RemovedAt.Nanoseconds}.{page[^1].NodeId}") : null;
        return new TrashPage([.. page.Where(entry => entry.Path.IsWithin(view.Who.PathPrefix))], next);
    }

    private NodeInfo Restore(View view, CatalogTransaction db, long id, FilePath? to)
    {
        var removed = Find(view, db, id, writes: true);
        var node = NodeTable.Get(db, id)!;
        var (mount, parent, name, path) = to is null ? OldPlace(view, db, removed) : NewPlace(view, db, to);
        if (NodeTable.Find(db, parent, name) is not null)
        {
            throw new FluxException(FluxError.Exists, $"Something else is called \"{name}\" there now; name another place.");
        }

        var (bytes, files) = NodeTable.Weigh(db, id);
        Quotas.Charge(db, mount, bytes, files);
        OwnState.Mixed(db, removed.Root, mount.Root);
        using (var delete = db.Sql("DELETE FROM trash WHERE node = ?1").Bind(id))
        {
            delete.Run();
        }

        NodeTable.Move(db, node, parent, name, trees.Now);
        var restored = NodeTable.Get(db, id)!;
        var kind = node.Kind switch
        {
            NodeKind.Folder => ChangeKind.MakeFolder,
            NodeKind.Symlink => ChangeKind.MakeSymlink,
            _ => ChangeKind.Put,
        };
        trees.Log.Append(db, kind, restored, new LoggedPlace(mount.Root, path), null, view.User.Id, trees.Now);
        return view.Info(restored, mount) with { OwnerName = trees.NameOf(restored.Owner) };
    }

    private static (Mount Mount, long Parent, FileName Name, FilePath Path) OldPlace(View view, CatalogReader db, RemovedNode removed)
    {
        if (NodeTable.Locate(db, removed.Parent) is not { } located || view.MountOf(located.Root) is not { CanWrite: true } mount)
        {
            throw FluxException.NotFound("The folder that it was in is gone; name another place.");
        }

        return (mount, removed.Parent, removed.Name, located.Path.Append(removed.Name));
    }

    private static (Mount Mount, long Parent, FileName Name, FilePath Path) NewPlace(View view, CatalogReader db, FilePath to)
    {
        Access.Check(view.Who, Operation.RestoreVersion, to);
        var place = FileStore.Place(view, db, Operation.RestoreVersion, to);
        return (place.Mount!, place.Parent, to.Name, FileStore.PathInTree(place));
    }

    private static RemovedNode Find(View view, CatalogReader db, long id, bool writes)
    {
        using var row = db.Sql("SELECT root, old_parent, old_name, old_path FROM trash WHERE node = ?1").Bind(id);
        if (!row.Step() || view.MountOf(row.Long(0)) is not { } mount
            || !FilePath.Parse(row.Span(3)[1..], TopPath(view, db, mount)).IsWithin(view.Who.PathPrefix))
        {
            throw FluxException.NotFound("That is not in the trash; it may have expired.");
        }

        return !writes || mount.CanWrite
            ? new RemovedNode(row.Long(0), row.Long(1), FileName.From(row.Span(2)))
            : throw FluxException.Denied($"You may read the shared folder \"{mount.Name}\" but not change it.");
    }

    private static FilePath TopPath(View view, CatalogReader db, Mount mount) => mount.IsShared
        ? FilePath.Root.Append(View.ShownName(mount, name => NodeTable.Find(db, view.Home.Root, name) is not null))
        : FilePath.Root;

    private static (long, long) ParseCursor(string? cursor)
    {
        if (cursor is null)
        {
            return (long.MaxValue, long.MaxValue);
        }

        var parts = cursor.Split('.');
        return parts.Length == 2 && long.TryParse(parts[0], CultureInfo.InvariantCulture, out var removed) && long.TryParse(parts[1], CultureInfo.InvariantCulture, out var node)
            ? (removed, node)
            : throw FluxException.Invalid("The cursor is not one that this server gave; begin the listing anew.");
    }

    private sealed record RemovedNode(long Root, long Parent, FileName Name);
}

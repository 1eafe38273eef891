using Fluxd.Core;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Feed;

namespace Fluxd.Store.Files;

/// <summary>Copies nodes, never bytes: the copy's versions name the same content. A copy out of a snapshot copies what was there then.</summary>
internal sealed class TreeCopy(CatalogTransaction db, Trees trees, View view)
{
    private readonly long _now = trees.Now;
    private int _count;
    private long _bytes;

    public NodeRow Run(Spot source, Spot place, bool replace)
    {
        var node = source.Require();
        if (source.AsOf is null && NodeTable.IsWithin(db, place.Parent, node.Id))
        {
            throw FluxException.Invalid("A folder can't be copied into itself.");
        }

        var superseded = 0L;
        if (place.Node is { } there)
        {
            if (there.Id == node.Id && source.AsOf is null)
            {
                return replace ? node : throw FileStore.Taken(place.Path);
            }

            superseded = FileStore.Replace(db, view, node, there, place, replace, _now);
        }

        var copy = Copy(node, source.AsOf, place.Parent, place.Path.Name, FileStore.PathInTree(place), place.Mount!.Root);
        if (superseded != 0)
        {
            Trash.Link(db, copy.Id, superseded);
        }

        Quotas.Charge(db, place.Mount!, _bytes, _count);
        OwnState.Mixed(db, source.Mount!.Root, place.Mount!.Root);
        return NodeTable.Get(db, copy.Id)!;
    }

    private NodeRow Copy(NodeRow node, long? asOf, long parent, FileName name, FilePath path, long root)
    {
        if (++_count > FilesLimits.TreeNodesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"More than {FilesLimits.TreeNodesMax} files at once; copy the folders below one by one.");
        }

        var copy = NodeTable.Insert(db, node with
        {
            Parent = parent,
            Name = name,
            Owner = view.User.Id,
            Version = 0,
            AccessedAt = _now,
            ChangedAt = _now,
            CreatedAt = _now,
            Since = _now,
        });
        if (node.Kind == NodeKind.File)
        {
            _bytes += node.Size;
            copy = copy with { Version = AddVersion(copy, node) };
        }

        var kind = node.Kind switch
        {
            NodeKind.Folder => ChangeKind.MakeFolder,
            NodeKind.Symlink => ChangeKind.MakeSymlink,
            _ => ChangeKind.Put,
        };
        trees.Log.Append(db, kind, copy, new LoggedPlace(root, path), null, view.User.Id, _now);
        if (node.IsFolder)
        {
            foreach (var child in ChildrenOf(node, asOf))
            {
                Copy(child, asOf, copy.Id, child.Name, path.Append(child.Name), root);
            }
        }

        return copy;
    }

    private List<NodeRow> ChildrenOf(NodeRow folder, long? asOf)
    {
        if (asOf is { } time)
        {
            return [.. Past.List(db, folder.Id, time, [])];
        }

        var children = new List<NodeRow>();
        using var row = db.Sql("SELECT " + NodeRow.Columns + " FROM " + NodeRow.Tables + " WHERE n.parent = ?1 ORDER BY n.name").Bind(folder.Id);
        while (row.Step())
        {
            children.Add(NodeRow.From(row));
        }

        return children;
    }

    private long AddVersion(NodeRow copy, NodeRow original)
    {
        db.KeepContent(original.Content);
        var version = db.NextId("version");
        using (var insert = db.Sql("INSERT INTO version(id, node, content, size, mtime, created, author) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            .Bind(version).Bind(copy.Id).Bind(original.Content).Bind(original.Size).Bind(original.ModifiedAt).Bind(_now).Bind(view.User.Id))
        {
            insert.Run();
        }

        using var point = db.Sql("UPDATE node SET version = ?2 WHERE id = ?1").Bind(copy.Id).Bind(version);
        point.Run();
        return version;
    }
}

using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Feed;

namespace Fluxd.Store.Files;

/// <summary>Changes of the namespace. Each is one transaction; open handles follow their node.</summary>
internal sealed partial class FileStore
{
    public Task<NodeInfo> MakeFolderAsync(Principal who, FilePath path, AttributeChange? attributes, bool parents, CancellationToken ct)
    {
        Access.Check(who, Operation.MakeFolder, path);
        return trees.WriteAsync(who, (view, db) => Show(view, MakeFolder(view, db, path, attributes, parents)), ct);
    }

    public Task RemoveFileAsync(Principal who, FilePath path, Precondition precondition, CancellationToken ct)
    {
        Access.Check(who, Operation.RemoveFile, path);
        return trees.WriteAsync(
            who,
            (view, db) =>
            {
                var spot = WalkToMaybe(view, db, Operation.RemoveFile, path, followLast: false);
                Publisher.Check(precondition, spot.Node);
                var forgot = Partials.Forget(db, view, spot);
                if (spot.Node is null)
                {
                    // Nobody but its writer knew the name: there is nothing to put into the trash.
                    return open.DropPending(db, view.User.Id, spot) || forgot ? true : throw spot.Missing();
                }

                if (spot.Node.IsFolder)
                {
                    throw new FluxException(FluxError.IsFolder, "That is a folder; remove it as a folder.");
                }

                open.DropPending(db, view.User.Id, spot);
                return Remove(db, view, spot);
            },
            ct);
    }

    public Task RemoveFolderAsync(Principal who, FilePath path, bool recursive, CancellationToken ct)
    {
        Access.Check(who, Operation.RemoveFolder, path);
        return trees.WriteAsync(
            who,
            (view, db) =>
            {
                var spot = Walk(view, db, Operation.RemoveFolder, path, followLast: false);
                var folder = spot.RequireFolder();
                if (!recursive && (NodeTable.HasChildren(db, folder.Id) || open.IsPendingIn(view.User.Id, folder.Id)))
                {
                    throw new FluxException(FluxError.NotEmpty, "The folder is not empty.");
                }

                open.DropPendingBelow(db, view.User.Id, folder.Id);

                return Remove(db, view, spot);
            },
            ct);
    }

    public Task<NodeInfo> RenameAsync(Principal who, FilePath from, FilePath to, bool replace, CancellationToken ct)
    {
        Access.Check(who, Operation.RenameFrom, from);
        Access.Check(who, Operation.RenameTo, to);
        return trees.WriteAsync(who, (view, db) => Rename(view, db, from, to, replace), ct);
    }

    public Task<NodeInfo> CopyAsync(Principal who, FilePath from, FilePath to, bool replace, CancellationToken ct)
    {
        Access.Check(who, Operation.CopyFrom, from);
        Access.Check(who, Operation.CopyTo, to);
        return trees.WriteAsync(
            who,
            (view, db) =>
            {
                var source = Walk(view, db, Operation.CopyFrom, from, followLast: true);
                var place = Place(view, db, Operation.CopyTo, to);
                var copy = new TreeCopy(db, trees, view).Run(source, place, replace);
                if (copy.Id != source.Node!.Id)
                {
                    TakePlace(db, view, copy, place, replace);
                }

                return Show(view, copy, place.Mount!);
            },
            ct);
    }

    public async Task<NodeInfo> SetAttributesAsync(Principal who, FilePath path, AttributeChange change, bool followLink, CancellationToken ct)
    {
        Access.Check(who, Operation.SetAttributes, path);
        if (change.Size is { } size)
        {
            await using var file = await OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Write }, ct);
            await file.TruncateAsync(size, ct);
            await file.CloseAsync(ct);
            change = change with { Size = null };
        }

        return await trees.WriteAsync(
            who,
            (view, db) =>
            {
                var spot = WalkToMaybe(view, db, Operation.SetAttributes, path, followLink);

                // A file that its owner is writing keeps these through the commit.
                var isBeingWritten = open.Pin(view.User.Id, spot, change);
                return spot.Node is { } node
                    ? Show(view, SetAttributes(db, view, spot, node, change), spot.Mount!)
                    : isBeingWritten ? open.Partials.Find(view, db, spot) ?? throw spot.Missing() : throw spot.Missing();
            },
            ct);
    }

    public Task<NodeInfo> MakeSymlinkAsync(Principal who, FilePath path, ReadOnlyMemory<byte> target, CancellationToken ct)
    {
        Access.Check(who, Operation.MakeSymlink, path);
        if (target.IsEmpty || target.Length > Limits.SymlinkTargetBytesMax || target.Span.Contains((byte)0))
        {
            throw FluxException.Invalid($"A link's target must have 1 to {Limits.SymlinkTargetBytesMax} bytes and no NUL.");
        }

        return trees.WriteAsync(
            who,
            (view, db) =>
            {
                var place = Place(view, db, Operation.MakeSymlink, path);
                if (place.Exists || open.IsPending(view.User.Id, place))
                {
                    throw Taken(path);
                }

                var node = Add(db, view, place, NodeKind.Symlink, Publisher.LinkMode, target.ToArray());
                trees.Log.Append(db, ChangeKind.MakeSymlink, node, PlaceOf(place), null, view.User.Id, trees.Now);
                return Show(view, node, place.Mount!);
            },
            ct);
    }

    internal static LoggedPlace PlaceOf(Spot spot) => new(spot.Mount!.Root, PathInTree(spot));

    internal static FilePath PathInTree(Spot spot) => FilePath.From(spot.Path.Names[(spot.Path.Names.Length - spot.Depth)..]);

    internal static FluxException Taken(FilePath path) =>
        new(FluxError.Exists, $"\"{(path.IsRoot ? "/" : path.Name.ToString())}\" exists already.");

    /// <summary>Where something new is to be: the folder's links are followed, the last name's aren't.</summary>
    internal static Spot Place(View view, CatalogReader db, Operation operation, FilePath path)
    {
        var spot = new PathWalk(view, db).FindPlace(path);
        if (spot.IsTop || spot.IsSnapshotList)
        {
            throw Taken(path);
        }

        // The root keeps the name for its view of the past.
        Access.Check(view.Who, operation, spot);
        return spot;
    }

    private Spot MakeFolder(View view, CatalogTransaction db, FilePath path, AttributeChange? attributes, bool parents)
    {
        if (parents && !path.IsRoot)
        {
            MakeParents(view, db, path.Parent);
        }

        var there = WalkToMaybe(view, db, Operation.MakeFolder, path, followLast: parents);
        if (there.Exists)
        {
            return parents && there.Node is { IsFolder: true } ? there : throw Taken(path);
        }

        if (open.IsPending(view.User.Id, there))
        {
            throw Taken(path);
        }

        var node = Add(db, view, there, NodeKind.Folder, attributes?.Mode ?? Publisher.FolderMode, null, attributes);
        trees.Log.Append(db, ChangeKind.MakeFolder, node, PlaceOf(there), null, view.User.Id, trees.Now);
        return there with { Node = node };
    }

    internal void MakeParents(View view, CatalogTransaction db, FilePath path)
    {
        var there = new PathWalk(view, db);
        for (var depth = 1; depth <= path.Names.Length; depth++)
        {
            var part = FilePath.From(path.Names[..depth]);
            if (there.Find(part, followLast: true, lastMayBeMissing: true) is { Node: null, IsSnapshotList: false })
            {
                MakeFolder(view, db, part, null, parents: false);
            }
        }
    }

    private NodeRow Add(CatalogTransaction db, View view, Spot place, NodeKind kind, int mode, byte[]? target, AttributeChange? attributes = null)
    {
        var now = trees.Now;
        Quotas.Charge(db, place.Mount!, 0, 1);
        return NodeTable.Insert(db, new NodeRow
        {
            Id = 0,
            Parent = place.Parent,
            Name = place.Path.Name,
            Kind = kind,
            Owner = view.User.Id,
            Size = target?.Length ?? 0,
            Target = target,
            Mode = mode & 0xFFF,
            ModifiedAt = attributes?.ModifiedAt?.Nanoseconds ?? now,
            AccessedAt = attributes?.AccessedAt?.Nanoseconds ?? now,
            ChangedAt = now,
            CreatedAt = now,
            Since = now,
        });
    }

    private bool Remove(CatalogTransaction db, View view, Spot spot)
    {
        var now = trees.Now;
        Trash.Put(db, spot.Node!, spot.Mount!, PathInTree(spot), view.User.Id, now);
        trees.Log.Append(db, ChangeKind.Remove, spot.Node!, PlaceOf(spot), null, view.User.Id, now);
        return true;
    }

    private NodeInfo Rename(View view, CatalogTransaction db, FilePath from, FilePath to, bool replace)
    {
        var source = WalkToMaybe(view, db, Operation.RenameFrom, from, followLast: false);
        if (!source.Exists && open.Partials.Find(view, db, source) is null)
        {
            throw source.Missing();
        }

        var place = Place(view, db, Operation.RenameTo, to);
        if (source.Node is null)
        {
            return RenamePending(view, db, source, place, replace);
        }

        var node = source.Node;
        if (place.Node?.Id == node.Id)
        {
            return Show(view, node, place.Mount!);
        }

        if (node.IsFolder && NodeTable.IsWithin(db, place.Parent, node.Id))
        {
            throw FluxException.Invalid("A folder can't be moved into itself.");
        }

        var now = trees.Now;
        var superseded = place.Node is { } there ? Replace(db, view, node, there, place, replace, now) : 0;
        TakePlace(db, view, node, place, replace);
        open.MovePending(db, view.User.Id, source, place);
        ChangeTree(db, source, place, node);
        NodeTable.Move(db, node, place.Parent, place.Path.Name, now);
        if (superseded != 0)
        {
            Trash.Link(db, node.Id, superseded);
        }

        Partials.Move(db, view, source, place);
        var moved = NodeTable.Get(db, node.Id)!;
        trees.Log.Append(db, ChangeKind.Move, moved, PlaceOf(place), PlaceOf(source), view.User.Id, now);
        return Show(view, moved, place.Mount!);
    }

    /// <summary>A file that this user is writing has a name before anybody else sees it: only that moves.</summary>
    private NodeInfo RenamePending(View view, CatalogTransaction db, Spot source, Spot place, bool replace)
    {
        if (source.Parent == place.Parent && source.Path.Name == place.Path.Name)
        {
            return open.Partials.Find(view, db, place) ?? throw source.Missing();
        }

        if ((place.Node is not null && !replace) || !open.TryTakePlace(db, view.User.Id, place, replace))
        {
            throw Taken(place.Path);
        }

        if (place.Node is { IsFolder: true })
        {
            throw new FluxException(FluxError.IsFolder, "A file can't replace a folder.");
        }

        if (place.Node is { Kind: NodeKind.Symlink })
        {
            // No file can be committed over it.
            Remove(db, view, place);
            place = place with { Node = null };
        }

        OwnState.Mixed(db, source.Mount!.Root, place.Mount!.Root);
        var isOpen = open.MovePending(db, view.User.Id, source, place);
        if (!Partials.Move(db, view, source, place) && !isOpen)
        {
            throw source.Missing();
        }

        return open.Partials.Find(view, db, place) ?? throw source.Missing();
    }

    /// <summary>Whoever takes a name takes it from what the same user is writing there, too: that goes nowhere then, or its close would undo the change.</summary>
    private void TakePlace(CatalogTransaction db, View view, NodeRow node, Spot place, bool replace)
    {
        if (place.Node is { IsFolder: true } folder && open.IsPendingIn(view.User.Id, folder.Id))
        {
            throw new FluxException(FluxError.NotEmpty, "The folder to replace is not empty.");
        }

        if (!open.TryTakePlace(db, view.User.Id, place, replace && !node.IsFolder))
        {
            throw replace ? Spot.NotFolder(place.Path.Name) : Taken(place.Path);
        }
    }

    /// <returns>The file whose past the newcomer takes over; 0 when what was there went to the trash.</returns>
    internal static long Replace(CatalogTransaction db, View view, NodeRow node, NodeRow there, Spot place, bool replace, long now)
    {
        if (!replace)
        {
            throw Taken(place.Path);
        }

        if (there.IsFolder && !node.IsFolder)
        {
            throw new FluxException(FluxError.IsFolder, "A file can't replace a folder.");
        }

        if (!there.IsFolder && node.IsFolder)
        {
            throw Spot.NotFolder(there.Name);
        }

        if (NodeTable.HasChildren(db, there.Id))
        {
            throw new FluxException(FluxError.NotEmpty, "The folder to replace is not empty.");
        }

        if (there.Kind == NodeKind.File && node.Kind == NodeKind.File)
        {
            Trash.Supersede(db, there, place.Mount!, now);
            return there.Id;
        }

        Trash.Put(db, there, place.Mount!, PathInTree(place), view.User.Id, now);
        return 0;
    }

    private static void ChangeTree(CatalogTransaction db, Spot source, Spot place, NodeRow node)
    {
        if (source.Mount!.Root == place.Mount!.Root)
        {
            return;
        }

        var (bytes, files) = NodeTable.Weigh(db, node.Id);
        Quotas.Charge(db, place.Mount, bytes, files);
        Quotas.Charge(db, source.Mount, -bytes, -files);
        OwnState.Mixed(db, source.Mount.Root, place.Mount.Root);
    }

    private NodeRow SetAttributes(CatalogTransaction db, View view, Spot spot, NodeRow node, AttributeChange change)
    {
        var now = trees.Now;
        NodeTable.Apply(db, node.Id, change, now);
        var changed = NodeTable.Get(db, node.Id)!;
        trees.Log.Append(db, ChangeKind.SetAttributes, changed, PlaceOf(spot), null, view.User.Id, now);
        return changed;
    }
}

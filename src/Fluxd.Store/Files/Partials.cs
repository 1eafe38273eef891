using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <param name="IsNew">Nothing committed has the name.</param>
internal sealed record Partial(NodeInfo Info, bool IsNew);

/// <summary>
/// Unfinished files as their owner's SFTP sessions see them: files open for writing, and what dropped connections left.
/// Everybody else sees what is committed.
/// </summary>
internal sealed class Partials(OpenFiles open)
{
    /// <summary>What the owner sees at a place; null when nothing is unfinished there.</summary>
    public NodeInfo? Find(View view, CatalogReader db, Spot spot)
    {
        if (spot.Mount is null || spot.IsPast || spot.IsTop || spot.Node is { Kind: not NodeKind.File })
        {
            return null;
        }

        var pending = open.Find(view.User.Id, spot);
        return Of(view, spot, pending, pending?.Draft is null ? FindKept(db, view.User.Id, spot) : null);
    }

    /// <summary>As <see cref="Find"/>, of what was found at the place before.</summary>
    public static NodeInfo? Of(View view, Spot spot, OpenFile? pending, UploadRow? kept) =>
        pending is { Draft: not null } ? OfDraft(view, pending, spot.Node, spot.Mount!, spot.Path.Name)
        : kept is not null ? OfKept(view, kept, spot.Node, spot.Mount!, spot.Path.Name) : null;

    public List<Partial> In(View view, CatalogReader db, Spot folder)
    {
        var found = new Dictionary<FileName, Partial>();
        foreach (var kept in UploadTable.ShadowsIn(db, view.User.Id, folder.Node!.Id))
        {
            var node = kept.Node != 0 ? NodeTable.Get(db, kept.Node) : NodeTable.Find(db, folder.Node.Id, kept.Name);

            // Another file may have taken the name of a new one: then nobody goes on with that by its name.
            if (node is null || (kept.Node != 0 && node.Kind == NodeKind.File))
            {
                var name = node?.Name ?? kept.Name;
                found[name] = new Partial(OfKept(view, kept, node, folder.Mount!, name), node is null);
            }
        }

        foreach (var file in open.BeingWritten(view.User.Id))
        {
            var node = file.NodeId != 0 ? NodeTable.Get(db, file.NodeId) : NodeTable.Find(db, file.Parent, file.Name);
            if ((node?.Parent ?? file.Parent) == folder.Node.Id && node is null or { Kind: NodeKind.File } && !(file.NodeId != 0 && node is null))
            {
                var name = node?.Name ?? file.Name;
                found[name] = new Partial(OfDraft(view, file, node, folder.Mount!, name), node is null);
            }
        }

        return [.. found.Values];
    }

    public static UploadRow? FindKept(CatalogReader db, long user, Spot spot) =>
        spot.Path.IsRoot ? null : UploadTable.FindShadow(db, user, spot.Node?.Id ?? 0, spot.Parent, spot.Path.Name);

    /// <summary>Removes what a dropped connection left at the place.</summary>
    public static bool Forget(CatalogTransaction db, View view, Spot spot)
    {
        if (FindKept(db, view.User.Id, spot) is not { } kept)
        {
            return false;
        }

        UploadTable.Delete(db, kept);
        return true;
    }

    /// <summary>A rename takes what a dropped connection left along.</summary>
    public static bool Move(CatalogTransaction db, View view, Spot source, Spot place)
    {
        if (FindKept(db, view.User.Id, source) is not { } kept)
        {
            return false;
        }

        Quotas.Release(db, kept.Root, kept.Reserved);
        Quotas.Reserve(db, place.Mount!, kept.Reserved);
        UploadTable.Update(db, kept with
        {
            Parent = place.Parent,
            Name = place.Path.Name,
            Target = place.Path,
            Root = place.Mount!.Root,
            Node = source.Node?.Id ?? place.Node?.Id ?? 0,

            // The newest counts, and that is the one that was given the name last.
            Updated = Math.Max(kept.Updated, (FindKept(db, view.User.Id, place)?.Updated ?? 0) + 1),
        });
        return true;
    }

    private static NodeInfo OfDraft(View view, OpenFile file, NodeRow? node, Mount mount, FileName name)
    {
        var shown = node is null ? Blank(view, name, mount) : view.Info(node, mount);
        return shown with
        {
            Size = file.Draft?.Length ?? shown.Size,
            Mode = file.Pinned?.Mode ?? (node is null ? file.ModeIfNew : shown.Mode),
            ModifiedAt = file.Pinned?.ModifiedAt ?? shown.ModifiedAt,
            AccessedAt = file.Pinned?.AccessedAt ?? shown.AccessedAt,
            ContentTag = default,
            IsPartial = true,
            OwnerName = view.Who.UserName,
        };
    }

    private static NodeInfo OfKept(View view, UploadRow kept, NodeRow? node, Mount mount, FileName name)
    {
        var time = new FileTime(kept.Updated);
        var shown = node is null ? Blank(view, name, mount) with { CreatedAt = new FileTime(kept.Created) } : view.Info(node, mount);
        return shown with
        {
            Size = kept.Durable,
            ModifiedAt = time,
            AccessedAt = time,
            ChangedAt = time,
            ContentTag = default,
            IsPartial = true,
            OwnerName = view.Who.UserName,
        };
    }

    private static NodeInfo Blank(View view, FileName name, Mount mount) => new()
    {
        Id = 0,
        Name = name,
        Kind = NodeKind.File,
        Mode = Publisher.FileMode,
        OwnerId = view.User.Id,
        CanWrite = mount.CanWrite,
    };
}

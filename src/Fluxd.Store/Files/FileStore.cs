using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>
/// <see cref="IFiles"/> over the catalogue. Every path is walked, and every right checked, in the same read snapshot
/// or write transaction that does the work, so nothing can change between the check and the use.
/// </summary>
internal sealed partial class FileStore(
    Trees trees, OpenFiles open, UploadSessions sessions, IContents contents, Spool spool, Func<SpaceInfo> disk) : IFiles
{
    public ValueTask<NodeInfo> StatAsync(Principal who, FilePath path, bool followLink, CancellationToken ct)
    {
        Access.Check(who, Operation.Stat, path);
        return trees.ReadAsync(who, (view, db) => Show(view, Walk(view, db, Operation.Stat, path, followLink)), ct);
    }

    public async ValueTask<NodeInfo> StatWithPartialsAsync(Principal who, FilePath path, bool followLink, CancellationToken ct)
    {
        Access.Check(who, Operation.Stat, path);
        return await trees.ReadAsync(
            who,
            (view, db) =>
            {
                var spot = WalkToMaybe(view, db, Operation.Stat, path, followLink);
                return open.Partials.Find(view, db, spot) ?? Show(view, spot.Exists ? spot : throw spot.Missing());
            },
            ct);
    }

    public ValueTask<FilePath> ResolveAsync(Principal who, FilePath path, bool lastMayBeMissing, CancellationToken ct)
    {
        Access.Check(who, Operation.Resolve, path);
        return trees.ReadAsync(
            who,
            (view, db) =>
            {
                var spot = WalkToMaybe(view, db, Operation.Resolve, path, followLast: true);
                return spot.Exists || lastMayBeMissing || open.Partials.Find(view, db, spot) is not null ? spot.Path : throw spot.Missing();
            },
            ct);
    }

    public ValueTask<ListPage> ListAsync(Principal who, FilePath folder, ListRequest request, CancellationToken ct)
    {
        Access.Check(who, Operation.List, folder);
        return trees.ReadAsync(who, (view, db) => List(view, db, Walk(view, db, Operation.List, folder, followLast: true), request), ct);
    }

    public ValueTask<FoundPage> SearchAsync(Principal who, FilePath folder, string text, string? cursor, int count, CancellationToken ct)
    {
        Access.Check(who, Operation.Search, folder);
        return new NameSearch(trees, who, folder, text, Math.Clamp(count, 1, Limits.ListPageMax)).RunAsync(cursor, ct);
    }

    public ValueTask<ReadOnlyMemory<byte>> ReadLinkAsync(Principal who, FilePath path, CancellationToken ct)
    {
        Access.Check(who, Operation.ReadLink, path);
        return trees.ReadAsync(
            who,
            (view, db) => Walk(view, db, Operation.ReadLink, path, followLast: false).Node is { Kind: NodeKind.Symlink } link
                ? (ReadOnlyMemory<byte>)link.Target!
                : throw FluxException.Invalid("That is not a symbolic link."),
            ct);
    }

    public ValueTask<SpaceInfo> SpaceAsync(Principal who, FilePath path, CancellationToken ct)
    {
        Access.Check(who, Operation.Space, path);
        return trees.ReadAsync(
            who,
            (view, db) =>
            {
                var spot = WalkToMaybe(view, db, Operation.Space, path, followLast: true);
                return spot.Exists || open.Partials.Find(view, db, spot) is not null
                    ? Quotas.Space(db, spot.Mount ?? view.Home, disk())
                    : throw spot.Missing();
            },
            ct);
    }

    public ValueTask<ContentDigest?> FindDigestAsync(Principal who, FilePath path, DigestAlgorithm algorithm, CancellationToken ct)
    {
        Access.Check(who, Operation.Read, path);
        return trees.ReadAsync(
            who,
            (view, db) => Digests.Find(db, Walk(view, db, Operation.Read, path, followLast: true).Require().Content, algorithm),
            ct);
    }

    // Whoever may read a file may compute its digest; keeping it changes nothing that anybody can see.
    public Task RememberDigestAsync(Principal who, FilePath path, long version, ContentDigest digest, CancellationToken ct)
    {
        Access.Check(who, Operation.Read, path);
        return trees.WriteAsync(
            who,
            (view, db) =>
            {
                var node = Walk(view, db, Operation.Read, path, followLast: true).Require();
                if (node.Version == version && node.Content != 0)
                {
                    Digests.Keep(db, node.Content, digest);
                }

                return true;
            },
            ct);
    }

    internal static Spot Walk(View view, CatalogReader db, Operation operation, FilePath path, bool followLast)
    {
        var spot = new PathWalk(view, db).Find(path, followLast);
        Access.Check(view.Who, operation, spot);
        return spot;
    }

    internal static Spot WalkToMaybe(View view, CatalogReader db, Operation operation, FilePath path, bool followLast)
    {
        var spot = new PathWalk(view, db).Find(path, followLast, lastMayBeMissing: true);
        Access.Check(view.Who, operation, spot);
        return spot;
    }

    private NodeInfo Show(View view, NodeRow node, Mount mount) => view.Info(node, mount) with { OwnerName = trees.NameOf(node.Owner) };

    private NodeInfo Show(View view, Spot spot)
    {
        if (spot.IsSnapshotList)
        {
            return SnapshotFolder(View.SnapshotsName);
        }

        var info = view.Info(spot.Require(), spot.Mount!, spot.IsPast, spot is { IsTop: true, Path.IsRoot: false } ? spot.Path.Name : null);
        return info with { OwnerName = trees.NameOf(spot.Node!.Owner) };
    }

    private static NodeInfo SnapshotFolder(FileName name) => new()
    {
        Id = 0,
        Name = name,
        Kind = NodeKind.Folder,
        Mode = 0x16D,
        CanWrite = false,
    };

    private ListPage List(View view, CatalogReader db, Spot folder, ListRequest request)
    {
        if (folder.IsSnapshotList)
        {
            return ListSnapshots(view, request);
        }

        folder.RequireFolder();

        // The past has one order: that of names.
        var asked = folder.IsPast ? request with { Sort = ListSort.Name, Descending = false } : request;
        var partials = request.IncludePartials && !folder.IsPast ? open.Partials.In(view, db, folder) : [];
        var page = new Listing(view, db, asked)
        {
            Extra = [.. SharedIn(view, db, folder), .. partials.Where(partial => partial.IsNew).Select(partial => partial.Info)],
            Instead = partials.Where(partial => !partial.IsNew).ToDictionary(partial => partial.Info.Name, partial => partial.Info),
        }.Run(folder);
        var entries = page.Entries.Select(entry => entry with { OwnerName = trees.NameOf(entry.OwnerId) });
        if (!folder.Path.IsWithin(view.Who.PathPrefix))
        {
            // On the way to the credential's prefix only the way itself is shown.
            entries = entries.Where(entry => entry.Name == view.Who.PathPrefix.Names[folder.Path.Names.Length]);
        }

        return page with { Entries = [.. entries] };
    }

    private static IEnumerable<NodeInfo> SharedIn(View view, CatalogReader db, Spot folder)
    {
        if (folder.Node!.Id != view.Home.Root)
        {
            yield break;
        }

        foreach (var mount in view.Shared)
        {
            var name = View.ShownName(mount, taken => Taken(db, folder, taken));
            if (!Taken(db, folder, name) && NodeTable.Get(db, mount.Root) is { } top)
            {
                yield return view.Info(top, mount, folder.IsPast, name);
            }
        }
    }

    private static bool Taken(CatalogReader db, Spot folder, FileName name) => folder.AsOf is { } time
        ? Past.Find(db, folder.Node!.Id, name, time) is not null
        : NodeTable.Find(db, folder.Node!.Id, name) is not null;

    private ListPage ListSnapshots(View view, ListRequest request)
    {
        var names = Retention.SnapshotNames(trees.Clock.GetUtcNow(), view.User.CreatedAt.ToDateTimeOffset(), RetentionPolicy.Longest);
        var after = Listing.Cursor.Parse(request.Cursor);
        var rest = names.Reverse().Where(name => after is null || name > after.Value.Name).ToList();
        var page = rest.Take(Math.Clamp(request.Count, 1, Limits.ListPageMax)).Select(SnapshotFolder).ToList();
        return new ListPage(page, page.Count < rest.Count ? new Listing.Cursor(0, page[^1].Name).ToString() : null);
    }
}

using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Content;

namespace Fluxd.Store.Files;

/// <summary>
/// Which folder a path led to, until a commit changes where paths lead: writers of many small files ask for the same few
/// folders again and again while other files are committed. Only folders are remembered, and only the way: the last name
/// is looked up in the snapshot, and rights are checked each time. Thread-safe.
/// </summary>
internal sealed class KnownFolders(SqliteCatalog catalog)
{
    private readonly LeastRecentlyUsed<(long User, FilePath Path), Known> _known = new(FilesLimits.KnownWalks);

    /// <summary>As <see cref="PathWalk.Find"/> for a last name that may be missing.</summary>
    public Spot Find(View view, CatalogReader db, FilePath path, bool followLast)
    {
        var layouts = catalog.Layouts;
        if (path.IsRoot || layouts % 2 != 0)
        {
            return Walk();
        }

        var parent = path.Parent;
        var isNew = !_known.TryGet((view.User.Id, parent), out var known) || known.Layouts != layouts || !known.IsFor(view);
        if (isNew)
        {
            var folder = new PathWalk(view, db).Find(parent, followLast: true);
            if (folder.IsPast || folder.Node is not { IsFolder: true })
            {
                return Walk();
            }

            known = new Known(layouts, view.User, view.Home, view.Shared, folder);
        }

        // The snapshot is as old as the first look in it. Where the number is the same after that, the folder is of that snapshot.
        var spot = new PathWalk(view, db).FindIn(known!.Folder, path.Name, followLast);
        if (spot is null || catalog.Layouts != layouts)
        {
            return Walk();
        }

        if (isNew)
        {
            _known.Put((view.User.Id, parent), known, 1);
        }

        return spot;

        Spot Walk() => new PathWalk(view, db).Find(path, followLast, lastMayBeMissing: true);
    }

    private sealed record Known(long Layouts, UserInfo User, Mount Home, IReadOnlyList<Mount> Shared, Spot Folder)
    {
        public bool IsFor(View view) => ReferenceEquals(User, view.User) && Home == view.Home && Shared.SequenceEqual(view.Shared);
    }
}

using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Content;

namespace Fluxd.Store.Files;

/// <summary>
/// Where paths led, as long as it is certain: until anything at all is committed, or the user's account or grants change.
/// It serves readers that ask for the same files again and again; rights are not part of it. What is answered is what a
/// look begun at the call would have found, so a wide ticket taken before it holds the content too. Thread-safe.
/// </summary>
internal sealed class KnownWalks(SqliteCatalog catalog)
{
    private readonly LeastRecentlyUsed<(long User, FilePath Path), Known> _known = new(FilesLimits.KnownWalks);

    /// <summary>Where a path leads, links followed; the last name may be missing.</summary>
    public async ValueTask<Spot> FindAsync(View view, FilePath path, CancellationToken ct)
    {
        // Asked before the read begins: a commit in between makes the answer older than it is, never newer.
        var commits = catalog.Commits;
        if (_known.TryGet((view.User.Id, path), out var known) && known.Commits == commits && known.IsFor(view))
        {
            return known.Spot;
        }

        var spot = await catalog.ReadAsync(db => new PathWalk(view, db).Find(path, followLast: true, lastMayBeMissing: true), ct);
        if (spot.Exists && !spot.IsPast)
        {
            _known.Put((view.User.Id, path), new Known(commits, view.User, view.Home, view.Shared, spot), 1);
        }

        return spot;
    }

    private sealed record Known(long Commits, UserInfo User, Mount Home, IReadOnlyList<Mount> Shared, Spot Spot)
    {
        public bool IsFor(View view) => ReferenceEquals(User, view.User) && Home == view.Home && Shared.SequenceEqual(view.Shared);
    }
}

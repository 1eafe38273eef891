using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Content;

namespace Fluxd.Store.Files;

/// <summary>
/// Digests that were asked for: a download sends one each time. A sealed content never changes and its id is never given
/// again, so a digest that was found stays; that there is none holds until anything at all is committed. Thread-safe.
/// </summary>
internal sealed class KnownDigests(SqliteCatalog catalog)
{
    private readonly LeastRecentlyUsed<(long Content, DigestAlgorithm Algorithm), Known> _known = new(FilesLimits.KnownDigests);

    public async ValueTask<ContentDigest?> FindAsync(long content, DigestAlgorithm algorithm, CancellationToken ct)
    {
        // Asked before the read begins: a commit in between makes the answer older than it is, never newer.
        var commits = catalog.Commits;
        if (_known.TryGet((content, algorithm), out var known) && (known.Digest is not null || known.Commits == commits))
        {
            return known.Digest;
        }

        var digest = await catalog.ReadAsync(db => Digests.Find(db, content, algorithm), ct);
        _known.Put((content, algorithm), new Known(digest, commits), 1);
        return digest;
    }

    private sealed record Known(ContentDigest? Digest, long Commits);
}

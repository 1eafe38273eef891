using Fluxd.Core.Accounts;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Disk;
using Fluxd.Store.Feed;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>What the trees stand on.</summary>
/// <param name="IsClockSynchronised">Nothing expires while it says no.</param>
internal sealed record TreeParts(
    SqliteCatalog Catalog, IContents Contents, IDisk Disk, AccountView Accounts, TimeProvider Clock, Func<RetentionPolicy> Retention, Func<bool> IsClockSynchronised)
{
    /// <summary>Throws NoSpace when so many bytes should not be written.</summary>
    public Action<long>? RequireRoom { get; init; }
}

/// <summary>The trees, put together: what frontends get from the store. Owns nothing of what it stands on.</summary>
internal sealed class TreeServices
{
    private TreeServices(TreeParts parts, ChangeSignal signal)
    {
        var spool = new Spool(parts.Disk, requireRoom: parts.RequireRoom);
        spool.Clear();
        var sessions = new UploadSessions();
        var trees = new Trees(parts.Catalog, parts.Accounts, new ChangeLog(signal), parts.Clock) { UploadLife = () => parts.Retention().KeepUploads };
        var files = new FileStore(trees, new OpenFiles(), sessions, parts.Contents, spool, Space);
        Trees = trees;
        Files = files;
        var uploads = new UploadStore(trees, files, parts.Contents, sessions, Space);
        Uploads = uploads;
        ChunkUploads = new ChunkUploads(trees, uploads, parts.Contents, spool);
        Versions = new VersionStore(trees, parts.Contents, parts.Retention);
        Feed = new ChangeFeed(trees, signal);
        Keeper = new PastKeeper(trees, new ExpiryClock(parts.Catalog, parts.Clock, parts.IsClockSynchronised), parts.Retention, Space);

        SpaceInfo Space()
        {
            var space = parts.Disk.Space();
            return new SpaceInfo(space.Total, space.Free, long.MaxValue, long.MaxValue);
        }
    }

    public IFiles Files { get; }

    public IUploads Uploads { get; }

    public IChunkUploads ChunkUploads { get; }

    public IVersions Versions { get; }

    public IChangeFeed Feed { get; }

    /// <summary>To be run now and then; see <see cref="PastKeeper.RunAsync"/>.</summary>
    public PastKeeper Keeper { get; }

    public Trees Trees { get; }

    public static async Task<TreeServices> OpenAsync(TreeParts parts, CancellationToken ct) =>
        new(parts, await ChangeSignal.OpenAsync(parts.Catalog, ct));

    /// <summary>What a user's home holds, for accounts: a quota below it is refused.</summary>
    public ValueTask<Usage> UsageOfAsync(long user, CancellationToken ct) => Trees.UsageOfAsync(user, ct);
}

using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.References;

namespace Fluxd.Store.Files;

/// <summary><see cref="IVersions"/>: the past of files. The trash is in <c>VersionStore.Trash.cs</c>.</summary>
internal sealed partial class VersionStore(Trees trees, IContents contents, Func<RetentionPolicy> policy) : IVersions
{
    // A file that took another's name has that one's past too.
    private const string Chain = """
        WITH RECURSIVE chain(id, before) AS (
            SELECT id, before FROM node WHERE id = ?1
            UNION ALL SELECT n.id, n.before FROM chain c JOIN node n ON n.id = c.before)
        SELECT v.id, v.size, c.root, v.mtime, v.created, v.author, v.content
        FROM chain h JOIN version v ON v.node = h.id JOIN content c ON c.id = v.content
        """;

    public ValueTask<IReadOnlyList<FileVersion>> ListAsync(Principal who, FilePath path, CancellationToken ct)
    {
        Access.Check(who, Operation.ListVersions, path);
        return trees.ReadAsync(
            who,
            (view, db) =>
            {
                var node = FileOf(view, db, Operation.ListVersions, path);
                var versions = new List<FileVersion>();
                using var row = db.Sql(Chain + " ORDER BY v.id DESC LIMIT 10000").Bind(node.Id);
                while (row.Step())
                {
                    versions.Add(new FileVersion(
                        row.Long(0), row.Long(1), row.Bytes(2), new FileTime(row.Long(0) == node.Version ? node.ModifiedAt : row.Long(3)),
                        new FileTime(row.Long(4)), trees.NameOf(row.Long(5)), row.Long(0) == node.Version));
                }

                return (IReadOnlyList<FileVersion>)versions;
            },
            ct);
    }

    public async Task<IOpenFile> OpenAsync(Principal who, FilePath path, long version, CancellationToken ct)
    {
        Access.Check(who, Operation.Read, path);
        return (await contents.Holds.OpenAsync(ticket => OpenAsync(who, path, version, ticket, ct)))!;
    }

    private async Task<IOpenFile?> OpenAsync(Principal who, FilePath path, long version, Ticket ticket, CancellationToken ct)
    {
        var (node, content) = await trees.ReadAsync(
            who,
            (view, db) =>
            {
                var spot = FileStore.Walk(view, db, Operation.Read, path, followLast: true);
                var old = Find(db, Require(spot), version);
                var info = view.Info(spot.Node!, spot.Mount!, isPast: true) with
                {
                    Version = version,
                    Size = old.Content.Size,
                    ContentTag = old.Content.Tag,
                    ModifiedAt = new FileTime(old.ModifiedAt),
                };
                return (info, old.Content.Id);
            },
            ct);
        ticket.Keep(content);
        return new PastHandle(contents, node, content, ticket);
    }

    public Task<NodeInfo> RestoreAsync(Principal who, FilePath path, long version, CancellationToken ct)
    {
        Access.Check(who, Operation.RestoreVersion, path);
        return trees.WriteAsync(
            who,
            (view, db) =>
            {
                var spot = FileStore.Walk(view, db, Operation.RestoreVersion, path, followLast: true);
                var node = Require(spot);
                var old = Find(db, node, version);
                if (version == node.Version)
                {
                    return view.Info(node, spot.Mount!);
                }

                var target = new Target(spot.Mount!, FileStore.PathInTree(spot), node, node.Parent);
                var restored = Publisher.Publish(db, trees.Log, target, new Publication(old.Content, view.User.Id, trees.Now)
                {
                    Attributes = new AttributeChange { ModifiedAt = new FileTime(old.ModifiedAt) },
                    KeepsOld = true,
                });
                return view.Info(restored, spot.Mount!) with { OwnerName = trees.NameOf(restored.Owner) };
            },
            ct);
    }

    public async ValueTask<IReadOnlyList<FileName>> ListSnapshotsAsync(Principal who, CancellationToken ct)
    {
        who.Require(Scopes.Read);
        var view = await trees.ViewAsync(who, ct);
        return [.. Retention.SnapshotNames(trees.Clock.GetUtcNow(), view.User.CreatedAt.ToDateTimeOffset(), policy().Keep)];
    }

    private static NodeRow FileOf(View view, CatalogReader db, Operation operation, FilePath path) =>
        Require(FileStore.Walk(view, db, operation, path, followLast: true));

    private static NodeRow Require(Spot spot) => spot.Require() is { Kind: NodeKind.File } file
        ? file
        : throw new FluxException(FluxError.IsFolder, "Only files have versions.");

    private static (ContentRef Content, long ModifiedAt) Find(CatalogReader db, NodeRow node, long version)
    {
        using var row = db.Sql(Chain + " WHERE v.id = ?2").Bind(node.Id).Bind(version);
        return row.Step()
            ? (new ContentRef(row.Long(6), row.Long(1), row.Bytes(2)), version == node.Version ? node.ModifiedAt : row.Long(3))
            : throw FluxException.NotFound(string.Create(CultureInfo.InvariantCulture, $"There is no version {version} of this file; it may have expired."));
    }
}

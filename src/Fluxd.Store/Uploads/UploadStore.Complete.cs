using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Files;

namespace Fluxd.Store.Uploads;

/// <summary>Publishing: from sessions, and from finished parts put one behind the other.</summary>
internal sealed partial class UploadStore
{
    public async Task<UploadInfo> CompleteAsync(Principal who, UploadId id, CancellationToken ct)
    {
        who.Require(Scopes.Write);

        // Asked again after a lost answer: the same answer.
        var (found, info) = await trees.ReadAsync(
            who,
            (view, db) =>
            {
                var row = Own(view, db, id);
                return (row, Show(view, db, row));
            },
            ct);
        if (found.State == UploadState.Completed)
        {
            return info;
        }

        await using var writer = await OpenWriterAsync(who, id, ct);
        await writer.FlushAsync(ct);
        var view = await trees.ViewAsync(who, ct);
        CheckWhole(writer.Row, await trees.Catalog.ReadAsync(db => PartTable.Of(db, id), ct));
        return await writer.SealAsync((db, content, digest) => Publish(view, db, id, content, digest), ct);
    }

    public async Task<UploadInfo> ConcatenateAsync(Principal who, IReadOnlyList<UploadId> parts, UploadRequest request, CancellationToken ct)
    {
        if (parts.Count is 0 or > UploadLimits.ConcatenatedMax)
        {
            throw FluxException.Invalid($"Name 1 to {UploadLimits.ConcatenatedMax} parts.");
        }

        using var ticket = contents.Holds.TakeWide();
        var rows = await trees.ReadAsync(who, (view, db) => parts.Select(part => FinishedPart(view, db, part)).ToList(), ct);
        rows.ForEach(row => ticket.Keep(row.Content ?? 0));
        ticket.Narrow();
        var size = rows.Sum(row => row.Durable);
        if (request.Size is { } told && told != size)
        {
            throw FluxException.Conflict($"The parts have {size} bytes together, not {told}.");
        }

        var created = await trees.WriteAsync(who, (view, db) => TakeOver(view, db, rows, request with { Size = size, IsPart = false }), ct);
        await using (var writer = await OpenWriterAsync(who, created.Id, ct))
        {
            foreach (var row in rows.Where(row => row.Durable > 0))
            {
                await writer.AppendAsync(row.Content!.Value, 0, row.Durable, ct);
            }

            await writer.FlushAsync(ct);
        }

        return await CompleteAsync(who, created.Id, ct);
    }

    private static UploadRow FinishedPart(View view, CatalogReader db, UploadId id)
    {
        var row = Own(view, db, id);
        return !row.IsPart
            ? throw FluxException.Invalid("Only uploads that were begun as parts can be put together.")
            : row.State != UploadState.Completed
                ? throw new FluxException(FluxError.Missing, "One of the parts is not complete yet; finish it first.")
                : row;
    }

    /// <summary>The new session holds the room that its parts held; they stay until it is published, so that it can be tried again.</summary>
    private UploadInfo TakeOver(View view, CatalogTransaction db, List<UploadRow> parts, UploadRequest request)
    {
        CheckRequest(view.Who, request);
        foreach (var part in parts.DistinctBy(part => part.Id))
        {
            Quotas.Release(db, part.Root, part.Reserved);
            UploadTable.Update(db, part with { Reserved = 0 });
        }

        return Create(view, db, request);
    }

    private static void CheckWhole(UploadRow row, List<UploadPart> parts)
    {
        if (parts.Count > 0 || (row.Size is { } size && row.Durable != size))
        {
            throw new FluxException(FluxError.Missing, parts.Count > 0
                ? $"Bytes {row.Durable} to {parts[0].Start} are missing; send them, then ask again."
                : $"{row.Durable} of {row.Size} bytes are here; send the rest, then ask again.");
        }
    }

    private UploadInfo Publish(View view, CatalogTransaction db, UploadId id, ContentRef content, ContentDigest? digest)
    {
        var row = StillOpen(UploadTable.Get(db, id));
        if (row.Digest is { } expected && (digest is null || !expected.Matches(digest.Value.Span)))
        {
            throw FluxException.Conflict("The bytes that arrived don't have the digest that was announced; send the file again.");
        }

        if (digest is not null)
        {
            Digests.Keep(db, content.Id, digest);
        }

        if (row.IsPart)
        {
            return Show(view, db, Finish(db, row with { Content = content.Id, Size = content.Size, Durable = content.Size }));
        }

        var terms = UploadTerms.Parse(row.Request);
        var target = TargetOf(view, db, row, terms);
        Publisher.Check(terms.Precondition, target.Node);

        // From the tree that it was taken from: the target may lie in another by now.
        if (row.Reserved > 0)
        {
            Quotas.Release(db, row.Root, row.Reserved);
        }

        var node = Publisher.Publish(db, trees.Log, target, new Publication(content, view.User.Id, trees.Now)
        {
            Attributes = terms.Attributes,
            ModeIfNew = terms.Mode ?? Publisher.FileMode,
        });
        return Show(view, db, Finish(db, row with
        {
            Content = null,
            Size = content.Size,
            Durable = content.Size,
            Reserved = 0,
            Parent = 0,
            Name = default,
            Node = 0,
            ResultNode = node.Id,
            ResultVersion = node.Version,
        }));
    }

    private UploadRow Finish(CatalogTransaction db, UploadRow row)
    {
        UploadTable.DeletePieces(db, row.Id);
        return Save(db, row with { State = UploadState.Completed, HashState = null });
    }

    private Target TargetOf(View view, CatalogTransaction db, UploadRow row, UploadTerms terms)
    {
        // What an SFTP handle began goes where its node or folder is now, whatever either is called today.
        if (row.IsShadow && NodeTable.Locate(db, row.Node != 0 ? row.Node : row.Parent) is { } located)
        {
            var mount = MountOf(view, located.Root);
            var path = row.Node != 0 ? located.Path : located.Path.Append(row.Name);
            var node = row.Node != 0 ? NodeTable.Get(db, row.Node) : NodeTable.Find(db, row.Parent, row.Name);
            return new Target(mount, path, node, row.Parent);
        }

        if (terms.MakeParents)
        {
            files.MakeParents(view, db, row.Target.Parent);
        }

        Access.Check(view.Who, Operation.Upload, row.Target);
        var spot = new PathWalk(view, db).Find(row.Target, followLast: true, lastMayBeMissing: true);
        Access.Check(view.Who, Operation.Upload, spot);
        return new Target(spot.Mount!, FileStore.PathInTree(spot), spot.Node, spot.Parent);
    }

    /// <summary>What was published, also when the file has changed since.</summary>
    private NodeInfo ResultOf(View view, CatalogReader db, UploadRow row)
    {
        var node = NodeTable.Get(db, row.ResultNode);
        var shown = node is not null && NodeTable.Locate(db, node.Id) is { } located && view.MountOf(located.Root) is { } mount
            ? view.Info(node, mount) with { OwnerName = trees.NameOf(node.Owner) }
            : new NodeInfo { Id = row.ResultNode, Name = row.Target.IsRoot ? default : row.Target.Name, Kind = NodeKind.File };
        return shown.Version == row.ResultVersion
            ? shown
            : shown with { Version = row.ResultVersion, Size = row.Durable, ContentTag = default };
    }
}

using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>Opening files, and copying ranges between open ones.</summary>
internal sealed partial class FileStore
{
    public async Task<IOpenFile> OpenAsync(Principal who, FilePath path, OpenRequest request, CancellationToken ct)
    {
        var writes = request.Access.HasFlag(OpenAccess.Write);
        if (request.Access.HasFlag(OpenAccess.Read))
        {
            Access.Check(who, Operation.Read, path);
        }

        if (writes)
        {
            Access.Check(who, Operation.Write, path);
        }

        while (true)
        {
            if (await contents.Holds.OpenAsync(ticket => TryOpenAsync(who, path, request, writes, ticket, ct)) is { } opened)
            {
                return opened;
            }
        }
    }

    /// <summary>Null when another handle published or moved the file meanwhile: then look again.</summary>
    private async Task<IOpenFile?> TryOpenAsync(Principal who, FilePath path, OpenRequest request, bool writes, Ticket ticket, CancellationToken ct)
    {
        var view = await trees.ViewAsync(who, ct);
        var commits = trees.Catalog.Commits;
        var plan = writes || request.ContinuePartial || request.Create
            ? await trees.Catalog.ReadAsync(db => PlanOpen(view, db, path, request, writes), ct)
            : await PlanReadAsync(view, path, ct);
        if (plan.Spot.IsPast)
        {
            ticket.Keep(plan.Spot.Node!.Content);
            return new PastHandle(contents, plan.Shown!, plan.Spot.Node.Content, ticket);
        }

        var file = open.Join(plan.Spot, view, writes, request.Frontend);
        var prepared = false;
        try
        {
            await file.Gate.WaitAsync(ct);
            try
            {
                var now = trees.Catalog.Commits == commits ? plan : await LookAgainAsync(who, file, plan, path, request, writes, ct);
                if (now.Spot.Node?.Id == plan.Spot.Node?.Id && now.Spot.Parent == plan.Spot.Parent)
                {
                    plan = now;
                    await PrepareAsync(file, plan, request, writes, ct);
                    prepared = !writes || !open.LostItsName(file);
                }
            }
            finally
            {
                file.Gate.Release();
            }
        }
        finally
        {
            if (!prepared)
            {
                await LeaveAsync(who, file, writes);
            }
        }

        if (!prepared)
        {
            return null;
        }

        var committed = plan.Spot.Node is { } node ? new Committed(node.Version, new ContentRef(node.Content, node.Size, node.Tag)) : null;
        ticket.Keep(committed?.Content.Id ?? 0);
        return new FileHandle(open, Writing, who, file, request, committed, plan.Shown, commits, ticket);
    }

    public async Task<long> CopyRangeAsync(IOpenFile from, long fromOffset, IOpenFile to, long toOffset, long count, CancellationToken ct)
    {
        // What is committed is shared, as far as it can be; the rest goes through memory.
        var copied = from is ISettled source && to is FileHandle target
            ? await target.TakeRangeAsync(source, fromOffset, toOffset, count == 0 ? long.MaxValue : count, ct)
            : 0;
        var buffer = new byte[FilesLimits.CopyBytes];
        while (count == 0 || copied < count)
        {
            var want = count == 0 ? buffer.Length : (int)Math.Min(buffer.Length, count - copied);
            var got = await from.ReadAsync(fromOffset + copied, buffer.AsMemory(0, want), ct);
            if (got == 0)
            {
                break;
            }

            await to.WriteAsync(toOffset + copied, buffer.AsMemory(0, got), ct);
            copied += got;
        }

        return copied;
    }

    /// <summary>
    /// A dropped connection's handles may have kept or published what they wrote between the look and the gate. Whoever
    /// resumes by appending must see that, or would begin an empty file with bytes from the middle.
    /// </summary>
    private async Task<OpenPlan> LookAgainAsync(
        Principal who, OpenFile file, OpenPlan plan, FilePath path, OpenRequest request, bool writes, CancellationToken ct) =>
        writes && !request.Exclusive && file.Draft is null
            ? await trees.ReadAsync(who, (view, db) => PlanOpen(view, db, path, request, writes), ct)
            : plan;

    /// <summary>Its other writers may have gone meanwhile, and left what they wrote to this one.</summary>
    private async ValueTask LeaveAsync(Principal who, OpenFile file, bool writes)
    {
        if (writes)
        {
            await file.Gate.WaitAsync(CancellationToken.None);
            try
            {
                if (open.LeaveWriting(file))
                {
                    await Writing.AbandonAsync(who, file);
                }
            }
            finally
            {
                file.Gate.Release();
            }
        }

        open.Leave(file);
    }

    private readonly KnownWalks _walks = new(trees.Catalog);
    private readonly KnownFolders _folders = new(trees.Catalog);

    private FileWriting Writing => field ??= new FileWriting(trees, open, sessions, contents, spool);

    /// <summary>As <see cref="PlanOpen"/> for who only reads. The walk is spared where it is known; the rights are looked at each time.</summary>
    private async ValueTask<OpenPlan> PlanReadAsync(View view, FilePath path, CancellationToken ct)
    {
        var spot = await _walks.FindAsync(view, path, ct);
        Access.Check(view.Who, Operation.Read, spot);
        return !spot.Exists ? throw spot.Missing()
            : spot.IsSnapshotList || spot.Node is { IsFolder: true } ? throw new FluxException(FluxError.IsFolder, "That is a folder.")
            : new OpenPlan(spot, null, Show(view, spot), 0);
    }

    private OpenPlan PlanOpen(View view, CatalogReader db, FilePath path, OpenRequest request, bool writes)
    {
        var spot = _folders.Find(view, db, path, followLast: !(request.Create && request.Exclusive));
        Access.Check(view.Who, writes ? (spot.Node is null ? Operation.Create : Operation.Write) : Operation.Read, spot);
        var sees = writes || request.ContinuePartial;
        var kept = sees ? Partials.FindKept(db, view.User.Id, spot) : null;
        var pending = sees ? open.Find(view.User.Id, spot) : null;
        if (spot.Node is null && !spot.IsSnapshotList)
        {
            if (kept is null && pending is null && !(writes && request.Create))
            {
                throw spot.Missing();
            }
        }

        if (request is { Create: true, Exclusive: true } && (spot.Exists || kept is not null || pending is not null))
        {
            throw Taken(path);
        }

        if (spot.IsSnapshotList || spot.Node is { IsFolder: true })
        {
            throw new FluxException(FluxError.IsFolder, "That is a folder.");
        }

        var shown = spot.Node is null ? Partials.Of(view, spot, pending, kept) : Show(view, spot);
        return new OpenPlan(spot, kept, shown, Quotas.Free(db, spot.Mount!));
    }

    /// <summary>Under the file's gate: makes the draft that the flags ask for.</summary>
    private async Task PrepareAsync(OpenFile file, OpenPlan plan, OpenRequest request, bool writes, CancellationToken ct)
    {
        if (!writes && !(request.ContinuePartial && plan.Kept is not null))
        {
            return;
        }

        file.AllowedLength = plan.Free == long.MaxValue ? long.MaxValue : file.PaidBytes + plan.Free + (plan.Kept?.Reserved ?? 0);
        if (file.Draft is null && plan.Kept is { } kept)
        {
            if (request.ContinuePartial)
            {
                await Writing.ContinueAsync(file, kept, ct);
                return;
            }

            // Begun anew: what was left before is dropped, and whoever writes it is fenced.
            using var hold = await sessions.TakeAsync(kept.Id, ct);
            await trees.Catalog.WriteAsync(
                db =>
                {
                    if (UploadTable.Get(db, kept.Id) is { } row)
                    {
                        UploadTable.Delete(db, row);
                    }

                    return true;
                },
                ct);
        }

        if (file.Draft is not null)
        {
            if (request is { Truncate: true, ContinuePartial: false })
            {
                await Writing.CutKeptAsync(file, 0, ct);
                await file.Draft.TruncateAsync(0, ct);
            }

            return;
        }

        if (plan.Spot.Node is null)
        {
            file.Draft = new Draft(contents, spool, null, file.Scope);
            file.ModeIfNew = request.Attributes?.Mode ?? Publisher.FileMode;
            file.Exclusive = request.Exclusive;
            file.Pinned = request.Attributes is { } given ? OpenFiles.Merge(file.Pinned, given) : file.Pinned;
        }
        else if (request is { Truncate: true, ContinuePartial: false })
        {
            file.Draft = new Draft(contents, spool, null, file.Scope);
        }
    }

    private sealed record OpenPlan(Spot Spot, UploadRow? Kept, NodeInfo? Shown, long Free);
}

using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Feed;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>What handles do with the draft of their open file: begin it, pay for it, keep it, publish it. All under the file's gate.</summary>
internal sealed class FileWriting(Trees trees, OpenFiles open, UploadSessions sessions, IContents contents, Spool spool)
{
    public IContents Contents => contents;

    public long Commits => trees.Catalog.Commits;

    /// <summary>
    /// Makes the draft. Handles that committed nothing yet begin with what others committed since they were opened, or
    /// their first byte would take all of that back; handles in the middle of their own work go on with their own.
    /// </summary>
    /// <param name="openedAt">The count of commits when the handle was opened.</param>
    /// <exception cref="FluxException">Fenced: the session was taken over.</exception>
    public async ValueTask<Draft> BeginAsync(Principal who, OpenFile file, Committed? newest, long openedAt, CancellationToken ct)
    {
        if (file.IsFenced)
        {
            throw Fenced();
        }

        // Until the draft holds it.
        using var wide = contents.Holds.TakeWide();
        if (file is { Own: null, IsGone: false, NodeId: not 0 } && openedAt != Commits && await FindNewerAsync(who, file, newest, ct) is { } newer)
        {
            (newest, file.PaidBytes, file.AllowedLength) = (newer, newer.Content.Size, 0);
        }

        return file.Draft = new Draft(contents, spool, newest?.Content, file.Scope);
    }

    /// <summary>Goes on with what a dropped connection left.</summary>
    public async Task ContinueAsync(OpenFile file, UploadRow kept, CancellationToken ct)
    {
        using var ticket = contents.Holds.TakeWide();
        await HoldAsync(file, kept.Id, ct);
        var row = await trees.Catalog.ReadAsync(db => UploadTable.Get(db, kept.Id), ct);
        file.Kept = row;
        file.UnkeptUpTo = 0;
        file.Draft = row?.Content is { } content ? await Draft.ResumeAsync(contents, spool, content, row.Durable, file.Scope, ct) : new Draft(contents, spool, null, file.Scope);
        file.IsFenced = false;
    }

    /// <exception cref="FluxException">QuotaExceeded, TooLarge.</exception>
    public async ValueTask AllowAsync(Principal who, OpenFile file, long length, CancellationToken ct)
    {
        // The look at the quota stands apart: here its closure would be allocated by each write.
        if (length > file.AllowedLength)
        {
            await AllowMoreAsync(who, file, length, ct);
        }
    }

    private async ValueTask AllowMoreAsync(Principal who, OpenFile file, long length, CancellationToken ct)
    {
        if (length > FilesLimits.FileBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, "A file can't be that long.");
        }

        // Perhaps something was removed meanwhile.
        var (mount, free) = await trees.ReadAsync(
            who,
            (view, db) =>
            {
                var mount = WritableMountOf(view, file.Root);
                return (mount, Quotas.Free(db, mount));
            },
            ct);
        file.AllowedLength = free == long.MaxValue ? long.MaxValue : file.PaidBytes + free + (file.Kept?.Reserved ?? 0);
        if (length > file.AllowedLength)
        {
            throw Quotas.Exceeded(mount, $"{mount.QuotaBytes} bytes");
        }
    }

    /// <summary>A draft that nothing was written to.</summary>
    public static ValueTask ForgetDraftAsync(OpenFile file) => file.Draft is { } draft ? LetGoAsync(file, draft) : default;

    /// <summary>From some size on a sequential write survives even the daemon's death, as a session of its owner.</summary>
    public async ValueTask KeepWhenDueAsync(Principal who, OpenFile file, CancellationToken ct)
    {
        var due = file.Kept is not null ? file.Kept.Durable + FilesLimits.KeepEvery
            : file.UnkeptUpTo > 0 ? file.UnkeptUpTo + FilesLimits.KeepEvery
            : FilesLimits.KeepFrom;
        if (file.Draft is { } draft && draft.Streamed >= due && !file.IsGone)
        {
            await KeepAsync(who, file, draft, ct);
        }
    }

    /// <summary>
    /// What was kept is about to be written over from here on: it may not be offered for resuming any more, or the old
    /// beginning and a new end would become one file.
    /// </summary>
    public async Task CutKeptAsync(OpenFile file, long at, CancellationToken ct)
    {
        if (file.Kept is { } kept && at < kept.Durable)
        {
            await CutAsync(file, kept, at, ct);
        }
    }

    private async Task CutAsync(OpenFile file, UploadRow kept, long at, CancellationToken ct)
    {
        file.Kept = await trees.Catalog.WriteAsync(db => Cut(db, kept, at), ct);
        if (file.Kept is null)
        {
            file.Hold?.Dispose();
            file.Hold = null;
        }
    }

    /// <summary>The last writer went without closing: the streamed prefix stays for the owner, the rest is gone.</summary>
    public async Task AbandonAsync(Principal who, OpenFile file)
    {
        if (file.Draft is not { } draft)
        {
            return;
        }

        try
        {
            // The connection is gone, so nobody's token says anything about these bytes any more.
            if (draft.Streamed > 0 && !file.IsGone)
            {
                await KeepAsync(who, file, draft, CancellationToken.None);
            }
            else if (draft.IsPatched && !file.IsGone)
            {
                var view = await trees.ViewAsync(who, CancellationToken.None);
                await draft.KeepPatchedAsync((db, content, durable) => Keep(view, db, file, content, durable), CancellationToken.None);
            }
            else if (file is { IsGone: true, Kept: { } kept })
            {
                // Kept in the very moment in which its name was taken.
                await trees.Catalog.WriteAsync(
                    db =>
                    {
                        UploadTable.DeleteKept(db, kept);
                        return true;
                    },
                    CancellationToken.None);
            }
        }
        catch (FluxException)
        {
            // The account, the right or the room is gone: then nothing is kept, and nothing was promised.
        }
        finally
        {
            await LetGoAsync(file, draft);
        }
    }

    /// <param name="wrote">The handle that asks wrote something.</param>
    /// <returns>The node as it is now; null when it was removed meanwhile: then only its handles see the bytes, until the last is closed.</returns>
    /// <exception cref="FluxException">Fenced: what was written is another connection's now, and was not published.</exception>
    public async Task<NodeInfo?> CommitAsync(Principal who, OpenFile file, bool wrote, CancellationToken ct)
    {
        if (file.Draft is not { } draft)
        {
            return wrote && file.IsFenced ? throw Fenced() : null;
        }

        var view = await trees.ViewAsync(who, ct);
        var published = await draft.CommitAsync((db, content) => Publish(view, db, file, content), ct);

        // Before the draft goes: a reader that finds none looks here, and would read what was there before.
        file.Own = published.Own;
        file.Held!.KeepOnly(published.Own.Content.Id);
        file.PaidBytes = published.Node?.Size ?? 0;
        await LetGoAsync(file, draft);
        return published.Node is { } node ? view.Info(node, published.Mount!) with { OwnerName = trees.NameOf(node.Owner) } : null;
    }

    /// <summary>The node as the handles see it: committed attributes, and the size and content that they read.</summary>
    public async Task<NodeInfo> StatAsync(Principal who, OpenFile file, Committed? newest, NodeInfo? last, CancellationToken ct)
    {
        var now = await trees.ReadAsync(
            who,
            (view, db) => NodeTable.Get(db, file.NodeId) is { } node && view.MountOf(file.Root) is { } mount
                ? view.Info(node, mount) with { OwnerName = trees.NameOf(node.Owner), Name = node.Parent == 0 ? file.Name : node.Name }
                : null,
            ct) ?? last ?? New(who, file);
        return file.Draft is { } draft
            ? now with
            {
                Size = draft.Length,
                Mode = file.Pinned?.Mode ?? (file.NodeId == 0 ? file.ModeIfNew : now.Mode),
                ModifiedAt = file.Pinned?.ModifiedAt ?? now.ModifiedAt,
                AccessedAt = file.Pinned?.AccessedAt ?? now.AccessedAt,
                ContentTag = default,
                IsPartial = true,
            }
            : now with
            {
                Size = newest?.Content.Size ?? now.Size,
                Version = newest?.Version ?? now.Version,
                ContentTag = newest?.Content.Tag ?? now.ContentTag,
                IsPartial = false,
            };
    }

    /// <returns>Null when the file has no node yet, or none any more.</returns>
    public Task<NodeInfo?> SetAttributesAsync(Principal who, OpenFile file, AttributeChange change, CancellationToken ct) => trees.WriteAsync(
        who,
        (view, db) =>
        {
            if (file.NodeId == 0 || NodeTable.Locate(db, file.NodeId) is not { } located || view.MountOf(located.Root) is not { CanWrite: true } mount)
            {
                return null;
            }

            var now = trees.Now;
            NodeTable.Apply(db, file.NodeId, change, now);
            var node = NodeTable.Get(db, file.NodeId)!;
            trees.Log.Append(db, ChangeKind.SetAttributes, node, new LoggedPlace(located.Root, located.Path), null, view.User.Id, now);
            return view.Info(node, mount) with { OwnerName = trees.NameOf(node.Owner) };
        },
        ct);

    private static FluxException Fenced() => new(FluxError.Fenced, "A newer connection took this upload over; open the file again.");

    private static NodeInfo New(Principal who, OpenFile file) => new()
    {
        Id = 0,
        Name = file.Name,
        Kind = NodeKind.File,
        Mode = file.ModeIfNew,
        OwnerId = who.UserId,
        OwnerName = who.UserName,
    };

    /// <summary>What the node of the file holds now, if that is newer and the user may still write there.</summary>
    private ValueTask<Committed?> FindNewerAsync(Principal who, OpenFile file, Committed? newest, CancellationToken ct) => trees.ReadAsync(
        who,
        (view, db) => NodeTable.Get(db, file.NodeId) is { } node
            && node.Version > (newest?.Version ?? 0)
            && NodeTable.Locate(db, node.Id) is { } located
            && view.MountOf(located.Root) is { CanWrite: true }
                ? new Committed(node.Version, new ContentRef(node.Content, node.Size, node.Tag))
                : null,
        ct);

    private Published Publish(View view, CatalogTransaction db, OpenFile file, ContentRef content)
    {
        (file.Held ??= contents.Holds.Take()).Keep(content.Id);
        UploadTable.DeleteKept(db, file.Kept);
        if (file.IsGone || FindTarget(view, db, file) is not { } target)
        {
            // Later than all that its handles know.
            return new Published(new Committed(db.NextId("version"), content), null, null);
        }

        var node = Publisher.Publish(db, trees.Log, target, new Publication(content, view.User.Id, trees.Now)
        {
            Attributes = file.Pinned,
            ModeIfNew = file.ModeIfNew,
            ReplacesVersion = file.Own?.Version ?? 0,
        });
        if (target.Node is not null || target.PathInTree.Names.Length > 1)
        {
            db.LeavesPlaces();
        }

        db.AfterCommit(() => open.Published(file, node.Id));
        return new Published(new Committed(node.Version, new ContentRef(node.Content, node.Size, node.Tag)), node, target.Mount);
    }

    /// <summary>Where the file is now: names may have changed since it was opened, and rights may have been withdrawn.</summary>
    private static Target? FindTarget(View view, CatalogTransaction db, OpenFile file)
    {
        var node = file.NodeId != 0 ? NodeTable.Get(db, file.NodeId) : NodeTable.Find(db, file.Parent, file.Name);
        var (parent, name) = node is null ? (file.Parent, file.Name) : (node.Parent, node.Name);
        if ((file.NodeId != 0 && node is null) || FindFolder(db, parent) is not { } folder)
        {
            // A name that was never committed was not removed with the folder: nobody but its writer could know it.
            return file.NodeId != 0 ? null : throw FluxException.NotFound("The folder of this new file was removed meanwhile; upload it again elsewhere.");
        }

        if (file.NodeId == 0 && node is not null && file.Exclusive)
        {
            throw new FluxException(FluxError.Exists, "Somebody else made a file of that name meanwhile; choose another.");
        }

        return new Target(WritableMountOf(view, folder.Root), folder.Path.Append(name), node, parent);
    }

    private static (long Root, FilePath Path)? FindFolder(CatalogTransaction db, long folder)
    {
        if ((db.KnownPlace(folder) ?? NodeTable.Locate(db, folder)) is not { } place)
        {
            return null;
        }

        db.RememberPlace(folder, place);
        return place;
    }

    private static async ValueTask LetGoAsync(OpenFile file, Draft draft)
    {
        file.Draft = null;
        file.Kept = null;
        file.UnkeptUpTo = 0;
        file.Pinned = null;
        file.Hold?.Dispose();
        file.Hold = null;
        await draft.DisposeAsync();
    }

    private async Task HoldAsync(OpenFile file, UploadId id, CancellationToken ct)
    {
        file.Hold?.Dispose();
        file.Hold = await sessions.TakeAsync(id, ct);
        using var step = await file.Hold.StepAsync(ct);
        file.Hold.WhenFenced(() => FenceAsync(file));
    }

    /// <summary>Called by whoever takes the session over: these handles must not touch its bytes any more.</summary>
    private static async ValueTask FenceAsync(OpenFile file)
    {
        await file.Gate.WaitAsync(CancellationToken.None);
        try
        {
            file.IsFenced = true;
            if (file.Draft is { } draft)
            {
                await LetGoAsync(file, draft);
            }
        }
        finally
        {
            file.Gate.Release();
        }
    }

    private async Task KeepAsync(Principal who, OpenFile file, Draft draft, CancellationToken ct)
    {
        var view = await trees.ViewAsync(who, ct);
        var isNew = file.Kept is null;
        file.Kept = await draft.KeepAsync((db, content, durable) => Keep(view, db, file, content, durable), ct);
        if (file.Kept is null)
        {
            file.UnkeptUpTo = draft.Streamed;
            file.Hold?.Dispose();
            file.Hold = null;
        }
        else if (isNew)
        {
            await HoldAsync(file, file.Kept.Id, ct);
        }
    }

    /// <returns>Null when the file was removed: there is no name that its bytes could be an unfinished upload of.</returns>
    private UploadRow? Keep(View view, CatalogTransaction db, OpenFile file, long content, long durable)
    {
        if (file.IsGone || (file.NodeId != 0 && NodeTable.Locate(db, file.NodeId) is null))
        {
            UploadTable.DeleteKept(db, file.Kept);
            return null;
        }

        var now = trees.Now;
        var mount = WritableMountOf(view, file.Root);
        var old = file.Kept is null ? null : UploadTable.Get(db, file.Kept.Id);
        Quotas.Reserve(db, mount, durable - (old?.Reserved ?? 0));
        var row = (old ?? new UploadRow { Id = UploadId.New(), Owner = view.User.Id, Target = file.Path, Root = file.Root, Created = now }) with
        {
            Target = file.Path,
            Root = file.Root,
            Parent = file.Parent,
            Name = file.Name,
            Node = file.NodeId,
            Content = content,
            Durable = durable,
            Reserved = durable,
            Frontend = file.Frontend,
            Updated = now,
            Expires = trees.UploadExpiry(now),
        };
        if (old is null)
        {
            UploadTable.Insert(db, row);
        }
        else
        {
            UploadTable.Update(db, row);
        }

        return row;
    }

    /// <param name="Own">What the handles read from now on.</param>
    /// <param name="Node">Null when the file was removed.</param>
    private sealed record Published(Committed Own, NodeRow? Node, Mount? Mount);

    private UploadRow? Cut(CatalogTransaction db, UploadRow kept, long at)
    {
        if (UploadTable.Get(db, kept.Id) is not { } row)
        {
            return null;
        }

        if (at == 0)
        {
            UploadTable.Delete(db, row);
            return null;
        }

        Quotas.Release(db, row.Root, row.Reserved - at);
        var cut = row with { Durable = at, Reserved = at, HashState = null, Updated = trees.Now };
        UploadTable.Update(db, cut);
        return cut;
    }

    private static Mount WritableMountOf(View view, long root) => view.MountOf(root) is { CanWrite: true } mount
        ? mount
        : throw FluxException.Denied("The right to write there was withdrawn; what was sent is not published.");
}

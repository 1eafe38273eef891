using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Files;

namespace Fluxd.Store.Uploads;

/// <summary>
/// <see cref="IUploads"/> over the catalogue: a session is a row, its bytes unfinished content that grows by group
/// commits. Completing ends the content and sets pointers in one transaction: there is no assembly.
/// </summary>
internal sealed partial class UploadStore(Trees trees, FileStore files, IContents contents, UploadSessions sessions, Func<SpaceInfo> disk) : IUploads
{
    public async Task<UploadInfo> CreateAsync(Principal who, UploadRequest request, CancellationToken ct)
    {
        CheckRequest(who, request);
        return await trees.WriteAsync(who, (view, db) => Create(view, db, request), ct);
    }

    public ValueTask<UploadInfo> GetAsync(Principal who, UploadId id, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        return trees.ReadAsync(who, (view, db) => Show(view, db, Own(view, db, id)), ct);
    }

    public ValueTask<UploadPage> ListAsync(Principal who, string? cursor, int count, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        var after = cursor is null ? [] : UploadId.TryParse(cursor, out var id)
            ? id.ToBytes()
            : throw FluxException.Invalid("The cursor is not one that this server gave; begin the listing anew.");
        var most = Math.Clamp(count, 1, Limits.ListPageMax);
        return trees.ReadAsync(
            who,
            (view, db) =>
            {
                var rows = UploadTable.Page(db, view.User.Id, after, most + 1);
                var shown = rows.Take(most).Where(row => row.Target.IsWithin(who.PathPrefix)).Select(row => Show(view, db, row)).ToList();
                return new UploadPage(shown, rows.Count > most ? rows[most - 1].Id.ToString() : null);
            },
            ct);
    }

    public async Task<IUploadWriter> OpenAsync(Principal who, UploadId id, CancellationToken ct) => await OpenWriterAsync(who, id, ct);

    public Task<UploadInfo> SetSizeAsync(Principal who, UploadId id, long size, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        return trees.WriteAsync(
            who,
            (view, db) =>
            {
                var row = StillOpen(Own(view, db, id));
                if (row.Size == size)
                {
                    return Show(view, db, row);
                }

                var end = PartTable.Of(db, id) is [.., var last] ? Math.Max(last.Stop, row.Durable) : row.Durable;
                if (row.Size is not null || size < end)
                {
                    throw FluxException.Conflict(row.Size is { } known
                        ? $"The size was told before: {known} bytes."
                        : $"{end} bytes are here already; the size can't be less.");
                }

                Quotas.Reserve(db, MountOf(view, row.Root), size - row.Reserved);
                return Show(view, db, Save(db, row with { Size = size, Reserved = size }));
            },
            ct);
    }

    public async Task CancelAsync(Principal who, UploadId id, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        using var hold = await sessions.TakeAsync(id, ct);
        await trees.WriteAsync(
            who,
            (view, db) =>
            {
                UploadTable.Delete(db, Own(view, db, id));
                return true;
            },
            ct);
    }

    internal static UploadRow StillOpen(UploadRow? row) => row switch
    {
        null => throw new FluxException(FluxError.Gone, "The upload was cancelled or has expired; begin it anew."),
        { State: UploadState.Completed } => throw FluxException.Conflict("The upload is complete already."),
        _ => row,
    };

    /// <exception cref="FluxException">Denied: it may not be written any more. What is there stays its owner's to see, to cancel, or to finish when the right is back.</exception>
    internal static Mount MountOf(View view, long root) =>
        view.MountOf(root) is { CanWrite: true } mount ? mount : throw FluxException.Denied("The right to write there was withdrawn.");

    internal static UploadRow Own(View view, CatalogReader db, UploadId id) =>
        UploadTable.Get(db, id) is { } row && row.Owner == view.User.Id && row.Target.IsWithin(view.Who.PathPrefix)
            ? row
            : throw FluxException.NotFound("There is no such upload; it may have expired or been cancelled.");

    internal async Task<UploadWriter> OpenWriterAsync(Principal who, UploadId id, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        using var ticket = contents.Holds.TakeWide();
        await trees.ReadAsync(who, (view, db) => StillOpen(Own(view, db, id)), ct);
        var hold = await sessions.TakeAsync(id, ct);
        try
        {
            // Read again: the writer before may have made more durable until it was fenced.
            var (view, row, allowed) = await trees.ReadAsync(
                who,
                (view, db) =>
                {
                    var row = StillOpen(Own(view, db, id));
                    var free = Quotas.Free(db, MountOf(view, row.Root));
                    return (view, row, row.Size ?? (free == long.MaxValue ? FilesLimits.FileBytesMax : row.Reserved + free));
                },
                ct);
            return await UploadWriter.OpenAsync(trees, contents, view, hold, row, allowed, ct);
        }
        catch
        {
            hold.Dispose();
            throw;
        }
    }

    private void CheckRequest(Principal who, UploadRequest request)
    {
        if (request.IsPart)
        {
            who.Require(Scopes.Write);
        }
        else
        {
            Access.Check(who, Operation.Upload, request.Target);
        }

        if (request.Size is < 0 or > FilesLimits.FileBytesMax)
        {
            throw FluxException.Invalid("The size must be a number of bytes.");
        }

        if (request.Metadata?.Length > Limits.UploadMetadataBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"The metadata may have at most {Limits.UploadMetadataBytesMax} bytes.");
        }

        if (request.Size > disk().BytesFree)
        {
            throw new FluxException(FluxError.NoSpace, "The server's disk has not that much room; ask its administrator.");
        }
    }

    private UploadInfo Create(View view, CatalogTransaction db, UploadRequest request)
    {
        if (CountOf(db, view.User.Id) >= Limits.UploadsPerUserMax)
        {
            throw new FluxException(FluxError.Busy, $"You have {Limits.UploadsPerUserMax} unfinished uploads; finish or cancel some.");
        }

        var mount = request.IsPart ? view.Home : MountFor(view, db, request);
        var now = trees.Now;
        var hashing = request.ExpectedDigest?.Algorithm ?? (request.WantSha256 ? DigestAlgorithm.Sha256 : null);
        var row = new UploadRow
        {
            Id = UploadId.New(),
            Owner = view.User.Id,
            Target = request.IsPart ? view.Who.PathPrefix : request.Target,
            Root = mount.Root,
            Size = request.Size,
            Reserved = request.Size ?? 0,
            Digest = request.ExpectedDigest,
            Hashing = hashing,
            Request = UploadTerms.From(request).ToString(),
            Metadata = request.Metadata,
            IsPart = request.IsPart,
            Frontend = request.Frontend,
            Transfer = request.TransferId,
            Created = now,
            Updated = now,
            Expires = trees.UploadExpiry(now),
        };
        Quotas.Reserve(db, mount, row.Reserved);
        UploadTable.Insert(db, row);
        return Show(view, db, row);
    }

    /// <summary>The tree that will hold it; of the path's folders those that are there already must be folders that may be written.</summary>
    private static Mount MountFor(View view, CatalogTransaction db, UploadRequest request)
    {
        var path = request.Target;
        while (request.MakeParents && !path.Parent.IsRoot && IsMissing(view, db, path.Parent))
        {
            path = path.Parent;
        }

        var place = FileStore.Place(view, db, Operation.Upload, path);
        if (path.Equals(request.Target))
        {
            if (place.Node is { IsFolder: true })
            {
                throw new FluxException(FluxError.IsFolder, "That is a folder; choose a name in it.");
            }

            Publisher.Check(request.Precondition, place.Node);
        }

        return place.Mount!;
    }

    private static bool IsMissing(View view, CatalogReader db, FilePath folder)
    {
        try
        {
            return !new PathWalk(view, db).Find(folder, followLast: true, lastMayBeMissing: true).Exists;
        }
        catch (FluxException e) when (e.Error == FluxError.NotFound)
        {
            return true;
        }
    }

    private static long CountOf(CatalogReader db, long owner)
    {
        using var count = db.Sql("SELECT count(*) FROM upload WHERE owner = ?1 AND state = 0").Bind(owner);
        return count.RunScalar() ?? 0;
    }

    private UploadRow Save(CatalogTransaction db, UploadRow row)
    {
        var now = trees.Now;
        var saved = row with { Updated = now, Expires = trees.UploadExpiry(now) };
        UploadTable.Update(db, saved);
        return saved;
    }

    private UploadInfo Show(View view, CatalogReader db, UploadRow row) => new()
    {
        Id = row.Id,
        Target = row.Target,
        State = row.State,
        Size = row.Size,
        DurableOffset = row.Durable,
        Parts = PartTable.Ranges(PartTable.Of(db, row.Id)),
        ExpectedDigest = row.Digest,
        IsPart = row.IsPart,
        Metadata = row.Metadata,
        Frontend = row.Frontend,
        CreatedAt = new FileTime(row.Created),
        UpdatedAt = new FileTime(row.Updated),
        ExpiresAt = new FileTime(row.Expires),
        Result = row.ResultNode == 0 ? null : ResultOf(view, db, row),
    };
}

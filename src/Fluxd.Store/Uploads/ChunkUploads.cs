using System.Buffers;
using System.Collections.Concurrent;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Files;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Uploads;

/// <summary>
/// Delta transfer onto sessions. A chunk counts as there only when this session put it, or when a file that the caller
/// may read holds it: the base file that is named, or any in the trees that the caller sees. What others have is never
/// looked at, so no answer tells of it. A yes is a lease; recipes find chunks among the session's puts and leases only.
/// </summary>
internal sealed class ChunkUploads(Trees trees, UploadStore uploads, IContents contents, Spool spool) : IChunkUploads
{
    private readonly ConcurrentDictionary<UploadId, ChunkDesk> _desks = new();
    private readonly Leases _leases = new(trees.Catalog);

    public async Task<IReadOnlyList<bool>> HaveAsync(Principal who, UploadId id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct)
    {
        RequireCount(chunks.Count);
        who.Require(Scopes.Write);
        using var ticket = contents.Holds.TakeWide();
        var (content, roots) = await trees.ReadAsync(
            who,
            (view, db) => (BaseOf(view, db, UploadStore.StillOpen(UploadStore.Own(view, db, id)), basePath), RootsOf(view)),
            ct);
        return await AtDeskAsync(
            id,
            async desk =>
            {
                var open = chunks.Where(chunk => !desk.HasPut(chunk)).ToHashSet();
                var found = new Dictionary<ChunkHash, long>();
                if (content != 0)
                {
                    Add(found, open, await _leases.OfFileAsync(await BaseAsync(desk, content, ct), open, ct));
                }

                Add(found, open, await _leases.OfSessionAsync(id, open, ct));
                Add(found, open, roots.Count == 0 ? [] : await _leases.OfTreesAsync(roots, open, ct));
                var taken = await _leases.TakeAsync(id, found.Values.Where(chunk => !desk.Damaged.Contains(chunk)), ct);
                return (IReadOnlyList<bool>)[.. chunks.Select(chunk => desk.HasPut(chunk) || (found.TryGetValue(chunk, out var lease) && taken.Contains(lease)))];
            },
            ct);
    }

    public async Task PutAsync(Principal who, UploadId id, ChunkHash chunk, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        if (bytes.Length is 0 or > ChunkSizes.LargestChunk)
        {
            throw FluxException.Invalid($"A chunk has 1 to {ChunkSizes.LargestChunk} bytes.");
        }

        if (ChunkHash.Of(bytes.Span) != chunk)
        {
            throw FluxException.Invalid("The bytes don't have the hash that was named; read them again.");
        }

        var row = await trees.ReadAsync(who, (view, db) => UploadStore.StillOpen(UploadStore.Own(view, db, id)), ct);
        await AtDeskAsync(
            id,
            async desk =>
            {
                if (!desk.HasPut(chunk))
                {
                    await RequireQuotaAsync(who, row, desk.PutBytes + bytes.Length, ct);
                    desk.Put(chunk, bytes.Span);
                }

                return true;
            },
            ct);
    }

    /// <summary>Bytes that are in no file yet fill the disk too: they count against what the upload has reserved.</summary>
    private async Task RequireQuotaAsync(Principal who, UploadRow row, long ahead, CancellationToken ct)
    {
        if (row.Size is { } size)
        {
            if (ahead > Math.Max(size, ChunkSizes.LargestChunk) * UploadLimits.PutSizesMax)
            {
                throw new FluxException(FluxError.Busy, "More was sent ahead than the upload has bytes; append what is there, then send more.");
            }
        }
        else if (ahead > row.Reserved)
        {
            await trees.WriteAsync(
                who,
                (view, db) =>
                {
                    var now = UploadStore.StillOpen(UploadStore.Own(view, db, row.Id));
                    var mount = UploadStore.MountOf(view, now.Root);
                    var lacks = Math.Max(0, ahead - now.Reserved);
                    var more = Math.Max(lacks, Math.Min(UploadLimits.PutReserveBytes, Quotas.Free(db, mount)));
                    Quotas.Reserve(db, mount, more);
                    UploadTable.Update(db, now with { Reserved = now.Reserved + more });
                    return true;
                },
                ct);
        }
    }

    public async Task<RecipeAppend> AppendAsync(Principal who, UploadId id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct)
    {
        RequireCount(recipe.Count);
        await using var writer = await uploads.OpenWriterAsync(who, id, ct);
        if (writer.Offset != offset)
        {
            throw FluxException.Conflict($"The upload stands at {writer.Offset}, not at {offset}; go on there.");
        }

        return await AtDeskAsync(
            id,
            async desk =>
            {
                var leased = await _leases.OfSessionAsync(id, recipe.Select(step => step.Hash).Where(hash => !desk.HasPut(hash)).ToHashSet(), ct);
                var missing = Enumerable.Range(0, recipe.Count).Where(i => !IsHere(desk, leased, recipe[i].Hash)).ToList();
                if (missing.Count > 0)
                {
                    return new RecipeAppend(offset, missing);
                }

                foreach (var step in recipe.Where(step => desk.HasPut(step.Hash)))
                {
                    RequireLength(step, desk.LengthOfPut(step.Hash));
                }

                foreach (var step in recipe)
                {
                    await AppendOneAsync(desk, writer, step, leased, ct);
                }

                var durable = await writer.FlushAsync(ct);
                desk.ForgetPut(recipe.Select(step => step.Hash));
                return new RecipeAppend(durable, []);
            },
            ct);
    }

    private static bool IsHere(ChunkDesk desk, Dictionary<ChunkHash, long> leased, ChunkHash hash) =>
        desk.HasPut(hash) || (leased.TryGetValue(hash, out var chunk) && !desk.Damaged.Contains(chunk));

    private async Task AppendOneAsync(ChunkDesk desk, UploadWriter writer, ChunkRef step, Dictionary<ChunkHash, long> leased, CancellationToken ct)
    {
        if (desk.HasPut(step.Hash))
        {
            var put = ArrayPool<byte>.Shared.Rent(step.Length);
            try
            {
                desk.Read(step.Hash, put.AsSpan(0, step.Length));
                await writer.WriteAsync(put.AsMemory(0, step.Length), ct);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(put);
            }

            return;
        }

        var chunk = leased[step.Hash];
        if (desk.Base is { } file && await file.PlaceAsync(contents, chunk, ct) is { } place)
        {
            RequireLength(step, place.Length);
            await writer.AppendAsync(file.Content, place.Offset, place.Length, ct);
            return;
        }

        // Where it begins and ends in its file isn't known: it is read, cut and found again, so that equal files get equal cuts.
        var bytes = await ReadLeasedAsync(desk, chunk, ct);
        RequireLength(step, bytes.Length);
        await writer.WriteAsync(bytes, ct);
    }

    private async Task<byte[]> ReadLeasedAsync(ChunkDesk desk, long chunk, CancellationToken ct)
    {
        try
        {
            return await contents.ReadChunkAsync(chunk, ct);
        }
        catch (Exception e) when (e is PackDamagedException or FluxException { Error: FluxError.Corrupt })
        {
            desk.Damaged.Add(chunk);
            throw new FluxException(FluxError.Conflict, "A piece that was there is damaged: ask what to send, and go on at the upload's offset.", e);
        }
    }

    private static void RequireLength(ChunkRef step, int length)
    {
        if (step.Length != length)
        {
            throw FluxException.Invalid($"The recipe gives a chunk {step.Length} bytes; it has {length}.");
        }
    }

    /// <summary>
    /// The trees whose chunks the caller may take: all that the account sees, when the credential may read all of them.
    /// One that is held to a folder could otherwise fetch, by hash, what lies beside it.
    /// </summary>
    private static List<long> RootsOf(View view) => view.Who.Has(Scopes.Read) && view.Who.PathPrefix.IsRoot
        ? [view.Home.Root, .. view.Shared.Select(mount => mount.Root)]
        : [];

    /// <summary>The base's content; 0 when there is none.</summary>
    private static long BaseOf(View view, CatalogReader db, UploadRow row, FilePath? path)
    {
        if (path is not null)
        {
            Access.Check(view.Who, Operation.Read, path);
            return FileStore.Walk(view, db, Operation.Read, path, followLast: true).Require().Content;
        }

        // Without the right to read, the target says nothing either.
        if (!view.Who.Has(Scopes.Read) || row.IsPart)
        {
            return 0;
        }

        try
        {
            return FileStore.WalkToMaybe(view, db, Operation.Read, row.Target, followLast: true).Node?.Content ?? 0;
        }
        catch (FluxException)
        {
            return 0;
        }
    }

    private static void Add(Dictionary<ChunkHash, long> found, HashSet<ChunkHash> open, Dictionary<ChunkHash, long> more)
    {
        foreach (var (hash, chunk) in more)
        {
            found.Add(hash, chunk);
            open.Remove(hash);
        }
    }

    private async ValueTask<BaseFile> BaseAsync(ChunkDesk desk, long content, CancellationToken ct)
    {
        if (desk.Base is { } known && known.Content == content)
        {
            return known;
        }

        desk.SetBase(null);
        var file = await BaseFile.OpenAsync(contents, content, ct);
        if (_desks.Values.Count(other => other.Base is not null) < UploadLimits.BasesMax)
        {
            desk.SetBase(file);
        }

        return file;
    }

    private async Task<T> AtDeskAsync<T>(UploadId id, Func<ChunkDesk, Task<T>> work, CancellationToken ct)
    {
        var desk = _desks.GetOrAdd(id, _ => Open());
        await desk.Gate.WaitAsync(ct);
        try
        {
            desk.UsedAt = trees.Now;
            return await work(desk);
        }
        finally
        {
            desk.Gate.Release();
        }
    }

    /// <summary>Opening one closes those that nobody came back to.</summary>
    private ChunkDesk Open()
    {
        var horizon = trees.Now - (UploadLimits.DeskIdle.Ticks * 100);
        foreach (var (id, desk) in _desks.Where(desk => desk.Value.UsedAt < horizon && desk.Value.Gate.CurrentCount > 0))
        {
            if (_desks.TryRemove(new KeyValuePair<UploadId, ChunkDesk>(id, desk)))
            {
                desk.Close();
            }
        }

        return new ChunkDesk(spool, contents.Holds.Take()) { UsedAt = trees.Now };
    }

    private static void RequireCount(int count)
    {
        if (count > Limits.ChunksPerCallMax)
        {
            throw new FluxException(FluxError.TooLarge, $"At most {Limits.ChunksPerCallMax} chunks in one call.");
        }
    }
}

using System.Collections.Concurrent;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Files;

namespace Fluxd.Store.Uploads;

/// <summary>
/// Delta transfer onto sessions. The store's own index is never asked: a chunk counts as there only when a file that
/// the caller may read holds it, or when this session put it. So no answer tells what others have.
/// </summary>
internal sealed class ChunkUploads(Trees trees, UploadStore uploads, IContents contents, Spool spool) : IChunkUploads
{
    private readonly ConcurrentDictionary<UploadId, ChunkDesk> _desks = new();

    public async Task<IReadOnlyList<bool>> HaveAsync(Principal who, UploadId id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct)
    {
        RequireCount(chunks.Count);
        who.Require(Scopes.Write);
        using var ticket = contents.Holds.TakeWide();
        var content = await trees.ReadAsync(who, (view, db) => BaseOf(view, db, UploadStore.StillOpen(UploadStore.Own(view, db, id)), basePath), ct);
        return await AtDeskAsync(
            id,
            async desk =>
            {
                if (content != 0)
                {
                    await LookAsync(desk, content, chunks.Where(chunk => !desk.Has(chunk)).ToHashSet(), ct);
                }

                return (IReadOnlyList<bool>)[.. chunks.Select(desk.Has)];
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

        await trees.ReadAsync(who, (view, db) => UploadStore.StillOpen(UploadStore.Own(view, db, id)), ct);
        await AtDeskAsync(
            id,
            desk =>
            {
                desk.Put(chunk, bytes.Span);
                return Task.FromResult(true);
            },
            ct);
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
                var missing = Enumerable.Range(0, recipe.Count).Where(i => !desk.Has(recipe[i].Hash)).ToList();
                if (missing.Count > 0)
                {
                    return new RecipeAppend(offset, missing);
                }

                foreach (var step in recipe)
                {
                    await AppendOneAsync(desk, writer, step, ct);
                }

                var durable = await writer.FlushAsync(ct);
                desk.ForgetPut();
                return new RecipeAppend(durable, []);
            },
            ct);
    }

    private static async Task AppendOneAsync(ChunkDesk desk, UploadWriter writer, ChunkRef step, CancellationToken ct)
    {
        if (desk.TryGetKnown(step.Hash, out var place))
        {
            RequireLength(step, place.Length);
            await writer.AppendAsync(place.Content, place.Offset, place.Length, ct);
            return;
        }

        var bytes = desk.Read(step.Hash);
        RequireLength(step, bytes.Length);
        await writer.WriteAsync(bytes, ct);
    }

    private static void RequireLength(ChunkRef step, int length)
    {
        if (step.Length != length)
        {
            throw FluxException.Invalid($"The recipe gives a chunk {step.Length} bytes; it has {length}.");
        }
    }

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

    private async Task LookAsync(ChunkDesk desk, long content, HashSet<ChunkHash> wanted, CancellationToken ct)
    {
        for (var at = 0L; wanted.Count > 0;)
        {
            var page = await contents.ChunksAsync(content, at, ct);
            if (page.Count == 0)
            {
                return;
            }

            foreach (var chunk in page.Where(chunk => wanted.Remove(chunk.Hash)))
            {
                desk.Know(content, chunk);
            }

            at = page[^1].Offset + page[^1].Length;
        }
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

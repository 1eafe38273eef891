using System.Buffers;
using Fluxd.Core;
using Fluxd.Store.Catalog;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Store.Content;

/// <summary>
/// Reads ranges of contents: finds the chunks, reads neighbours in one call, checks each chunk's checksum before a
/// byte of it is given. Plans, half-used chunks and whole small files are cached, so that small sequential reads, and
/// files that are asked for again and again, cost one look-up in a while. Reads block: the page cache answers nearly all. Thread-safe.
/// </summary>
internal sealed class ContentReader(SqliteCatalog catalog, IPackStore packs)
{
    private readonly LeastRecentlyUsed<(long Content, long Start), ChunkPlan> _plans = new(ContentLimits.PlannedChunksCached);
    private readonly LeastRecentlyUsed<long, long> _lastStart = new(ContentLimits.PlannedChunksCached / 64);
    private readonly ChunkCache _chunks = new(ContentLimits.ChunkCacheBytes);

    /// <summary>Up to the buffer's length; 0 at and beyond the end.</summary>
    /// <exception cref="FluxException">NotFound; Corrupt: stored bytes don't match.</exception>
    internal ValueTask<int> ReadAsync(long content, long offset, Memory<byte> buffer, CancellationToken ct) =>
        ReadAsync(content, offset, buffer, null, ct);

    /// <summary>As <see cref="ReadAsync(long, long, Memory{byte}, CancellationToken)"/>, but stops rather than cut a chunk whose beginning it has not given.</summary>
    internal ValueTask<int> ReadSomeAsync(long content, long offset, Memory<byte> buffer, CutChunk cut, CancellationToken ct) =>
        ReadAsync(content, offset, buffer, cut, ct);

    private async ValueTask<int> ReadAsync(long content, long offset, Memory<byte> buffer, CutChunk? cut, CancellationToken ct)
    {
        var done = 0;
        while (done < buffer.Length)
        {
            var plan = await PlanAsync(content, offset + done, ct);
            if (offset + done >= plan.End)
            {
                break;
            }

            done += await ReadPlannedAsync(plan, content, offset + done, buffer[done..], cut, ct);
            if (cut is not null)
            {
                break;
            }
        }

        return done;
    }

    /// <summary>The part of the recipe that holds an offset.</summary>
    internal ValueTask<ChunkPlan> PlanAsync(long content, long offset, CancellationToken ct)
    {
        var cached = CachedPlan(content, offset);
        StoreMetrics.PlanLookup(hit: cached is not null);
        return cached is not null ? new(cached) : LookUpAsync(content, offset, ct);
    }

    private ChunkPlan? CachedPlan(long content, long offset)
    {
        if (!_lastStart.TryGet(content, out var start))
        {
            return null;
        }

        if (_plans.TryGet((content, start), out var cached) && Has(cached))
        {
            return cached;
        }

        // Who reads on comes to the beginning of the next part, and who begins anew to that of the first.
        if (_plans.TryGet((content, offset), out var next) && Has(next))
        {
            _lastStart.Put(content, offset, 1);
            return next;
        }

        return null;

        bool Has(ChunkPlan plan) => plan.Start <= offset && (offset < plan.End || plan.End == plan.ContentSize);
    }

    private async ValueTask<ChunkPlan> LookUpAsync(long content, long offset, CancellationToken ct)
    {
        var plan = await catalog.ReadAsync(reader => ChunkPlan.Read(reader, content, offset), ct)
            ?? throw FluxException.NotFound("This content is no longer there; open the file again.");

        // Content that still grows is looked up each time.
        if (plan.IsComplete)
        {
            _plans.Put((content, plan.Start), plan, plan.Chunks.Length + 1);
            _lastStart.Put(content, plan.Start, 1);
        }

        return plan;
    }

    /// <summary>Reads one whole chunk of known place.</summary>
    internal byte[] ReadChunk(in PlannedChunk chunk)
    {
        var raw = new byte[chunk.Length];
        ReadWhole(chunk, raw);
        return raw;
    }

    /// <summary>Compaction may move chunks between the plan and the read: as long as a fresh plan names other places, it is tried again.</summary>
    private async ValueTask<int> ReadPlannedAsync(ChunkPlan plan, long content, long offset, Memory<byte> buffer, CutChunk? cut, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return ReadFrom(plan, offset, buffer.Span, cut);
            }
            catch (PackDamagedException e)
            {
                _plans.Remove((content, plan.Start));
                var fresh = await PlanAsync(content, offset, ct);
                if (fresh.Chunks.AsSpan().SequenceEqual(plan.Chunks))
                {
                    throw Damaged(e);
                }

                plan = fresh;
            }
        }
    }

    private int ReadFrom(ChunkPlan plan, long offset, Span<byte> buffer, CutChunk? cut)
    {
        if (plan.Inline is { } bytes)
        {
            var count = (int)Math.Min(buffer.Length, bytes.Length - offset);
            bytes.AsSpan((int)offset, count).CopyTo(buffer);
            return count;
        }

        var done = 0;
        for (var i = plan.IndexOf(offset); i < plan.Chunks.Length && done < buffer.Length;)
        {
            var chunk = plan.Chunks[i];
            var skip = (int)(offset + done - chunk.Start);
            if (skip > 0 || buffer.Length - done < chunk.Length)
            {
                if (cut is not null && done > 0 && skip == 0)
                {
                    break;
                }

                var part = buffer.Slice(done, Math.Min(chunk.Length - skip, buffer.Length - done));
                if (cut is null)
                {
                    CopyPart(chunk, skip, part);
                }
                else
                {
                    Whole(chunk, cut).Slice(skip, part.Length).CopyTo(part);
                }

                done += part.Length;
                i++;
            }
            else if (plan.Chunks.Length == 1 && chunk.Length <= ContentLimits.SmallChunkKept)
            {
                CopyPart(chunk, 0, buffer.Slice(done, chunk.Length));
                done += chunk.Length;
                i++;
            }
            else
            {
                var run = CountRun(plan.Chunks.AsSpan(i), buffer.Length - done, out var length);
                ReadRun(plan.Chunks.AsSpan(i, run), buffer.Slice(done, length));
                done += length;
                i += run;
            }
        }

        return done;
    }

    /// <summary>How many chunks stand raw and back to back in one pack and fit; at least one.</summary>
    private static int CountRun(ReadOnlySpan<PlannedChunk> chunks, int room, out int length)
    {
        length = chunks[0].Length;
        var count = 1;
        while (count < chunks.Length && chunks[count - 1].Codec == ChunkCodec.Raw && chunks[count].Codec == ChunkCodec.Raw
            && chunks[count].Pack == chunks[0].Pack && chunks[count].Offset == chunks[count - 1].Offset + chunks[count - 1].Stored
            && length + chunks[count].Length <= Math.Min(room, ContentLimits.ReadBytesMax))
        {
            length += chunks[count++].Length;
        }

        return count;
    }

    private void ReadRun(ReadOnlySpan<PlannedChunk> run, Span<byte> to)
    {
        if (run[0].Codec != ChunkCodec.Raw)
        {
            ReadWhole(run[0], to);
            return;
        }

        using (var pack = Open(run[0]))
        {
            Fill(pack, run[0], to);
        }

        foreach (var chunk in run)
        {
            Check(chunk, to[..chunk.Length]);
            to = to[chunk.Length..];
        }
    }

    private ReadOnlySpan<byte> Whole(in PlannedChunk chunk, CutChunk cut)
    {
        if (cut.Id != chunk.Id)
        {
            ReadWhole(chunk, cut.Make(chunk.Length));
            cut.Holds(chunk.Id);
        }

        return cut.Bytes;
    }

    private void CopyPart(in PlannedChunk chunk, int skip, Span<byte> to)
    {
        var held = _chunks.TryHold(chunk.Id);
        StoreMetrics.ChunkLookup(held is not null);
        var isNew = held is null;
        held ??= ChunkCache.Make(chunk.Id, chunk.Length);
        try
        {
            if (isNew)
            {
                ReadWhole(chunk, held.Bytes);
                _chunks.Add(held);
            }

            held.Bytes.Slice(skip, to.Length).CopyTo(to);
        }
        finally
        {
            _chunks.Release(held);
        }
    }

    /// <summary>As <see cref="ReadChunk"/>, into as many bytes as the chunk has.</summary>
    internal void ReadWhole(in PlannedChunk chunk, Span<byte> raw)
    {
        using var pack = Open(chunk);
        if (chunk.Codec == ChunkCodec.Raw)
        {
            Fill(pack, chunk, raw);
            Check(chunk, raw);
            return;
        }

        var stored = ArrayPool<byte>.Shared.Rent(chunk.Stored);
        try
        {
            Fill(pack, chunk, stored.AsSpan(0, chunk.Stored));
            Check(chunk, stored.AsSpan(0, chunk.Stored));
            if (!ChunkDecoder.TryDecode(stored.AsSpan(0, chunk.Stored), chunk.Codec, raw))
            {
                throw new PackDamagedException(chunk.Pack, chunk.Offset, "a chunk does not decompress");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    private IPackReader Open(in PlannedChunk chunk) => packs.Open(chunk.Pack);

    private static void Fill(IPackReader pack, in PlannedChunk chunk, Span<byte> to)
    {
        try
        {
            pack.Read(to, chunk.Offset);
        }
        catch (DiskException e)
        {
            throw Damaged(e);
        }
    }

    private static void Check(in PlannedChunk chunk, ReadOnlySpan<byte> stored)
    {
        if (Crc32C.Of(stored) != chunk.Crc)
        {
            throw new PackDamagedException(chunk.Pack, chunk.Offset, "a chunk does not match its checksum");
        }
    }

    private static FluxException Damaged(Exception cause) => new(
        FluxError.Corrupt, "A piece of this file is damaged on the server's disk; restore it from a backup or upload it again.", cause);
}

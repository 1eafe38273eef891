using System.Buffers;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Files;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Store.Content;

/// <summary>Bytes in and out: cuts and stores what is written, finds and checks what is read. Thread-safe.</summary>
internal sealed class ContentStore : IContents
{
    private readonly KnownDigests _digests;
    private int _lanesTaken;

    /// <param name="spool">Where sinks that wait for memory put what they have; without one nobody waits, and the budget is only aimed at.</param>
    internal ContentStore(SqliteCatalog catalog, IPackStore packs, CompressionMode compression, Spool? spool = null, long? bufferBytes = null)
    {
        Catalog = catalog;
        Reader = new ContentReader(catalog, packs);
        _digests = new KnownDigests(catalog);
        Compression = compression;
        Spool = spool;
        Buffers = new BufferPool(bufferBytes ?? ContentLimits.BufferBytesMax);
    }

    public ContentHolds Holds => Catalog.References.Holds;

    internal SqliteCatalog Catalog { get; }

    internal ContentReader Reader { get; }

    internal BufferPool Buffers { get; }

    internal Spool? Spool { get; }

    internal CompressionMode Compression { get; }

    /// <summary>Refuses new bytes when the disk is too full for them; throws NoSpace.</summary>
    internal Action<long> RequireRoom { get; init; } = _ => { };

    public IContentSink Begin(ChunkScope scope) => new ContentSink(this, scope, Holds.Take());

    public async ValueTask<IContentSink> ResumeAsync(long content, ChunkScope scope, CancellationToken ct)
    {
        // Wide until the uncut end is read: its place was looked up before.
        var ticket = Holds.TakeWide();
        try
        {
            var (unfinished, takeOver) = await TakeOverAsync(content, ticket, ct);
            var sink = new ContentSink(this, scope, ticket, unfinished, takeOver);
            if (unfinished.Tail is { } tail)
            {
                TakeTail(sink, tail);
            }

            ticket.Narrow();
            return sink;
        }
        catch
        {
            ticket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// What is there is known when the taking over has run; its sync may go on while the next bytes arrive. The sink waits
    /// for it before it says that anything is durable, and where it fails, all that the sink writes fails too.
    /// </summary>
    private async Task<(UnfinishedContent Found, Task Commit)> TakeOverAsync(long content, Ticket ticket, CancellationToken ct)
    {
        var found = new TaskCompletionSource<UnfinishedContent>(TaskCreationOptions.RunContinuationsAsynchronously);
        var commit = Catalog.WriteLazilyAsync(
            transaction =>
            {
                var taken = ContentRows.TakeOver(transaction, content);
                ticket.Keep(content);
                found.SetResult(taken);
                return true;
            },
            ct);
        if (await Task.WhenAny(commit, found.Task) == commit)
        {
            await commit;
        }

        return (await found.Task, commit);
    }

    /// <summary>Content that belongs to no tree.</summary>
    internal IContentSink Begin() => Begin(ChunkScope.House);

    internal ValueTask<IContentSink> ResumeAsync(long content, CancellationToken ct) => ResumeAsync(content, ChunkScope.House, ct);

    public ValueTask<int> ReadAsync(long content, long offset, Memory<byte> buffer, CancellationToken ct) =>
        Reader.ReadAsync(content, offset, buffer, ct);

    public ValueTask<int> ReadSomeAsync(long content, long offset, Memory<byte> buffer, CutChunk cut, CancellationToken ct) =>
        Reader.ReadSomeAsync(content, offset, buffer, cut, ct);

    public ValueTask<ContentDigest?> FindDigestAsync(long content, DigestAlgorithm algorithm, CancellationToken ct) => _digests.FindAsync(content, algorithm, ct);

    public async ValueTask<IReadOnlyList<ContentChunk>> ChunksAsync(long content, long offset, CancellationToken ct)
    {
        var plan = await Reader.PlanAsync(content, offset, ct);
        return offset < plan.End ? [.. plan.Chunks.Select(chunk => new ContentChunk(chunk.Hash, chunk.Start, chunk.Length, chunk.Id))] : [];
    }

    public async ValueTask<IReadOnlyList<ContentRun>> RunsAsync(long content, int most, CancellationToken ct)
    {
        var runs = new List<ContentRun>();
        for (long? from = 0; from is { } start && runs.Count < most;)
        {
            from = await Catalog.ReadAsync(reader => ContentRows.AddRuns(reader, content, start, runs), ct);
        }

        return runs.Count > most ? runs[..most] : runs;
    }

    private void TakeTail(ContentSink sink, in PlannedChunk tail)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(tail.Length);
        try
        {
            var bytes = buffer.AsSpan(0, tail.Length);
            Reader.ReadWhole(tail, bytes);
            sink.TakeTail(bytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public async ValueTask<byte[]> ReadChunkAsync(long chunk, CancellationToken ct)
    {
        // The place that was looked up stays until it is read.
        using var wide = Holds.TakeWide();
        var place = await Catalog.ReadAsync(reader => ChunkPlan.Find(reader, chunk), ct)
            ?? throw FluxException.NotFound("This piece is no longer there; send it again.");
        return Reader.ReadChunk(place);
    }

    /// <summary>A lane of its own for a big upload, while one is free; lane 0 is everybody's.</summary>
    internal int TakeLane()
    {
        for (var lane = 1; lane < CatalogLimits.ClientLanes; lane++)
        {
            if ((Interlocked.Or(ref _lanesTaken, 1 << lane) & (1 << lane)) == 0)
            {
                return lane;
            }
        }

        return 0;
    }

    internal void ReturnLane(int lane)
    {
        if (lane > 0)
        {
            Interlocked.And(ref _lanesTaken, ~(1 << lane));
        }
    }
}

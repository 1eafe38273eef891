using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Log;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Upkeep.Gc;

/// <summary>What the emptying of packs in one run shares.</summary>
/// <param name="Emptied">All packs that this run empties: nothing is folded onto them.</param>
/// <param name="RequireRoom">Throws NoSpace when so many bytes should not be written.</param>
internal sealed record EmptyingRun(
    SqliteCatalog Catalog, IPackStore Packs, Marker Marker, IReadOnlySet<long> Emptied, Throttle Throttle, Action<long> RequireRoom, Func<GcSeam, ValueTask> Seam);

/// <summary>Where a chunk's bytes are to be found from now on: at a copy, whose own row goes, or at a twin's place.</summary>
internal readonly record struct Move(ChunkRow Chunk, long Copy, Twin? Twin);

/// <summary>
/// Finds a durable place outside a pack for each of its live chunks: the place of another chunk with the same bytes,
/// read and compared, or else a copy that is written. Changes no row that anybody knows.
/// </summary>
internal sealed class LiveMover(EmptyingRun run, long pack)
{
    private readonly Dictionary<ChunkHash, Place> _places = [];

    public List<Move> Moves { get; } = [];

    public long BytesCopied { get; private set; }

    public long BytesFolded { get; private set; }

    /// <summary>False: a chunk that something refers to is damaged, and no other has its bytes.</summary>
    public async Task<bool> RunAsync(List<(long First, long Count)> ranges, CancellationToken ct)
    {
        using var file = run.Packs.Open(pack);
        foreach (var (first, rows) in PackChunks.Pages(ranges, UpkeepLimits.PageRows))
        {
            var live = await run.Catalog.ReadAsync(
                reader => PackChunks.Read(reader, pack, first, rows).Where(chunk => run.Marker.SeemsLive(chunk.Id)).ToList(), ct);
            await run.Seam(GcSeam.ChunksRead);
            if (!await PlaceAsync(file, live, ct))
            {
                return false;
            }

            Moves.AddRange(live.Select(chunk => new Move(chunk, _places[chunk.Hash].Copy, _places[chunk.Hash].Twin)));
            BytesFolded += live.DistinctBy(chunk => chunk.Offset).Where(IsFolded).Sum(chunk => (long)chunk.Stored);
        }

        return true;
    }

    /// <summary>Its bytes are found at a twin's place, or were copied from another place of this pack.</summary>
    private bool IsFolded(ChunkRow chunk) => _places[chunk.Hash] is var place && (place.Twin is not null || place.From != chunk.Offset);

    private async Task<bool> PlaceAsync(IPackReader file, List<ChunkRow> live, CancellationToken ct)
    {
        var batch = new List<ChunkRow>();
        var bytes = 0;
        foreach (var chunk in live.DistinctBy(chunk => chunk.Hash).Where(chunk => !_places.ContainsKey(chunk.Hash)))
        {
            if (await Twins.FindAsync(run.Catalog, run.Packs, chunk, other => !run.Emptied.Contains(other), ct) is { } twin)
            {
                _places.Add(chunk.Hash, new Place(chunk.Offset, 0, twin));
                await run.Throttle.SpendAsync(chunk.Stored, ct);
                continue;
            }

            if (batch.Count > 0 && bytes + chunk.Stored > UpkeepLimits.MoveBytes)
            {
                if (!await CopyAsync(file, batch, bytes, ct))
                {
                    return false;
                }

                (batch, bytes) = ([], 0);
            }

            batch.Add(chunk);
            bytes += chunk.Stored;
        }

        await run.Seam(GcSeam.TwinsFound);
        return batch.Count == 0 || await CopyAsync(file, batch, bytes, ct);
    }

    private async Task<bool> CopyAsync(IPackReader file, List<ChunkRow> batch, int bytes, CancellationToken ct)
    {
        var payload = new byte[bytes];
        var entries = new ChunkEntry[batch.Count];
        var filled = 0;
        for (var i = 0; i < batch.Count; i++)
        {
            var chunk = batch[i];
            if (!ChunkCheck.Read(file, chunk, payload.AsSpan(filled, chunk.Stored)))
            {
                await BadChunks.FlagAsync(run.Catalog, [chunk], ct);
                return false;
            }

            entries[i] = new ChunkEntry(chunk.Hash, chunk.Raw, chunk.Stored, (ChunkCodec)(chunk.Flags & ChunkFlags.CodecMask), chunk.Crc);
            filled += chunk.Stored;
            file.DontNeed(chunk.Offset, chunk.Stored);
        }

        // In no index: nobody can come to refer to the copy's own id.
        run.RequireRoom(bytes);
        var first = await run.Catalog.WriteAsync(transaction => transaction.AppendChunks(CatalogLimits.MovedLane, payload, entries, indexed: false), ct);
        for (var i = 0; i < batch.Count; i++)
        {
            _places.Add(batch[i].Hash, new Place(batch[i].Offset, first + i, null));
        }

        BytesCopied += bytes;
        await run.Seam(GcSeam.ChunksCopied);
        await run.Throttle.SpendAsync(bytes, ct);
        return true;
    }

    /// <param name="From">Where the bytes were, in this pack.</param>
    private readonly record struct Place(long From, long Copy, Twin? Twin);
}

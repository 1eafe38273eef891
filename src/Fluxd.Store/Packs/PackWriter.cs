using Fluxd.Store.Disk;

namespace Fluxd.Store.Packs;

/// <summary>Appends to one pack file.</summary>
internal sealed class PackWriter(IDiskFile file, long pack, StoreIdentity identity) : IPackWriter
{
    private readonly List<TrailerInfo> _trailers = [];
    private readonly List<ChunkEntry> _open = []; // room for as many as the biggest group had
    private long _segmentStart;
    private bool _isSealed;

    public long Pack => pack;

    public long Length { get; private set; }

    public IReadOnlyList<ChunkEntry> OpenChunks => _open;

    public bool NeedsSync { get; private set; }

    public bool IsSuspect { get; private set; }

    public long Append(ReadOnlySpan<byte> payload, ReadOnlySpan<ChunkEntry> chunks)
    {
        Refuse();
        long stored = 0;
        foreach (var chunk in chunks)
            stored += chunk.StoredLength;
        if (stored != payload.Length || payload.IsEmpty)
            throw new ArgumentException($"{chunks.Length} chunks of {stored} bytes were given with a payload of {payload.Length}.");
        var offset = Length;
        Write(payload, offset);
        Length += payload.Length;
        _open.AddRange(chunks);
        return offset;
    }

    public TrailerInfo FinishSegment(long group, long firstChunkId, ReadOnlySpan<byte> journal)
    {
        Refuse();
        if (_open.Count == 0 && journal.IsEmpty)
            throw new InvalidOperationException("A segment without chunks and journal says nothing.");
        var trailer = new TrailerInfo
        {
            Pack = pack,
            Segment = _trailers.Count,
            Group = group,
            FirstChunkId = firstChunkId,
            PayloadOffset = _segmentStart,
            PayloadLength = Length - _segmentStart,
            Offset = PackLayout.Align(Length),
            Previous = _trailers.Count == 0 ? TrailerInfo.NoPrevious : _trailers[^1].Offset,
            Chunks = [.. _open],
            JournalLength = journal.Length,
        };
        if (trailer.Length > StoreLimits.TrailerBytesMax)
            throw new ArgumentException($"A trailer of {trailer.Length} bytes is over the limit of {StoreLimits.TrailerBytesMax}.");
        // Padding before the trailer is a hole of zeros: the file grows past it.
        Write(TrailerFormat.Encode(trailer, journal, identity), trailer.Offset);
        _trailers.Add(trailer);
        _open.Clear();
        Length = _segmentStart = trailer.End;
        return trailer;
    }

    public void Sync()
    {
        Refuse();
        Attempt(file.Sync);
        NeedsSync = false;
        StoreMetrics.Synced();
    }

    public void Seal()
    {
        Refuse();
        if (_open.Count > 0)
            throw new InvalidOperationException("Finish the segment before sealing its pack.");
        try
        {
            Write(FooterFormat.Encode(pack, Length, _trailers, identity), Length);
        }
        catch (DiskException e) when (e.Fault == DiskFault.Full)
        {
            // Nothing is behind the footer, and before it nothing was touched: the same may be tried again.
            IsSuspect = false;
            throw;
        }

        Sync();
        _isSealed = true;
    }

    public void Dispose() => file.Dispose();

    private void Write(ReadOnlySpan<byte> data, long offset)
    {
        try
        {
            NeedsSync = true;
            file.Write(data, offset);
        }
        catch
        {
            IsSuspect = true;
            throw;
        }
    }

    private void Attempt(Action action)
    {
        try
        {
            action();
        }
        catch
        {
            IsSuspect = true;
            throw;
        }
    }

    private void Refuse()
    {
        if (IsSuspect)
            throw new InvalidOperationException($"Pack {pack:x16} failed before: it takes nothing more.");
        if (_isSealed)
            throw new InvalidOperationException($"Pack {pack:x16} is sealed.");
    }
}

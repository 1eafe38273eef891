using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;

namespace Fluxd.Store.Catalog.Log;

/// <summary>
/// Makes a group durable: its chunks, their trailers, and in the last trailer the record of the whole group. That
/// last trailer is written when all the group's other packs are synced, so a record that verifies, with payload that
/// verifies beside it, proves the group. Most groups touch one pack and cost one sync. The committer's thread only.
/// </summary>
internal sealed class CommitLog : IDisposable
{
    /// <summary>Chunks of small files are joined up to here before they are written: one call instead of a hundred.</summary>
    private const int JoinBytes = 1 << 20;

    private readonly IPackStore _packs;
    private readonly PackLane[] _lanes;
    private readonly byte[] _join = new byte[JoinBytes];
    private readonly List<ChunkEntry> _joined = [];
    private readonly Dictionary<long, long> _suspects = []; // to where each is committed

    /// <param name="nextPack">The first id that no pack ever had.</param>
    internal CommitLog(IPackStore packs, long nextPack, long packBytes)
    {
        _packs = packs;
        NextPack = nextPack;
        _lanes = [.. Enumerable.Range(0, CatalogLimits.Lanes).Select(_ => new PackLane(packs, () => NextPack++, packBytes))];
    }

    /// <summary>The id that the next new pack gets.</summary>
    internal long NextPack { get; private set; }

    /// <summary>Writes and syncs. After a failure the group's bytes are written once more, to new packs, and read back.</summary>
    /// <exception cref="LogFailedException">Neither worked.</exception>
    internal IReadOnlyList<TrailerInfo> Write(long group, IReadOnlyList<StagedChunks> staged, int schema, long previous, ReadOnlyMemory<byte> changes)
    {
        var attempt = new Attempt(this, group);
        try
        {
            return attempt.Run(staged, schema, previous, changes);
        }
        catch (Exception first) when (first is DiskException or InvalidOperationException)
        {
            attempt.Abandon();
            return WriteAgain(group, staged, schema, previous, changes, first);
        }
        catch
        {
            // A fault of the program's own: the next group must not find chunks of this one in an open segment.
            attempt.Abandon();
            throw;
        }
    }

    private List<TrailerInfo> WriteAgain(
        long group, IReadOnlyList<StagedChunks> staged, int schema, long previous, ReadOnlyMemory<byte> changes, Exception first)
    {
        var attempt = new Attempt(this, group);
        try
        {
            var written = attempt.Run(staged, schema, previous, changes);
            foreach (var segment in written)
            {
                // A disk that failed once is not believed: what the kernel holds is let go, and read from the disk.
                using (var reader = _packs.Open(segment.Pack))
                {
                    reader.DontNeed(segment.PayloadOffset, segment.End - segment.PayloadOffset);
                }

                if (_packs.Verify(segment, rehash: true).Count > 0)
                {
                    throw new DiskException(DiskFault.Failed, "verify", "pack", "what was written does not read back");
                }
            }

            return written;
        }
        catch (Exception second) when (second is DiskException or InvalidOperationException or PackDamagedException)
        {
            attempt.Abandon();
            throw new LogFailedException(first);
        }
        catch
        {
            attempt.Abandon();
            throw;
        }
    }

    /// <summary>
    /// Closes packs that failed: what was committed before stays, what was not is cut, so that a full disk gets its
    /// room back; a pack with nothing committed goes. Those that can't be closed now are closed at the next start.
    /// </summary>
    /// <returns>All of them could be cut: nothing of the failed group is on the disk.</returns>
    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "Whatever it was: the caller writes no more before the next start has looked.")]
    internal bool CloseSuspects(out List<(long Pack, long Length)> closed)
    {
        closed = [];
        var all = true;
        foreach (var (pack, committed) in _suspects)
        {
            var isCut = false;
            try
            {
                _packs.Cut(pack, committed);
                isCut = true;
                if (committed > 0)
                {
                    SealCut(pack, committed);
                    closed.Add((pack, committed));
                }
            }
            catch (Exception)
            {
                // The disk is full or in trouble: the next start has another look.
                all &= isCut;
            }
        }

        _suspects.Clear();
        return all;
    }

    private void SealCut(long pack, long committed)
    {
        var keep = _packs.Scan(pack, 0).ToList();
        if (keep.Count == 0 || keep[^1].End != committed)
        {
            throw new PackDamagedException(pack, committed, "a segment that was committed no longer verifies");
        }

        _packs.SealLeftOpen(pack, keep);
    }

    /// <summary>Closes full packs. The group that filled them is committed; nobody waits for this.</summary>
    internal IReadOnlyList<long> SealFull() => [.. _lanes.SelectMany(lane => lane.SealFull())];

    internal IReadOnlyList<long> SealAll() => [.. _lanes.SelectMany(lane => lane.SealAll())];

    /// <summary>Both in one piece: where they stand together already, as the chunks of an upload's buffer do, without a copy.</summary>
    private ReadOnlyMemory<byte> Join(ReadOnlyMemory<byte> run, ReadOnlyMemory<byte> piece)
    {
        if (run.IsEmpty)
        {
            return piece;
        }

        if (MemoryMarshal.TryGetArray(run, out var first) && MemoryMarshal.TryGetArray(piece, out var second)
            && first.Array == second.Array && first.Offset + first.Count == second.Offset)
        {
            return new ReadOnlyMemory<byte>(first.Array, first.Offset, first.Count + second.Count);
        }

        if (!run.Span.Overlaps(_join))
        {
            run.CopyTo(_join);
        }

        piece.CopyTo(_join.AsMemory(run.Length));
        return _join.AsMemory(0, run.Length + piece.Length);
    }

    public void Dispose()
    {
        foreach (var lane in _lanes)
        {
            lane.Dispose();
        }
    }

    /// <summary>One try at writing one group.</summary>
    private sealed class Attempt(CommitLog log, long group)
    {
        private readonly List<TrailerInfo> _written = [];
        private readonly Dictionary<IPackWriter, OpenSegment> _open = [];
        private readonly Dictionary<IPackWriter, long> _touched = []; // to where each was committed before

        internal List<TrailerInfo> Run(IReadOnlyList<StagedChunks> staged, int schema, long previous, ReadOnlyMemory<byte> changes)
        {
            foreach (var lane in staged.GroupBy(chunks => chunks.Lane))
            {
                AppendLane(log._lanes[lane.Key], lane);
            }

            var last = _open.Count > 0 ? _open.Keys.Last() : log._lanes[0].Current;
            foreach (var writer in _open.Keys.Where(writer => writer != last).ToList())
            {
                Finish(writer, default);
            }

            // Segments that ended before, because ids broke off, may be in packs that have nothing open now.
            foreach (var writer in _touched.Keys.Where(writer => writer != last && writer.NeedsSync))
            {
                writer.Sync();
            }

            var others = _written.Select(segment => new SegmentRef(
                segment.Pack, segment.Segment, segment.FirstChunkId, segment.Chunks.Count));
            var record = new GroupRecord(schema, previous, [.. others], changes).Encode();
            _touched.TryAdd(last, last.Length);
            Finish(last, record);
            last.Sync();
            return _written;
        }

        internal void Abandon()
        {
            foreach (var (writer, committed) in _touched)
            {
                log._suspects[writer.Pack] = committed;
                foreach (var lane in log._lanes)
                {
                    lane.Abandon(writer);
                }
            }
        }

        private void AppendLane(PackLane lane, IEnumerable<StagedChunks> pieces)
        {
            // An attempt that failed may have left its own.
            log._joined.Clear();
            ReadOnlyMemory<byte> run = default;
            var next = 0L;
            foreach (var piece in pieces)
            {
                if (!run.IsEmpty && (piece.FirstId != next || run.Length + piece.Payload.Length > JoinBytes))
                {
                    Append(lane, next - log._joined.Count, run.Span);
                    run = default;
                }

                run = log.Join(run, piece.Payload);
                next = piece.FirstId + piece.Chunks.Length;
                log._joined.AddRange(piece.Chunks);
            }

            if (!run.IsEmpty)
            {
                Append(lane, next - log._joined.Count, run.Span);
            }
        }

        /// <summary>Appends what is in <c>_joined</c>, ids from <paramref name="firstId"/> on.</summary>
        private void Append(PackLane lane, long firstId, ReadOnlySpan<byte> payload)
        {
            // Asking first makes the pack, so that a failure knows whom to abandon.
            var writer = lane.CurrentFor(payload.Length);
            _touched.TryAdd(writer, writer.Length);
            if (_open.TryGetValue(writer, out var open) && open.NextId != firstId)
            {
                Finish(writer, default);
            }

            writer.Append(payload, CollectionsMarshal.AsSpan(log._joined));
            if (!_open.TryGetValue(writer, out var segment))
            {
                _open.Add(writer, segment = new OpenSegment { FirstId = firstId, NextId = firstId });
            }

            segment.NextId += log._joined.Count;
            log._joined.Clear();
        }

        private void Finish(IPackWriter writer, ReadOnlySpan<byte> record)
        {
            _open.Remove(writer, out var segment);
            _written.Add(writer.FinishSegment(group, segment?.FirstId ?? 0, record));
        }
    }

    private sealed class OpenSegment
    {
        internal required long FirstId { get; init; }

        internal required long NextId { get; set; }
    }
}

/// <summary>A group could not be made durable: neither at first nor in new packs.</summary>
internal sealed class LogFailedException(Exception cause) : Exception("The group could not be written to the packs.", cause)
{
    internal bool IsDiskFull => InnerException is DiskException { Fault: DiskFault.Full };
}

using System.Buffers;
using System.Runtime.InteropServices;
using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Store.Content;

/// <summary>One chunk of an extent: bytes that came in, or a chunk of other content that is shared.</summary>
internal struct ExtentChunk
{
    /// <summary>Where its bytes are in the extent's buffer; unused when it is shared.</summary>
    internal int Offset;
    internal int Length;
    internal long SharedId;
    internal ChunkHash Hash;
    internal ChunkCodec Codec;
    internal ReadOnlyMemory<byte> Stored;

    /// <summary>Of <see cref="Stored"/>.</summary>
    internal uint Crc;
}

/// <summary>
/// A stretch of a file on its way into the packs: chunks in order, hashed and compressed on the pool, then looked up
/// and appended on the committer's thread. Its buffers are held until the commit is durable: till then the bytes can
/// be written again elsewhere, and a chunk that was known and went away can be written after all.
/// </summary>
internal sealed class Extent
{
    private readonly List<ExtentChunk> _chunks = [];

    internal Extent(long start) => Start = start;

    /// <summary>Its place in the content.</summary>
    internal long Start { get; }

    internal long Length { get; private set; }

    internal int Count => _chunks.Count;

    internal bool HasShared => _chunks.Exists(chunk => chunk.SharedId != 0);

    /// <summary>The same chunks, to which others can be added without touching this.</summary>
    internal Extent Copy()
    {
        var copy = new Extent(Start) { Length = Length };
        copy._chunks.AddRange(_chunks);
        return copy;
    }

    /// <summary>The place of a chunk in the content.</summary>
    internal long StartOf(int index)
    {
        var start = Start;
        for (var i = 0; i < index; i++)
        {
            start += _chunks[i].Length;
        }

        return start;
    }

    internal void Add(int offset, int length)
    {
        _chunks.Add(new ExtentChunk { Offset = offset, Length = length });
        Length += length;
    }

    internal void AddShared(long id, in ChunkHash hash, int length)
    {
        _chunks.Add(new ExtentChunk { SharedId = id, Hash = hash, Length = length });
        Length += length;
    }

    /// <summary>The hashes of what came in. Pool work; needed before all that follows.</summary>
    internal List<ChunkHash> Hash(byte[] buffer)
    {
        var hashes = new List<ChunkHash>(_chunks.Count);
        foreach (ref var chunk in CollectionsMarshal.AsSpan(_chunks))
        {
            if (chunk.SharedId == 0)
            {
                chunk.Stored = buffer.AsMemory(chunk.Offset, chunk.Length);
                chunk.Hash = ChunkHash.Of(chunk.Stored.Span);

                // Now, while the processor's cache still has it.
                chunk.Crc = Crc32C.Of(chunk.Stored.Span);
                hashes.Add(chunk.Hash);
            }
        }

        return hashes;
    }

    /// <summary>Compresses what gains by it, except what the writer has already. Pool work.</summary>
    /// <param name="inPlace">Over the bytes themselves, which are needed no more.</param>
    internal void Compress(ChunkClass chunkClass, CompressionMode mode, HashSet<ChunkHash> known, bool inPlace)
    {
        var aside = ArrayPool<byte>.Shared.Rent(_chunks.Count == 0 ? 0 : _chunks.Max(chunk => chunk.Length));
        foreach (ref var chunk in CollectionsMarshal.AsSpan(_chunks))
        {
            if (chunk.SharedId != 0 || known.Contains(chunk.Hash))
            {
                continue;
            }

            chunk.Codec = ChunkEncoder.Encode(chunk.Stored.Span, chunkClass, mode, aside, out var stored);
            if (chunk.Codec != ChunkCodec.Raw)
            {
                if (inPlace)
                {
                    aside.AsSpan(0, stored).CopyTo(MemoryMarshal.AsMemory(chunk.Stored).Span);
                }

                chunk.Stored = inPlace ? chunk.Stored[..stored] : aside.AsSpan(0, stored).ToArray();
                chunk.Crc = Crc32C.Of(chunk.Stored.Span);
            }
        }

        ArrayPool<byte>.Shared.Return(aside);
    }

    /// <summary>The content's root after this extent. Needs <see cref="Hash"/>.</summary>
    internal RootHash ExtendRoot(RootHash root) => _chunks.Aggregate(root, (sofar, chunk) => sofar.Append(chunk.Hash, chunk.Length));

    /// <summary>The chunks' ids: those that the writer may find, and new ones. All are the tree's own then. On the committer's thread.</summary>
    /// <param name="indexed">False for the uncut end of an unfinished upload, which nobody should find.</param>
    internal long[] Place(CatalogTransaction transaction, int lane, ChunkScope scope, bool indexed = true)
    {
        var ids = new long[_chunks.Count];

        // What this call appends: ids in a row, as nobody else's write runs meanwhile.
        var (fresh, end) = (0L, 0L);
        Func<long, long?> next = Next; // once, not for each chunk
        for (var i = 0; i < ids.Length; i++)
        {
            if (Find(transaction, _chunks[i], next) is { } known)
            {
                ids[i] = known;
                StoreMetrics.KnownChunk(_chunks[i].Length);
                continue;
            }

            ids[i] = Append(transaction, lane, _chunks[i], indexed);
            StoreMetrics.StoredChunk(_chunks[i].Length, _chunks[i].Stored.Length);
            (fresh, end) = (end == 0 ? ids[i] : fresh, ids[i] + 1);
        }

        if (indexed)
        {
            Own(transaction, scope.Tree, ids);
        }

        return ids;

        long? Next(long id)
        {
            var known = scope.Next(transaction, id);
            var mine = Math.Max(id, fresh);
            return mine < end && !(known < mine) ? mine : known;
        }
    }

    private static void Own(CatalogTransaction transaction, IdSet tree, long[] ids)
    {
        for (int i = 0, next; i < ids.Length; i = next)
        {
            for (next = i + 1; next < ids.Length && ids[next] == ids[next - 1] + 1; next++)
            {
            }

            tree.Add(transaction, ids[i], next - i);
        }
    }

    private static long? Find(CatalogTransaction transaction, in ExtentChunk chunk, Func<long, long?> next)
    {
        if (chunk.SharedId == 0)
        {
            return transaction.FindChunk(chunk.Hash, next);
        }

        // What it was shared from may have been removed for good since: then so may the chunk.
        return transaction.KeepChunk(chunk.SharedId) ? chunk.SharedId : transaction.FindChunk(chunk.Hash, next) ?? throw new FluxException(
            FluxError.Conflict, "The file that this copy was made from was removed meanwhile; try again.");
    }

    private static long Append(CatalogTransaction transaction, int lane, in ExtentChunk chunk, bool indexed) => transaction.AppendChunks(
        lane,
        chunk.Stored,
        [new ChunkEntry(chunk.Hash, chunk.Length, chunk.Stored.Length, chunk.Codec, chunk.Crc)],
        indexed);
}

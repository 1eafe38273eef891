using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;
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
}

/// <summary>
/// A stretch of a file on its way into the packs: chunks in order, hashed and compressed on the pool, then looked up
/// and appended on the committer's thread. Its buffers are held until the commit is durable: till then the bytes can
/// be written again elsewhere, and a chunk that was known and went away can be written after all.
/// </summary>
internal sealed class Extent
{
    private readonly List<ExtentChunk> _chunks = [];
    private byte[]? _compressed;

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

    /// <summary>Hashes every chunk, and compresses those that may be new and gain by it. Pool work.</summary>
    internal void Prepare(byte[] buffer, ChunkClass chunkClass, CompressionMode mode, Func<ChunkHash, bool> mayBeKnown)
    {
        var used = 0;
        for (var i = 0; i < _chunks.Count; i++)
        {
            var chunk = _chunks[i];
            if (chunk.SharedId != 0)
            {
                continue;
            }

            var raw = buffer.AsMemory(chunk.Offset, chunk.Length);
            chunk.Hash = ChunkHash.Of(raw.Span);
            chunk.Stored = raw;
            if (mode != CompressionMode.Off && !mayBeKnown(chunk.Hash))
            {
                _compressed ??= GC.AllocateUninitializedArray<byte>((int)Length);
                chunk.Codec = ChunkEncoder.Encode(raw.Span, chunkClass, mode, _compressed.AsSpan(used, raw.Length), out var stored);
                if (chunk.Codec != ChunkCodec.Raw)
                {
                    chunk.Stored = _compressed.AsMemory(used, stored);
                    used += stored;
                }
            }

            _chunks[i] = chunk;
        }
    }

    /// <summary>The content's root after this extent. Needs <see cref="Prepare"/>.</summary>
    internal RootHash ExtendRoot(RootHash root) => _chunks.Aggregate(root, (sofar, chunk) => sofar.Append(chunk.Hash, chunk.Length));

    /// <summary>The chunks' ids, new ones appended. On the committer's thread.</summary>
    internal long[] Place(CatalogTransaction transaction, int lane, bool indexed = true)
    {
        var ids = new long[_chunks.Count];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = PlaceOne(transaction, lane, _chunks[i], indexed);
        }

        return ids;
    }

    private static long PlaceOne(CatalogTransaction transaction, int lane, in ExtentChunk chunk, bool indexed)
    {
        if (chunk.SharedId == 0)
        {
            return transaction.FindChunk(chunk.Hash) ?? Append(transaction, lane, chunk, indexed);
        }

        // What it was shared from may have been removed for good since: then so may the chunk.
        return transaction.KeepChunk(chunk.SharedId) ? chunk.SharedId : transaction.FindChunk(chunk.Hash) ?? throw new FluxException(
            FluxError.Conflict, "The file that this copy was made from was removed meanwhile; try again.");
    }

    private static long Append(CatalogTransaction transaction, int lane, in ExtentChunk chunk, bool indexed) => transaction.AppendChunks(
        lane,
        chunk.Stored,
        [new ChunkEntry(chunk.Hash, chunk.Length, chunk.Stored.Length, chunk.Codec, Crc32C.Of(chunk.Stored.Span))],
        indexed);
}

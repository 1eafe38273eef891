using System.Buffers.Binary;
using Fluxd.Core.Chunking;

namespace Fluxd.Store.Packs;

/// <summary>
/// A trailer's bytes: header, chunk table, journal record, HMAC-SHA-256, CRC32C (docs/store-format.md). Pure functions.
/// A payload may hold anything, trailers of this very store included, so a trailer counts only when the HMAC over its
/// content (with pack id, own offset and group number) verifies.
/// </summary>
internal static class TrailerFormat
{
    public const int HeaderBytes = 128;
    public const int EntryBytes = 48;

    private const int ClosingBytes = StoreIdentity.SealBytes + sizeof(uint);
    private const uint Version = 1;

    public static ReadOnlySpan<byte> Magic => "fluxdSEG"u8;

    public static int LengthOf(int chunks, int journal) => checked(HeaderBytes + chunks * EntryBytes + journal + ClosingBytes);

    /// <summary>The trailer, padded with zeros to the next boundary.</summary>
    public static byte[] Encode(TrailerInfo trailer, ReadOnlySpan<byte> journal, StoreIdentity identity)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(journal.Length, trailer.JournalLength);
        var bytes = new byte[trailer.End - trailer.Offset];
        WriteHeader(bytes, trailer, identity);
        var at = HeaderBytes;
        foreach (var chunk in trailer.Chunks)
        {
            WriteEntry(bytes.AsSpan(at), chunk);
            at += EntryBytes;
        }
        journal.CopyTo(bytes.AsSpan(at));
        at += journal.Length;
        identity.Seal(bytes.AsSpan(0, at), bytes.AsSpan(at));
        at += StoreIdentity.SealBytes;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), Crc32C.Of(bytes.AsSpan(0, at)));
        return bytes;
    }

    /// <summary>The trailer's length, if these bytes (at least <see cref="HeaderBytes"/>) look like the header of a
    /// trailer that this store wrote at this place; 0 if not. Nothing is proven yet.</summary>
    public static int PeekLength(ReadOnlySpan<byte> header, long pack, long offset, StoreIdentity identity)
    {
        if (header.Length < HeaderBytes || !header.StartsWith(Magic) || ReadHeader(header, identity) is not { } trailer)
            return 0;
        return trailer.Info.Pack == pack && trailer.Info.Offset == offset ? trailer.Length : 0;
    }

    /// <summary>The trailer in <paramref name="bytes"/> (exactly its length), or null when anything about it is wrong.</summary>
    public static TrailerInfo? Decode(ReadOnlySpan<byte> bytes, long pack, long offset, StoreIdentity identity)
    {
        if (bytes.IsEmpty || PeekLength(bytes, pack, offset, identity) != bytes.Length)
            return null;
        var sealedBytes = bytes[..^ClosingBytes];
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[^sizeof(uint)..]) != Crc32C.Of(bytes[..^sizeof(uint)])
            || !identity.IsSealed(sealedBytes, bytes[sealedBytes.Length..^sizeof(uint)]))
        {
            return null;
        }
        var (info, count, _) = ReadHeader(bytes, identity)!.Value;
        var chunks = new ChunkEntry[count];
        long stored = 0;
        for (var i = 0; i < count; i++)
        {
            chunks[i] = ReadEntry(bytes[(HeaderBytes + i * EntryBytes)..]);
            stored += chunks[i].StoredLength;
        }
        return stored == info.PayloadLength ? info with { Chunks = chunks } : null;
    }

    /// <summary>The journal record of a trailer that <see cref="Decode"/> accepted.</summary>
    public static ReadOnlySpan<byte> JournalOf(ReadOnlySpan<byte> bytes, TrailerInfo trailer) =>
        bytes.Slice(HeaderBytes + trailer.Chunks.Count * EntryBytes, trailer.JournalLength);

    private static void WriteHeader(Span<byte> to, TrailerInfo trailer, StoreIdentity identity)
    {
        Magic.CopyTo(to);
        BinaryPrimitives.WriteUInt32LittleEndian(to[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(to[12..], (uint)trailer.Length);
        identity.Uuid.TryWriteBytes(to[16..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(to[32..], trailer.Pack);
        BinaryPrimitives.WriteInt64LittleEndian(to[40..], trailer.Group);
        BinaryPrimitives.WriteInt64LittleEndian(to[48..], trailer.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(to[56..], trailer.Previous);
        BinaryPrimitives.WriteInt64LittleEndian(to[64..], trailer.PayloadOffset);
        BinaryPrimitives.WriteInt64LittleEndian(to[72..], trailer.PayloadLength);
        BinaryPrimitives.WriteInt64LittleEndian(to[80..], trailer.FirstChunkId);
        BinaryPrimitives.WriteInt32LittleEndian(to[88..], trailer.Segment);
        BinaryPrimitives.WriteInt32LittleEndian(to[92..], trailer.Chunks.Count);
        BinaryPrimitives.WriteInt32LittleEndian(to[96..], trailer.JournalLength);
    }

    /// <summary>Null when a number is impossible: what is returned can be computed with.</summary>
    private static (TrailerInfo Info, int Chunks, int Length)? ReadHeader(ReadOnlySpan<byte> from, StoreIdentity identity)
    {
        var info = new TrailerInfo
        {
            Pack = BinaryPrimitives.ReadInt64LittleEndian(from[32..]),
            Group = BinaryPrimitives.ReadInt64LittleEndian(from[40..]),
            Offset = BinaryPrimitives.ReadInt64LittleEndian(from[48..]),
            Previous = BinaryPrimitives.ReadInt64LittleEndian(from[56..]),
            PayloadOffset = BinaryPrimitives.ReadInt64LittleEndian(from[64..]),
            PayloadLength = BinaryPrimitives.ReadInt64LittleEndian(from[72..]),
            FirstChunkId = BinaryPrimitives.ReadInt64LittleEndian(from[80..]),
            Segment = BinaryPrimitives.ReadInt32LittleEndian(from[88..]),
            Chunks = [],
            JournalLength = BinaryPrimitives.ReadInt32LittleEndian(from[96..]),
        };
        var chunks = BinaryPrimitives.ReadInt32LittleEndian(from[92..]);
        var length = BinaryPrimitives.ReadInt32LittleEndian(from[12..]);
        var isPossible = BinaryPrimitives.ReadUInt32LittleEndian(from[8..]) == Version
            && new Guid(from.Slice(16, 16), bigEndian: true) == identity.Uuid
            && chunks is >= 0 and <= StoreLimits.SegmentChunksMax
            && info.JournalLength is >= 0 and <= StoreLimits.TrailerBytesMax
            && length is > 0 and <= StoreLimits.TrailerBytesMax
            && length == (long)HeaderBytes + (long)chunks * EntryBytes + info.JournalLength + ClosingBytes
            && info.PayloadOffset >= 0 && info.PayloadLength >= 0
            && info.PayloadLength <= info.Offset && info.PayloadOffset <= info.Offset - info.PayloadLength;
        return isPossible ? (info, chunks, length) : null;
    }

    private static void WriteEntry(Span<byte> to, ChunkEntry chunk)
    {
        chunk.Hash.CopyTo(to);
        BinaryPrimitives.WriteInt32LittleEndian(to[32..], chunk.RawLength);
        BinaryPrimitives.WriteInt32LittleEndian(to[36..], chunk.StoredLength);
        BinaryPrimitives.WriteUInt32LittleEndian(to[40..], chunk.Crc);
        to[44] = (byte)chunk.Codec;
    }

    private static ChunkEntry ReadEntry(ReadOnlySpan<byte> from) => new(
        new ChunkHash(from[..ChunkHash.Size]),
        BinaryPrimitives.ReadInt32LittleEndian(from[32..]),
        BinaryPrimitives.ReadInt32LittleEndian(from[36..]),
        (ChunkCodec)from[44],
        BinaryPrimitives.ReadUInt32LittleEndian(from[40..]));
}

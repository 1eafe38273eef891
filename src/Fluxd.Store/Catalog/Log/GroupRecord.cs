using System.Buffers.Binary;
using System.IO.Compression;

namespace Fluxd.Store.Catalog.Log;

/// <summary>One segment of a group: enough to know that it is all there.</summary>
internal readonly record struct SegmentRef(long Pack, int Segment, long FirstChunkId, int Chunks);

/// <summary>
/// The journal record of a group commit, carried by the group's last trailer: which other segments belong to it and
/// which rows it changed. Whoever has a catalogue as of the group before and this record has the catalogue as of the
/// group. Little-endian; described in docs/store-format.md.
/// </summary>
/// <param name="Schema">The catalogue's schema when it was written: an older one is migrated before it is played.</param>
/// <param name="Previous">The group before it: a record is played only on that.</param>
/// <param name="Segments">The group's other segments, the one that carries this record not among them.</param>
/// <param name="Changes">A changeset of SQLite's session extension; may be empty.</param>
internal sealed record GroupRecord(int Schema, long Previous, IReadOnlyList<SegmentRef> Segments, ReadOnlyMemory<byte> Changes)
{
    private const int Plain = 1;

    /// <summary>The changes are a zlib stream: rows of names, times and ids shrink to a third, and with them nearly all
    /// groups of small files fit into one page instead of two.</summary>
    private const int Compressed = 2;

    /// <summary>With less than this a trailer fits into its one page as it is.</summary>
    private const int CompressFrom = 2 << 10;

    private const int HeaderBytes = 24;
    private const int SegmentBytes = 24;

    internal byte[] Encode()
    {
        var compressed = Changes.Length >= CompressFrom ? Compress(Changes.Span) : null;
        var isSmaller = compressed is not null && compressed.Length < Changes.Length;
        var changes = isSmaller ? compressed : Changes;
        var bytes = new byte[HeaderBytes + (Segments.Count * SegmentBytes) + changes.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, isSmaller ? Compressed : Plain);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Schema);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), Previous);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), Segments.Count);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), changes.Length);
        var at = HeaderBytes;
        foreach (var segment in Segments)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), segment.Pack);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at + 8), segment.FirstChunkId);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 16), segment.Segment);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 20), segment.Chunks);
            at += SegmentBytes;
        }

        changes.CopyTo(bytes.AsMemory(at));
        return bytes;
    }

    /// <summary>Null when the bytes are no record of a version that is known here.</summary>
    internal static GroupRecord? Decode(ReadOnlyMemory<byte> bytes)
    {
        var span = bytes.Span;
        if (span.Length < HeaderBytes || BinaryPrimitives.ReadInt32LittleEndian(span) is not (Plain or Compressed))
        {
            return null;
        }

        var count = BinaryPrimitives.ReadInt32LittleEndian(span[16..]);
        var changes = BinaryPrimitives.ReadInt32LittleEndian(span[20..]);
        if (count < 0 || changes < 0 || HeaderBytes + ((long)count * SegmentBytes) + changes != span.Length)
        {
            return null;
        }

        var segments = new SegmentRef[count];
        for (var i = 0; i < count; i++)
        {
            var at = span[(HeaderBytes + (i * SegmentBytes))..];
            segments[i] = new SegmentRef(
                BinaryPrimitives.ReadInt64LittleEndian(at),
                BinaryPrimitives.ReadInt32LittleEndian(at[16..]),
                BinaryPrimitives.ReadInt64LittleEndian(at[8..]),
                BinaryPrimitives.ReadInt32LittleEndian(at[20..]));
        }

        var isCompressed = BinaryPrimitives.ReadInt32LittleEndian(span) == Compressed;
        return (isCompressed ? Decompress(bytes[^changes..]) : bytes[^changes..]) is { } rows
            ? new GroupRecord(BinaryPrimitives.ReadInt32LittleEndian(span[4..]), BinaryPrimitives.ReadInt64LittleEndian(span[8..]), segments, rows)
            : null;
    }

    private static byte[] Compress(ReadOnlySpan<byte> changes)
    {
        using var to = new MemoryStream();
        using (var zlib = new ZLibStream(to, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(changes);
        }

        return to.ToArray();
    }

    /// <summary>Null when it is no zlib stream, or more than any group may change.</summary>
    private static ReadOnlyMemory<byte>? Decompress(ReadOnlyMemory<byte> compressed)
    {
        using var zlib = new ZLibStream(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress);
        using var rows = new MemoryStream();
        try
        {
            var piece = new byte[64 << 10];
            while (zlib.Read(piece) is > 0 and var got)
            {
                if (rows.Length + got > CatalogLimits.GroupChangesBytesMax)
                {
                    return null;
                }

                rows.Write(piece, 0, got);
            }

            return rows.ToArray();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}

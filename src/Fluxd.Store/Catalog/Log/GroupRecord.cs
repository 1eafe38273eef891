using System.Buffers.Binary;

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
    private const int Version = 1;
    private const int HeaderBytes = 24;
    private const int SegmentBytes = 24;

    internal byte[] Encode()
    {
        var bytes = new byte[HeaderBytes + (Segments.Count * SegmentBytes) + Changes.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Version);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Schema);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), Previous);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), Segments.Count);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), Changes.Length);
        var at = HeaderBytes;
        foreach (var segment in Segments)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), segment.Pack);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at + 8), segment.FirstChunkId);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 16), segment.Segment);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 20), segment.Chunks);
            at += SegmentBytes;
        }

        Changes.CopyTo(bytes.AsMemory(at));
        return bytes;
    }

    /// <summary>Null when the bytes are no record of a version that is known here.</summary>
    internal static GroupRecord? Decode(ReadOnlyMemory<byte> bytes)
    {
        var span = bytes.Span;
        if (span.Length < HeaderBytes || BinaryPrimitives.ReadInt32LittleEndian(span) != Version)
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

        return new GroupRecord(
            BinaryPrimitives.ReadInt32LittleEndian(span[4..]), BinaryPrimitives.ReadInt64LittleEndian(span[8..]), segments, bytes[^changes..]);
    }
}

using System.Buffers.Binary;

namespace Fluxd.Store.Packs;

/// <summary>
/// The footer of a sealed pack: where its trailers are, so that a reader needs no search. It holds nothing that the
/// trailers don't; a pack whose footer is lost is scanned instead. Pure functions (docs/store-format.md).
/// </summary>
internal static class FooterFormat
{
    /// <summary>The file's last bytes: the footer's offset and a magic.</summary>
    public const int TailBytes = 16;

    private const int HeaderBytes = 64;
    private const int EntryBytes = 16;
    private const int ClosingBytes = StoreIdentity.SealBytes + sizeof(uint);
    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "fluxdEND"u8;

    private static ReadOnlySpan<byte> TailMagic => "fluxdTAI"u8;

    /// <summary>The footer that begins at <paramref name="offset"/> (a boundary) and ends with the file.</summary>
    public static byte[] Encode(long pack, long offset, IReadOnlyList<TrailerInfo> trailers, StoreIdentity identity)
    {
        var length = HeaderBytes + trailers.Count * EntryBytes + ClosingBytes;
        var bytes = new byte[PackLayout.Align(length + TailBytes)];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), length);
        identity.Uuid.TryWriteBytes(bytes.AsSpan(16), bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), pack);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(40), offset);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(48), trailers.Count);
        for (var i = 0; i < trailers.Count; i++)
        {
            var entry = bytes.AsSpan(HeaderBytes + i * EntryBytes);
            BinaryPrimitives.WriteInt64LittleEndian(entry, trailers[i].Offset);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], trailers[i].Length);
        }
        var end = length - ClosingBytes;
        identity.Seal(bytes.AsSpan(0, end), bytes.AsSpan(end));
        end += StoreIdentity.SealBytes;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(end), Crc32C.Of(bytes.AsSpan(0, end)));
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(bytes.Length - TailBytes), offset);
        TailMagic.CopyTo(bytes.AsSpan(bytes.Length - TailBytes + sizeof(long)));
        return bytes;
    }

    /// <summary>The footer's offset by the file's last <see cref="TailBytes"/>, or -1.</summary>
    public static long PeekOffset(ReadOnlySpan<byte> tail, long fileLength)
    {
        if (tail.Length != TailBytes || !tail[sizeof(long)..].SequenceEqual(TailMagic))
            return -1;
        var offset = BinaryPrimitives.ReadInt64LittleEndian(tail);
        return offset >= 0 && offset < fileLength && offset % PackLayout.Alignment == 0
            && fileLength - offset <= StoreLimits.TrailerBytesMax ? offset : -1;
    }

    /// <summary>The trailers' places and lengths, or null when anything about the footer is wrong.</summary>
    public static IReadOnlyList<(long Offset, int Length)>? Decode(
        ReadOnlySpan<byte> bytes, long pack, long offset, StoreIdentity identity)
    {
        if (bytes.Length < HeaderBytes + ClosingBytes || !bytes.StartsWith(Magic))
            return null;
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes[48..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != Version
            || new Guid(bytes.Slice(16, 16), bigEndian: true) != identity.Uuid
            || BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]) != pack
            || BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]) != offset
            || count < 0 || length > bytes.Length || length != HeaderBytes + (long)count * EntryBytes + ClosingBytes)
        {
            return null;
        }
        var content = bytes[..(length - ClosingBytes)];
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[(length - sizeof(uint))..]) != Crc32C.Of(bytes[..(length - sizeof(uint))])
            || !identity.IsSealed(content, bytes.Slice(content.Length, StoreIdentity.SealBytes)))
        {
            return null;
        }
        var trailers = new (long, int)[count];
        for (var i = 0; i < count; i++)
        {
            var entry = bytes[(HeaderBytes + i * EntryBytes)..];
            trailers[i] = (BinaryPrimitives.ReadInt64LittleEndian(entry), BinaryPrimitives.ReadInt32LittleEndian(entry[8..]));
        }
        return trailers;
    }
}

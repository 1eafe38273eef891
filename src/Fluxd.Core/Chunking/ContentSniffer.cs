namespace Fluxd.Core.Chunking;

/// <summary>Chooses a file's class from its first bytes and its size. Names play no part: they change, bytes don't.</summary>
public static class ContentSniffer
{
    /// <summary>First bytes that are enough for every rule here.</summary>
    public const int HeadBytes = 512;

    /// <summary>Below this, compressed data is cut finely: no media chunk would be shorter than the file.</summary>
    public const int MediaMin = 256 << 10;

    private const int TransportStreamPacket = 188;

    // What a compressed picture, sound, film or archive begins with.
    private static readonly byte[][] s_beginnings =
    [
        [0xFF, 0xD8, 0xFF],                                     // JPEG
        [0x89, .. "PNG\r\n"u8, 0x1A, 0x0A],
        [.. "GIF8"u8],
        [0, 0, 0, 12, .. "JXL "u8],                             // JPEG XL, boxed
        [0xFF, 0x0A],                                           // JPEG XL, bare
        [.. "OggS"u8],
        [.. "fLaC"u8],
        [.. "ID3"u8],                                           // MP3 with a tag
        [0xFF, 0xFB],                                           // MP3 without
        [0xFF, 0xF3],
        [0xFF, 0xF2],
        [0xFF, 0xF1],                                           // AAC
        [0xFF, 0xF9],
        [0x1A, 0x45, 0xDF, 0xA3],                               // Matroska, WebM
        [0, 0, 1, 0xBA],                                        // MPEG program stream
        [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11],       // ASF: WMA, WMV
        [.. "FLV"u8, 1],
        [.. "PK"u8, 3, 4],                                      // zip, and all that is a zip: docx, odt, jar, apk
        [0x1F, 0x8B, 8],                                        // gzip
        [0xFD, .. "7zXZ"u8, 0],                                 // xz
        [.. "LZIP"u8],
        [0x28, 0xB5, 0x2F, 0xFD],                               // zstd
        [0x04, 0x22, 0x4D, 0x18],                               // lz4
        [.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C],
        [.. "Rar!"u8, 0x1A, 7],
        [.. "MSCF"u8],                                          // cabinet
        [.. "!<arch>\ndebian"u8],                               // .deb
        [0xED, 0xAB, 0xEE, 0xDB],                               // .rpm
        [.. "wOF2"u8],
        [.. "age-encryption.org/"u8],
    ];

    /// <param name="head">The first bytes: <see cref="HeadBytes"/> of them, or the whole file.</param>
    /// <param name="size">The file's size, or null while it isn't known. A file that then ends within
    /// <see cref="ChunkSizes.WholeMax"/> bytes is <see cref="ChunkClass.Whole"/>, whatever was chosen: every class
    /// leaves it in one piece.</param>
    public static ChunkClass Choose(ReadOnlySpan<byte> head, long? size) => size switch
    {
        <= ChunkSizes.WholeMax => ChunkClass.Whole,
        < MediaMin => ChunkClass.Fine,
        _ => IsCompressed(head) ? ChunkClass.Media : ChunkClass.Fine,
    };

    internal static bool IsCompressed(ReadOnlySpan<byte> head)
    {
        foreach (var beginning in s_beginnings)
        {
            if (head.StartsWith(beginning))
                return true;
        }
        return IsBzip2(head) || IsRiff(head) || IsIsoMedia(head) || IsTransportStream(head);
    }

    private static bool IsBzip2(ReadOnlySpan<byte> head) =>
        head.Length >= 10 && head.StartsWith("BZh"u8) && head[3] is >= (byte)'1' and <= (byte)'9'
        && head[4..].StartsWith((ReadOnlySpan<byte>)[0x31, 0x41, 0x59, 0x26, 0x53, 0x59]);

    // A RIFF file may also be a WAV, which isn't compressed.
    private static bool IsRiff(ReadOnlySpan<byte> head) =>
        head.Length >= 12 && head.StartsWith("RIFF"u8) && (head[8..].StartsWith("WEBP"u8) || head[8..].StartsWith("AVI "u8));

    // MP4, MOV, HEIC, AVIF, M4A: a box length, then its type.
    private static bool IsIsoMedia(ReadOnlySpan<byte> head) => head.Length >= 8 && head[4..].StartsWith("ftyp"u8);

    // Its mark is a single byte, so three packets have to show it.
    private static bool IsTransportStream(ReadOnlySpan<byte> head) =>
        head.Length > 2 * TransportStreamPacket
        && head[0] == 0x47 && head[TransportStreamPacket] == 0x47 && head[2 * TransportStreamPacket] == 0x47;
}

namespace Fluxd.Core.Chunking;

/// <summary>How a file is cut; chosen once per file by <see cref="ContentSniffer"/> and recorded with its content.
/// The numbers are on disk.</summary>
public enum ChunkClass : byte
{
    /// <summary>One chunk: files of at most <see cref="ChunkSizes.WholeMax"/> bytes.</summary>
    Whole = 0,

    /// <summary>16/64/256 KiB: the default. Images and tars need cuts this fine to find what they share.</summary>
    Fine = 1,

    /// <summary>256 KiB/1 MiB/4 MiB: already compressed data, where smaller chunks never find a duplicate and
    /// only cost index rows.</summary>
    Media = 2,
}

/// <summary>The sizes of a class and the masks that follow from them. Part of the format: two parties that cut
/// differently find no duplicates.</summary>
public sealed record ChunkSizes
{
    /// <summary>A file up to here is one chunk in every class (it is Fine's smallest cut).</summary>
    public const int WholeMax = 16 << 10;

    /// <summary>The longest chunk of any class: what a buffer for one chunk must hold.</summary>
    public const int LargestChunk = 4 << 20;

    // Level 1 lets one position in 2^12 through; level 2 has to thin out the rest of log2(average).
    private const int CandidateBits = 12;

    // Normalised chunking: two bits stricter before the average length and two bits laxer behind it pull the
    // lengths together, which finds more duplicates at the same average.
    private const int Normalisation = 2;

    private ChunkSizes(int min, int averageBits, int max)
    {
        (Min, Average, Max) = (min, 1 << averageBits, max);
        StrictMask = Mask(averageBits - CandidateBits + Normalisation);
        LooseMask = Mask(averageBits - CandidateBits - Normalisation);
    }

    public static ChunkSizes Fine { get; } = new(16 << 10, 16, 256 << 10);

    public static ChunkSizes Media { get; } = new(256 << 10, 20, 4 << 20);

    /// <summary>No cut leaves a chunk of this length or less, except at the end of the file.</summary>
    public int Min { get; }

    public int Average { get; }

    /// <summary>No chunk is longer.</summary>
    public int Max { get; }

    /// <summary>Level 2's mask for chunks up to the average length.</summary>
    public ulong StrictMask { get; }

    /// <summary>Level 2's mask for chunks beyond the average length.</summary>
    public ulong LooseMask { get; }

    /// <summary>Whole files are at most Fine's smallest chunk, so Fine's sizes leave them in one piece.</summary>
    public static ChunkSizes Of(ChunkClass chunkClass) => chunkClass == ChunkClass.Media ? Media : Fine;

    // Bits 60 and down: the gear's upper bits depend on most of the 64 bytes in its window.
    private static ulong Mask(int bits) => ((1UL << bits) - 1) << (61 - bits);
}

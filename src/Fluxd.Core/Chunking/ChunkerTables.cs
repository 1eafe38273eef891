using System.Runtime.InteropServices;

namespace Fluxd.Core.Chunking;

/// <summary>
/// The chunker's tables, made from one seed by SplitMix64 so that any language can make them again
/// (docs/store-format.md). Native memory, because the vector forms load from it without pinning; it lives as
/// long as the process.
/// </summary>
internal static unsafe class ChunkerTables
{
    /// <summary>"fluxdCDC" as a big-endian integer.</summary>
    internal const ulong Seed = 0x666C_7578_6443_4443;

    /// <summary>Level 2: 256 random words.</summary>
    internal static readonly ulong* Gear = (ulong*)Allocate(256 * sizeof(ulong));

    /// <summary>Level 1, low and high nibble: 16 random bytes each, repeated to fill the widest vector.</summary>
    internal static readonly byte* Low = Allocate(WidestVector);
    internal static readonly byte* High = Allocate(WidestVector);

    /// <summary>Level 1 by whole byte for the scalar form: <c>Low[b &amp; 15] + High[b >> 4]</c> as a signed byte.</summary>
    internal static readonly int* Nibbles = (int*)Allocate(256 * sizeof(int));

    private const int WidestVector = 64;

    static ChunkerTables()
    {
        var state = Seed;
        for (var i = 0; i < 256; i++)
            Gear[i] = Next(ref state);
        for (var i = 0; i < 16; i++)
            Low[i] = (byte)(Next(ref state) >> 56);
        for (var i = 0; i < 16; i++)
            High[i] = (byte)(Next(ref state) >> 56);
        for (var i = 16; i < WidestVector; i++)
            (Low[i], High[i]) = (Low[i - 16], High[i - 16]);
        for (var b = 0; b < 256; b++)
            Nibbles[b] = (sbyte)(byte)(Low[b & 15] + High[b >> 4]);
    }

    private static ulong Next(ref ulong state)
    {
        var z = state += 0x9E37_79B9_7F4A_7C15;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }

    private static byte* Allocate(int bytes) => (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
}

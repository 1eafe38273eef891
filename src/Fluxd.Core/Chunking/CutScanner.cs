using System.Runtime.CompilerServices;

namespace Fluxd.Core.Chunking;

/// <summary>
/// Where a chunk may end. Two levels: a 16-bit gear hash of the last 16 bytes, cheap to compute at many positions
/// at once, names the candidates (one position in 4,096); a 64-bit gear hash of the last 64 bytes decides at them.
/// No state is carried but the last 64 bytes. A run of one byte value never makes a candidate: its level-1 hash is
/// <c>-n</c> for a signed byte n, which the pattern isn't.
/// </summary>
internal static unsafe class CutScanner
{
    /// <summary>Bytes before the first scanned position that must be readable.</summary>
    internal const int Window = 64;

    internal const ushort CandidateMask = 0xFFF0;
    internal const ushort CandidatePattern = 0x8A50;

    private const int Level1Window = 16;

    /// <summary>The scalar form: the first position in [from, to) after which a chunk may end, or -1.</summary>
    internal static int Scalar(byte* data, int from, int to, ulong mask)
    {
        var table = ChunkerTables.Nibbles;
        var hash = 0;
        for (var i = from - Level1Window; i < from; i++)
            hash = (hash << 1) + table[data[i]];
        for (var i = from; i < to; i++)
        {
            hash = (hash << 1) + table[data[i]];
            if ((hash & CandidateMask) == CandidatePattern && IsCut(data + i, mask))
                return i;
        }
        return -1;
    }

    /// <summary>Level 2: may a chunk end after the byte at <paramref name="last"/>?</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool IsCut(byte* last, ulong mask)
    {
        var gear = ChunkerTables.Gear;
        ulong hash = 0;
        for (var i = 1 - Window; i <= 0; i++)
            hash = (hash << 1) + gear[last[i]];
        return (hash & mask) == 0;
    }
}

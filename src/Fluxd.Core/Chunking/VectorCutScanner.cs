using System.Numerics;
using System.Runtime.CompilerServices;

namespace Fluxd.Core.Chunking;

/// <summary>
/// The vector form of <see cref="CutScanner"/>: level 1 in closed form at every position of a vector at once.
/// With s(i) the table value of byte i, four multiply-adds with the weights (2,1) (8,4) (32,16) (128,64) give the
/// eight-byte sum h8(i) = s(i) + 2 s(i-1) + ... + 128 s(i-7) for every second position, and
/// h(i) = h8(i) + 256 h8(i-8) is the gear hash of 16 bytes: the same number as the scalar form's.
/// </summary>
internal static unsafe class VectorCutScanner<TOps, TVector>
    where TOps : struct, IVectorOps<TVector>
    where TVector : struct
{
    // Table values are made for a block at a time into a scratch that stays in the first-level cache.
    private const int Block = 4096;
    private const int LookBack = 64;

    /// <summary>The first position in [from, to) after which a chunk may end, or -1.</summary>
    [SkipLocalsInit]
    internal static int Scan(byte* data, int from, int to, ulong mask)
    {
        // The first loads reach back one vector and seven bytes more: below the values lies room for them.
        var scratch = stackalloc byte[2 * LookBack + Block];
        var values = scratch + 2 * LookBack;
        var low = TOps.Load(ChunkerTables.Low);
        var high = TOps.Load(ChunkerTables.High);
        while (to - from >= TOps.Width)
        {
            var length = Math.Min(to - from, Block) / TOps.Width * TOps.Width;
            for (var i = -LookBack; i < length; i += TOps.Width)
                TOps.Store(TOps.Nibbles(TOps.Load(data + from + i), low, high), values + i);
            for (var i = 0; (i = NextCandidates(values, i, length, out var evenHits, out var oddHits)) < length; i += TOps.Width)
            {
                var cut = FirstCut(data + from + i, evenHits, oddHits, mask);
                if (cut >= 0)
                    return from + i + cut;
            }
            from += length;
        }
        return from < to ? CutScanner.Scalar(data, from, to, mask) : -1;
    }

    /// <summary>The first vector from <paramref name="i"/> on that holds candidates, or <paramref name="length"/>. It calls
    /// nothing, and is a method of its own for that: around a call no vector stays in a register, and reloading them
    /// all in each turn took more than half of the time. Optimised from its first call on: until the runtime has counted its
    /// calls and found time, which under load takes seconds, each vector operation would be a call.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static int NextCandidates(byte* values, int i, int length, out uint evenBits, out uint oddBits)
    {
        // Little-endian words: the older byte is the lower one and has the greater weight.
        TVector w0 = TOps.Words(0x0102), w1 = TOps.Words(0x0408), w2 = TOps.Words(0x1020), w3 = TOps.Words(0x4080);
        TVector candidate = TOps.Words(CutScanner.CandidateMask), pattern = TOps.Words(CutScanner.CandidatePattern);
        // Only the eight positions before the first are used of these, and their 15 older bytes are there.
        var even = EightByteSums(values + i - TOps.Width, w0, w1, w2, w3);
        var odd = EightByteSums(values + i - TOps.Width + 1, w0, w1, w2, w3);
        for (; i < length; i += TOps.Width)
        {
            var nextEven = EightByteSums(values + i, w0, w1, w2, w3);
            var nextOdd = EightByteSums(values + i + 1, w0, w1, w2, w3);
            var evenHits = TOps.Matches(TOps.Combine(nextEven, TOps.EightBack(nextEven, even)), candidate, pattern);
            var oddHits = TOps.Matches(TOps.Combine(nextOdd, TOps.EightBack(nextOdd, odd)), candidate, pattern);
            (even, odd) = (nextEven, nextOdd);
            if (TOps.AnySet(evenHits, oddHits))
            {
                (evenBits, oddBits) = (TOps.Bits(evenHits), TOps.Bits(oddHits));
                return i;
            }
        }
        (evenBits, oddBits) = (0, 0);
        return length;
    }

    /// <summary>h8 at the positions <paramref name="at"/>, at + 2, at + 4, ...: word lane j holds that of at + 2j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector EightByteSums(byte* at, TVector w0, TVector w1, TVector w2, TVector w3)
    {
        var a = TOps.MultiplyAdd(w0, TOps.Load(at - 1));
        var b = TOps.MultiplyAdd(w1, TOps.Load(at - 3));
        var c = TOps.MultiplyAdd(w2, TOps.Load(at - 5));
        var d = TOps.MultiplyAdd(w3, TOps.Load(at - 7));
        return TOps.AddWords(TOps.AddWords(a, b), TOps.AddWords(c, d));
    }

    /// <summary>Asks level 2 about the candidates in the order of their positions.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int FirstCut(byte* data, uint evenHits, uint oddHits, ulong mask)
    {
        var hits = Spread(evenHits) | (Spread(oddHits) << 1);
        for (; hits != 0; hits &= hits - 1)
        {
            var position = BitOperations.TrailingZeroCount(hits);
            if (CutScanner.IsCut(data + position, mask))
                return position;
        }
        return -1;
    }

    /// <summary>Moves bit n to bit 2n.</summary>
    private static ulong Spread(uint bits)
    {
        ulong x = bits;
        x = (x | (x << 16)) & 0x0000_FFFF_0000_FFFF;
        x = (x | (x << 8)) & 0x00FF_00FF_00FF_00FF;
        x = (x | (x << 4)) & 0x0F0F_0F0F_0F0F_0F0F;
        x = (x | (x << 2)) & 0x3333_3333_3333_3333;
        return (x | (x << 1)) & 0x5555_5555_5555_5555;
    }
}

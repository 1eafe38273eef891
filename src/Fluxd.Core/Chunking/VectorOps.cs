using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Fluxd.Core.Chunking;

/// <summary>The few vector operations that the scanner needs, so that its one algorithm is written once for every
/// width. Vectors are bytes; "words" are their little-endian 16-bit lanes.</summary>
internal unsafe interface IVectorOps<TVector> where TVector : struct
{
    /// <summary>Bytes in a vector.</summary>
    static abstract int Width { get; }

    static abstract TVector Load(byte* from);

    static abstract void Store(TVector vector, byte* to);

    static abstract TVector Words(ushort value);

    /// <summary>Level-1 table values of the bytes of <paramref name="data"/>: low[b &amp; 15] + high[b >> 4].</summary>
    static abstract TVector Nibbles(TVector data, TVector low, TVector high);

    /// <summary>Per word: unsigned bytes of <paramref name="weights"/> times signed bytes of <paramref name="values"/>,
    /// the two products added (saturation can't happen with the weights used).</summary>
    static abstract TVector MultiplyAdd(TVector weights, TVector values);

    static abstract TVector AddWords(TVector left, TVector right);

    /// <summary>Per word: <c>low + (high &lt;&lt; 8)</c>.</summary>
    static abstract TVector Combine(TVector low, TVector high);

    /// <summary>The last eight bytes of <paramref name="previous"/> followed by all but the last eight of
    /// <paramref name="current"/>.</summary>
    static abstract TVector EightBack(TVector current, TVector previous);

    /// <summary>All ones in each word with <c>(word &amp; mask) == pattern</c>, else zeros.</summary>
    static abstract TVector Matches(TVector words, TVector mask, TVector pattern);

    static abstract bool AnySet(TVector left, TVector right);

    /// <summary>One bit for each word of a result of <see cref="Matches"/>. Costs several instructions: ask
    /// <see cref="AnySet"/> first.</summary>
    static abstract uint Bits(TVector matches);
}

/// <summary>32 positions at a time on AVX2.</summary>
internal readonly unsafe struct Ops256 : IVectorOps<Vector256<byte>>
{
    public static bool IsSupported => Avx2.IsSupported;

    public static int Width => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Load(byte* from) => Vector256.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<byte> vector, byte* to) => vector.Store(to);

    public static Vector256<byte> Words(ushort value) => Vector256.Create(value).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Nibbles(Vector256<byte> data, Vector256<byte> low, Vector256<byte> high)
    {
        var nibble = Vector256.Create((byte)15);
        return Avx2.Shuffle(low, data & nibble) + Avx2.Shuffle(high, (data.AsUInt16() >>> 4).AsByte() & nibble);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MultiplyAdd(Vector256<byte> weights, Vector256<byte> values) =>
        Avx2.MultiplyAddAdjacent(weights, values.AsSByte()).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddWords(Vector256<byte> left, Vector256<byte> right) =>
        (left.AsUInt16() + right.AsUInt16()).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Combine(Vector256<byte> low, Vector256<byte> high) =>
        (low.AsUInt16() + (high.AsUInt16() << 8)).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> EightBack(Vector256<byte> current, Vector256<byte> previous)
    {
        var middle = Avx2.Permute2x128(previous, current, 0x21); // previous' upper half, current's lower half
        return Avx2.AlignRight(current, middle, 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Matches(Vector256<byte> words, Vector256<byte> mask, Vector256<byte> pattern) =>
        Vector256.Equals((words & mask).AsUInt16(), pattern.AsUInt16()).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnySet(Vector256<byte> left, Vector256<byte> right) => (left | right) != Vector256<byte>.Zero;

    public static uint Bits(Vector256<byte> matches) => (uint)matches.AsUInt16().ExtractMostSignificantBits();
}

/// <summary>64 positions at a time on AVX-512 (F and BW).</summary>
internal readonly unsafe struct Ops512 : IVectorOps<Vector512<byte>>
{
    public static bool IsSupported => Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    public static int Width => 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Load(byte* from) => Vector512.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<byte> vector, byte* to) => vector.Store(to);

    public static Vector512<byte> Words(ushort value) => Vector512.Create(value).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Nibbles(Vector512<byte> data, Vector512<byte> low, Vector512<byte> high)
    {
        var nibble = Vector512.Create((byte)15);
        return Avx512BW.Shuffle(low, data & nibble) + Avx512BW.Shuffle(high, (data.AsUInt16() >>> 4).AsByte() & nibble);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> MultiplyAdd(Vector512<byte> weights, Vector512<byte> values) =>
        Avx512BW.MultiplyAddAdjacent(weights, values.AsSByte()).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> AddWords(Vector512<byte> left, Vector512<byte> right) =>
        (left.AsUInt16() + right.AsUInt16()).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Combine(Vector512<byte> low, Vector512<byte> high) =>
        (low.AsUInt16() + (high.AsUInt16() << 8)).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> EightBack(Vector512<byte> current, Vector512<byte> previous) =>
        Avx512F.AlignRight64(current.AsUInt64(), previous.AsUInt64(), 7).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Matches(Vector512<byte> words, Vector512<byte> mask, Vector512<byte> pattern) =>
        Vector512.Equals((words & mask).AsUInt16(), pattern.AsUInt16()).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnySet(Vector512<byte> left, Vector512<byte> right) => (left | right) != Vector512<byte>.Zero;

    public static uint Bits(Vector512<byte> matches) => (uint)matches.AsUInt16().ExtractMostSignificantBits();
}

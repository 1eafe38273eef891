using System.Runtime.Intrinsics;
using Fluxd.Core.Chunking;

namespace Fluxd.Tests.Core.Chunking;

/// <summary>A 512-bit vector made of two 256-bit ones: runs the wide algorithm where AVX-512 is missing.</summary>
internal readonly unsafe struct TwoHalves : IVectorOps<(Vector256<byte> Lower, Vector256<byte> Upper)>
{
    public static int Width => 64;

    public static (Vector256<byte> Lower, Vector256<byte> Upper) Load(byte* from) => (Ops256.Load(from), Ops256.Load(from + 32));

    public static void Store((Vector256<byte> Lower, Vector256<byte> Upper) vector, byte* to)
    {
        Ops256.Store(vector.Lower, to);
        Ops256.Store(vector.Upper, to + 32);
    }

    public static (Vector256<byte> Lower, Vector256<byte> Upper) Words(ushort value) => (Ops256.Words(value), Ops256.Words(value));

    public static (Vector256<byte> Lower, Vector256<byte> Upper) Nibbles(
        (Vector256<byte> Lower, Vector256<byte> Upper) data,
        (Vector256<byte> Lower, Vector256<byte> Upper) low,
        (Vector256<byte> Lower, Vector256<byte> Upper) high) =>
        (Ops256.Nibbles(data.Lower, low.Lower, high.Lower), Ops256.Nibbles(data.Upper, low.Upper, high.Upper));

    public static (Vector256<byte> Lower, Vector256<byte> Upper) MultiplyAdd(
        (Vector256<byte> Lower, Vector256<byte> Upper) weights, (Vector256<byte> Lower, Vector256<byte> Upper) values) =>
        (Ops256.MultiplyAdd(weights.Lower, values.Lower), Ops256.MultiplyAdd(weights.Upper, values.Upper));

    public static (Vector256<byte> Lower, Vector256<byte> Upper) AddWords(
        (Vector256<byte> Lower, Vector256<byte> Upper) left, (Vector256<byte> Lower, Vector256<byte> Upper) right) =>
        (Ops256.AddWords(left.Lower, right.Lower), Ops256.AddWords(left.Upper, right.Upper));

    public static (Vector256<byte> Lower, Vector256<byte> Upper) Combine(
        (Vector256<byte> Lower, Vector256<byte> Upper) low, (Vector256<byte> Lower, Vector256<byte> Upper) high) =>
        (Ops256.Combine(low.Lower, high.Lower), Ops256.Combine(low.Upper, high.Upper));

    // What valignq does over the whole width: previous' last quadword, then current's first seven.
    public static (Vector256<byte> Lower, Vector256<byte> Upper) EightBack(
        (Vector256<byte> Lower, Vector256<byte> Upper) current, (Vector256<byte> Lower, Vector256<byte> Upper) previous) =>
        (Ops256.EightBack(current.Lower, previous.Upper), Ops256.EightBack(current.Upper, current.Lower));

    public static (Vector256<byte> Lower, Vector256<byte> Upper) Matches(
        (Vector256<byte> Lower, Vector256<byte> Upper) words,
        (Vector256<byte> Lower, Vector256<byte> Upper) mask,
        (Vector256<byte> Lower, Vector256<byte> Upper) pattern) =>
        (Ops256.Matches(words.Lower, mask.Lower, pattern.Lower), Ops256.Matches(words.Upper, mask.Upper, pattern.Upper));

    public static bool AnySet((Vector256<byte> Lower, Vector256<byte> Upper) left, (Vector256<byte> Lower, Vector256<byte> Upper) right) =>
        Ops256.AnySet(left.Lower, right.Lower) || Ops256.AnySet(left.Upper, right.Upper);

    public static uint Bits((Vector256<byte> Lower, Vector256<byte> Upper) matches) =>
        Ops256.Bits(matches.Lower) | (Ops256.Bits(matches.Upper) << 16);
}

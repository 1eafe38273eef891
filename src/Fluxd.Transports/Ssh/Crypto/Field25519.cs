using System.Buffers.Binary;

namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>
/// Numbers modulo 2^255 − 19 in five limbs of 51 bits. No branch and no index depends on a value, so that secrets
/// don't show in the time. Limbs stay below 2^54 between operations; <see cref="ToBytes"/> reduces fully.
/// </summary>
internal readonly struct Field25519
{
    private const ulong Mask = (1UL << 51) - 1;

    private readonly ulong _0, _1, _2, _3, _4;

    private Field25519(ulong l0, ulong l1, ulong l2, ulong l3, ulong l4) => (_0, _1, _2, _3, _4) = (l0, l1, l2, l3, l4);

    public static readonly Field25519 Zero;
    public static readonly Field25519 One = new(1, 0, 0, 0, 0);

    public static Field25519 Small(uint value) => new(value, 0, 0, 0, 0);

    public static Field25519 FromBytes(ReadOnlySpan<byte> b)
    {
        static ulong Word(ReadOnlySpan<byte> s, int at) => BinaryPrimitives.ReadUInt64LittleEndian(s[at..]);
        return new(
            Word(b, 0) & Mask,
            (Word(b, 6) >> 3) & Mask,
            (Word(b, 12) >> 6) & Mask,
            (Word(b, 19) >> 1) & Mask,
            (Word(b, 24) >> 12) & Mask);
    }

    public void ToBytes(Span<byte> output)
    {
        // Carry until every limb fits 51 bits, then subtract the prime once if the value is not below it.
        var t = Carry(Carry(this));
        var q = (t._0 + 19) >> 51;
        q = (t._1 + q) >> 51;
        q = (t._2 + q) >> 51;
        q = (t._3 + q) >> 51;
        q = (t._4 + q) >> 51;
        var l0 = t._0 + (19 * q);
        var l1 = t._1 + (l0 >> 51);
        var l2 = t._2 + (l1 >> 51);
        var l3 = t._3 + (l2 >> 51);
        var l4 = t._4 + (l3 >> 51);
        l0 &= Mask;
        l1 &= Mask;
        l2 &= Mask;
        l3 &= Mask;
        l4 &= Mask;
        BinaryPrimitives.WriteUInt64LittleEndian(output, l0 | (l1 << 51));
        BinaryPrimitives.WriteUInt64LittleEndian(output[8..], (l1 >> 13) | (l2 << 38));
        BinaryPrimitives.WriteUInt64LittleEndian(output[16..], (l2 >> 26) | (l3 << 25));
        BinaryPrimitives.WriteUInt64LittleEndian(output[24..], (l3 >> 39) | (l4 << 12));
    }

    public static Field25519 operator +(Field25519 a, Field25519 b) =>
        Carry(new(a._0 + b._0, a._1 + b._1, a._2 + b._2, a._3 + b._3, a._4 + b._4));

    /// <summary>Adds 16 p first, so that no limb goes below zero.</summary>
    public static Field25519 operator -(Field25519 a, Field25519 b) => Carry(new(
        a._0 + (16 * (Mask - 18)) - b._0,
        a._1 + (16 * Mask) - b._1,
        a._2 + (16 * Mask) - b._2,
        a._3 + (16 * Mask) - b._3,
        a._4 + (16 * Mask) - b._4));

    public static Field25519 operator *(Field25519 a, Field25519 b)
    {
        static UInt128 M(ulong x, ulong y) => (UInt128)x * y;
        ulong b1 = 19 * b._1, b2 = 19 * b._2, b3 = 19 * b._3, b4 = 19 * b._4;
        var r0 = M(a._0, b._0) + M(a._1, b4) + M(a._2, b3) + M(a._3, b2) + M(a._4, b1);
        var r1 = M(a._0, b._1) + M(a._1, b._0) + M(a._2, b4) + M(a._3, b3) + M(a._4, b2);
        var r2 = M(a._0, b._2) + M(a._1, b._1) + M(a._2, b._0) + M(a._3, b4) + M(a._4, b3);
        var r3 = M(a._0, b._3) + M(a._1, b._2) + M(a._2, b._1) + M(a._3, b._0) + M(a._4, b4);
        var r4 = M(a._0, b._4) + M(a._1, b._3) + M(a._2, b._2) + M(a._3, b._1) + M(a._4, b._0);
        r1 += r0 >> 51;
        r2 += r1 >> 51;
        r3 += r2 >> 51;
        r4 += r3 >> 51;
        var l0 = (UInt128)((ulong)r0 & Mask) + (19 * (r4 >> 51));
        var l1 = ((ulong)r1 & Mask) + (ulong)(l0 >> 51);
        return new((ulong)l0 & Mask, l1, (ulong)r2 & Mask, (ulong)r3 & Mask, (ulong)r4 & Mask);
    }

    public Field25519 Square() => this * this;

    /// <summary>x^(p−2).</summary>
    public Field25519 Invert() => PowerOfTwo(Power2To250Less1(out var x11), 5) * x11;

    /// <summary>x^((p−5)/8), for square roots.</summary>
    public Field25519 PowerP58() => PowerOfTwo(Power2To250Less1(out _), 2) * this;

    public static void Swap(ulong bit, ref Field25519 a, ref Field25519 b)
    {
        var mask = 0UL - bit;
        ulong x0 = mask & (a._0 ^ b._0), x1 = mask & (a._1 ^ b._1), x2 = mask & (a._2 ^ b._2), x3 = mask & (a._3 ^ b._3), x4 = mask & (a._4 ^ b._4);
        a = new(a._0 ^ x0, a._1 ^ x1, a._2 ^ x2, a._3 ^ x3, a._4 ^ x4);
        b = new(b._0 ^ x0, b._1 ^ x1, b._2 ^ x2, b._3 ^ x3, b._4 ^ x4);
    }

    private Field25519 Power2To250Less1(out Field25519 x11)
    {
        var x2 = Square();
        var x9 = PowerOfTwo(x2, 2) * this;
        x11 = x9 * x2;
        var to5 = x11.Square() * x9;
        var to10 = PowerOfTwo(to5, 5) * to5;
        var to20 = PowerOfTwo(to10, 10) * to10;
        var to40 = PowerOfTwo(to20, 20) * to20;
        var to50 = PowerOfTwo(to40, 10) * to10;
        var to100 = PowerOfTwo(to50, 50) * to50;
        var to200 = PowerOfTwo(to100, 100) * to100;
        return PowerOfTwo(to200, 50) * to50;
    }

    private static Field25519 PowerOfTwo(Field25519 value, int squarings)
    {
        for (var i = 0; i < squarings; i++)
        {
            value = value.Square();
        }

        return value;
    }

    private static Field25519 Carry(Field25519 v)
    {
        var l1 = v._1 + (v._0 >> 51);
        var l2 = v._2 + (l1 >> 51);
        var l3 = v._3 + (l2 >> 51);
        var l4 = v._4 + (l3 >> 51);
        return new((v._0 & Mask) + (19 * (l4 >> 51)), l1 & Mask, l2 & Mask, l3 & Mask, l4 & Mask);
    }
}

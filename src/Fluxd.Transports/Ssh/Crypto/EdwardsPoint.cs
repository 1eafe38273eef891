namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>A point of edwards25519 in extended coordinates (RFC 8032, 5.1.4).</summary>
internal readonly struct EdwardsPoint
{
    private static readonly Field25519 D = Constant("a3785913ca4deb75abd841414d0a700098e879777940c78c73fe6f2bee6c0352");
    private static readonly Field25519 D2 = D + D;
    private static readonly Field25519 RootOfMinus1 = Constant("b0a00e4a271beec478e42fad0618432fa7d7fb3d99004d2b0bdfc14f8024832b");

    public static readonly EdwardsPoint Base = Read("5866666666666666666666666666666666666666666666666666666666666666");
    private static readonly EdwardsPoint Neutral = new(Field25519.Zero, Field25519.One, Field25519.One, Field25519.Zero);

    private readonly Field25519 _x, _y, _z, _t;

    private EdwardsPoint(Field25519 x, Field25519 y, Field25519 z, Field25519 t) => (_x, _y, _z, _t) = (x, y, z, t);

    public static EdwardsPoint operator +(EdwardsPoint p, EdwardsPoint q)
    {
        var a = (p._y - p._x) * (q._y - q._x);
        var b = (p._y + p._x) * (q._y + q._x);
        var c = p._t * D2 * q._t;
        var d = p._z * q._z;
        d += d;
        var (e, f, g, h) = (b - a, d - c, d + c, b + a);
        return new(e * f, g * h, f * g, e * h);
    }

    public EdwardsPoint Negate() => new(Field25519.Zero - _x, _y, _z, Field25519.Zero - _t);

    /// <summary>Adds at every bit and swaps by the bit: the same steps whatever the scalar is.</summary>
    public EdwardsPoint Multiply(ReadOnlySpan<byte> scalar)
    {
        var result = Neutral;
        for (var i = 255; i >= 0; i--)
        {
            result += result;
            var added = result + this;
            Choose((ulong)(scalar[i >> 3] >> (i & 7)) & 1, ref result, added);
        }

        return result;
    }

    public void ToBytes(Span<byte> output)
    {
        var inverse = _z.Invert();
        Span<byte> x = stackalloc byte[32];
        (_x * inverse).ToBytes(x);
        (_y * inverse).ToBytes(output);
        output[31] |= (byte)((x[0] & 1) << 7);
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, out EdwardsPoint point)
    {
        point = Neutral;
        var y = Field25519.FromBytes(bytes);
        Span<byte> canonical = stackalloc byte[32];
        y.ToBytes(canonical);
        canonical[31] |= (byte)(bytes[31] & 0x80);
        if (!canonical.SequenceEqual(bytes[..32]))
        {
            return false;
        }

        // x² = (y² − 1) / (d y² + 1)
        var u = y.Square() - Field25519.One;
        var v = (D * y.Square()) + Field25519.One;
        var v3 = v.Square() * v;
        var x = u * v3 * (u * v3.Square() * v).PowerP58();
        var check = v * x.Square();
        if (!Same(check, u))
        {
            x *= RootOfMinus1;
            if (!Same(check, Field25519.Zero - u))
            {
                return false;
            }
        }

        Span<byte> xBytes = stackalloc byte[32];
        x.ToBytes(xBytes);
        var negative = bytes[31] >> 7;
        if (negative == 1 && xBytes.IndexOfAnyExcept((byte)0) < 0)
        {
            return false;
        }

        x = (xBytes[0] & 1) == negative ? x : Field25519.Zero - x;
        point = new(x, y, Field25519.One, x * y);
        return true;
    }

    private static void Choose(ulong bit, ref EdwardsPoint kept, EdwardsPoint other)
    {
        var (x, y, z, t) = (kept._x, kept._y, kept._z, kept._t);
        var (ox, oy, oz, ot) = (other._x, other._y, other._z, other._t);
        Field25519.Swap(bit, ref x, ref ox);
        Field25519.Swap(bit, ref y, ref oy);
        Field25519.Swap(bit, ref z, ref oz);
        Field25519.Swap(bit, ref t, ref ot);
        kept = new(x, y, z, t);
    }

    private static bool Same(Field25519 a, Field25519 b)
    {
        Span<byte> left = stackalloc byte[32];
        Span<byte> right = stackalloc byte[32];
        a.ToBytes(left);
        b.ToBytes(right);
        return left.SequenceEqual(right);
    }

    private static Field25519 Constant(string hex) => Field25519.FromBytes(Convert.FromHexString(hex));

    private static EdwardsPoint Read(string hex) =>
        TryRead(Convert.FromHexString(hex), out var point) ? point : throw new InvalidOperationException("The base point is wrong.");
}

namespace Fluxd.Transports.Ssh.Crypto;

/// <summary>The Montgomery ladder of RFC 7748 (5), for systems without libcrypto.</summary>
internal static class ManagedX25519
{
    private static readonly Field25519 A24 = Field25519.Small(121665);

    public static void PublicKey(ReadOnlySpan<byte> secret, Span<byte> output)
    {
        Span<byte> basePoint = stackalloc byte[32];
        basePoint.Clear();
        basePoint[0] = 9;
        Agree(secret, basePoint, output);
    }

    public static void Agree(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> peer, Span<byte> shared)
    {
        Span<byte> k = stackalloc byte[32];
        secret.CopyTo(k);
        k[0] &= 248;
        k[31] = (byte)((k[31] & 127) | 64);
        var x1 = Field25519.FromBytes(peer);
        Field25519 x2 = Field25519.One, z2 = Field25519.Zero, x3 = x1, z3 = Field25519.One;
        ulong swapped = 0;
        for (var t = 254; t >= 0; t--)
        {
            var bit = (ulong)(k[t >> 3] >> (t & 7)) & 1;
            Field25519.Swap(swapped ^ bit, ref x2, ref x3);
            Field25519.Swap(swapped ^ bit, ref z2, ref z3);
            swapped = bit;
            Step(x1, ref x2, ref z2, ref x3, ref z3);
        }

        Field25519.Swap(swapped, ref x2, ref x3);
        Field25519.Swap(swapped, ref z2, ref z3);
        (x2 * z2.Invert()).ToBytes(shared);
        k.Clear();
    }

    private static void Step(Field25519 x1, ref Field25519 x2, ref Field25519 z2, ref Field25519 x3, ref Field25519 z3)
    {
        var a = x2 + z2;
        var b = x2 - z2;
        var aa = a.Square();
        var bb = b.Square();
        var e = aa - bb;
        var da = (x3 - z3) * a;
        var cb = (x3 + z3) * b;
        x3 = (da + cb).Square();
        z3 = x1 * (da - cb).Square();
        x2 = aa * bb;
        z2 = e * (aa + (A24 * e));
    }
}

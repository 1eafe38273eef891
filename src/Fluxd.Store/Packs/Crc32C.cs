using System.Numerics;
using System.Runtime.InteropServices;

namespace Fluxd.Store.Packs;

/// <summary>CRC-32C (Castagnoli, RFC 3720 B.4) by the processor's own instruction on x86 and ARM, by the runtime's
/// tables elsewhere. It finds damage; it proves nothing about who wrote the bytes.</summary>
internal static class Crc32C
{
    /// <summary>
    /// The instruction takes a word each cycle but gives its result three later: three stretches side by side keep it
    /// busy. Their checksums are joined by shifting through zeros.
    /// </summary>
    private const int StretchBytes = 4096;

    private static readonly uint[] s_pastOne = Shift(StretchBytes);
    private static readonly uint[] s_pastTwo = Shift(2 * StretchBytes);

    public static uint Of(ReadOnlySpan<byte> data) => Continue(0, data);

    /// <summary>The checksum of what <paramref name="crc"/> stands for followed by <paramref name="data"/>.</summary>
    public static uint Continue(uint crc, ReadOnlySpan<byte> data)
    {
        crc = ~crc;
        while (data.Length >= 3 * StretchBytes)
        {
            crc = Three(crc, MemoryMarshal.Cast<byte, ulong>(data[..(3 * StretchBytes)]));
            data = data[(3 * StretchBytes)..];
        }

        var words = MemoryMarshal.Cast<byte, ulong>(data);
        foreach (var word in words)
            crc = BitOperations.Crc32C(crc, word);
        foreach (var b in data[(words.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }

    private static uint Three(uint crc, ReadOnlySpan<ulong> words)
    {
        const int Words = StretchBytes / sizeof(ulong);
        var first = words[..Words];
        var second = words.Slice(Words, Words);
        var third = words.Slice(2 * Words, Words);
        uint b = 0, c = 0;
        for (var i = 0; i < Words; i++)
        {
            crc = BitOperations.Crc32C(crc, first[i]);
            b = BitOperations.Crc32C(b, second[i]);
            c = BitOperations.Crc32C(c, third[i]);
        }

        return Apply(s_pastTwo, crc) ^ Apply(s_pastOne, b) ^ c;
    }

    private static uint Apply(uint[] shift, uint crc) =>
        shift[crc & 0xFF] ^ shift[0x100 | ((crc >> 8) & 0xFF)] ^ shift[0x200 | ((crc >> 16) & 0xFF)] ^ shift[0x300 | (crc >> 24)];

    /// <summary>What so many zero bytes make of a checksum, as four tables of a byte each: the operation is linear.</summary>
    private static uint[] Shift(int zeros)
    {
        var bits = new uint[32];
        for (var bit = 0; bit < 32; bit++)
        {
            var crc = 1u << bit;
            for (var i = 0; i < zeros; i += sizeof(ulong))
                crc = BitOperations.Crc32C(crc, 0UL);
            bits[bit] = crc;
        }

        var tables = new uint[4 * 256];
        for (var i = 0; i < tables.Length; i++)
        {
            var (table, value) = (i >> 8, i & 0xFF);
            for (var bit = 0; bit < 8; bit++)
                tables[i] ^= (value & (1 << bit)) != 0 ? bits[(table * 8) + bit] : 0;
        }

        return tables;
    }
}

using System.Numerics;
using System.Runtime.InteropServices;

namespace Fluxd.Store.Packs;

/// <summary>CRC-32C (Castagnoli, RFC 3720 B.4) by the processor's own instruction on x86 and ARM, by the runtime's
/// tables elsewhere. It finds damage; it proves nothing about who wrote the bytes.</summary>
internal static class Crc32C
{
    public static uint Of(ReadOnlySpan<byte> data) => Continue(0, data);

    /// <summary>The checksum of what <paramref name="crc"/> stands for followed by <paramref name="data"/>.</summary>
    public static uint Continue(uint crc, ReadOnlySpan<byte> data)
    {
        crc = ~crc;
        var words = MemoryMarshal.Cast<byte, ulong>(data);
        foreach (var word in words)
            crc = BitOperations.Crc32C(crc, word);
        foreach (var b in data[(words.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}

using Fluxd.Core.Chunking;

namespace Fluxd.Tests.Core.Chunking;

/// <summary>The chunker as docs/store-format.md defines it, written down a second time and as plainly as possible.</summary>
internal static class ReferenceCuts
{
    private static readonly ulong[] s_gear = new ulong[256];
    private static readonly sbyte[] s_nibbles = new sbyte[256];

    static ReferenceCuts()
    {
        ulong state = 0x666C757864434443;
        ulong Next()
        {
            unchecked
            {
                state += 0x9E3779B97F4A7C15;
                var z = state;
                z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
                z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
                return z ^ (z >> 31);
            }
        }
        for (var i = 0; i < 256; i++)
            s_gear[i] = Next();
        var low = Enumerable.Range(0, 16).Select(_ => Next() >> 56).ToArray();
        var high = Enumerable.Range(0, 16).Select(_ => Next() >> 56).ToArray();
        for (var b = 0; b < 256; b++)
            s_nibbles[b] = unchecked((sbyte)(low[b & 15] + high[b >> 4]));
    }

    public static List<int> Of(byte[] data, ChunkSizes sizes)
    {
        var cuts = new List<int>();
        for (var at = 0; at < data.Length; at += cuts[^1])
            cuts.Add(First(data, at, sizes));
        return cuts;
    }

    private static int First(byte[] data, int start, ChunkSizes sizes)
    {
        var longest = Math.Min(data.Length - start, sizes.Max);
        for (var length = sizes.Min + 1; length < longest; length++)
        {
            var last = start + length - 1;
            var bits = int.Log2(sizes.Average) - 12 + (length <= sizes.Average ? 2 : -2);
            if (Level1(data, last) && Level2(data, last) << 3 >> (64 - bits) == 0)
                return length;
        }
        return longest;
    }

    private static bool Level1(byte[] data, int last)
    {
        var hash = 0;
        for (var back = 0; back < 16; back++)
            hash += s_nibbles[data[last - back]] << back;
        return (hash & 0xFFF0) == 0x8A50;
    }

    private static ulong Level2(byte[] data, int last)
    {
        ulong hash = 0;
        for (var back = 0; back < 64; back++)
            hash += s_gear[data[last - back]] << back;
        return hash;
    }
}

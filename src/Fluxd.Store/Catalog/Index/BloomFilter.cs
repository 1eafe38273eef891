using System.Runtime.InteropServices;

namespace Fluxd.Store.Catalog.Index;

/// <summary>
/// Answers "certainly not there" for keys of the hash index without touching the disk: new content, the common case,
/// costs no random read. Ten bits a key, all of a key's bits in one cache line. One thread adds, any may ask.
/// </summary>
internal sealed class BloomFilter
{
    private const int BitsPerKey = 10;
    private const int BlockWords = 8;
    private const int BlockBits = BlockWords * 64;
    private const int Probes = 6;
    private const long SmallestCapacity = 4 << 20;

    // Half of a twentieth of the memory that there is, so that a small box keeps its memory for transfers.
    private static readonly long s_bytesMax = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 20;

    private readonly ulong[] _words;
    private readonly uint _blocks;

    private BloomFilter(uint blocks) => (_blocks, _words) = (blocks, new ulong[blocks * (long)BlockWords]);

    /// <summary>A filter for <paramref name="keys"/> keys and as many again; null where it would take too much memory.</summary>
    internal static BloomFilter? For(long keys)
    {
        var blocks = Math.Max(keys * 2, SmallestCapacity) * BitsPerKey / BlockBits;
        return blocks * BlockBits / 8 <= s_bytesMax ? new BloomFilter((uint)blocks) : null;
    }

    /// <param name="key">The first eight bytes of a SHA-256: as random as can be.</param>
    internal void Add(long key)
    {
        var bits = Start(key, out var block);
        for (var i = 0; i < Probes; i++)
        {
            block[(int)(bits & 7)] |= 1UL << (int)((bits >> 3) & 63);
            bits >>= 9;
        }
    }

    internal bool MayHold(long key)
    {
        var bits = Start(key, out var block);
        for (var i = 0; i < Probes; i++)
        {
            if ((block[(int)(bits & 7)] & (1UL << (int)((bits >> 3) & 63))) == 0)
            {
                return false;
            }

            bits >>= 9;
        }

        return true;
    }

    // The key's upper half chooses the line; all of it, mixed, the bits inside.
    private ulong Start(long key, out Span<ulong> block)
    {
        var index = (uint)(((ulong)key >> 32) * _blocks >> 32);
        block = MemoryMarshal.CreateSpan(ref _words[index * (long)BlockWords], BlockWords);
        return (ulong)key * 0x9E3779B97F4A7C15 >> 8;
    }
}

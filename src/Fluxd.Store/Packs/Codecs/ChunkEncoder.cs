using Fluxd.Core.Chunking;

namespace Fluxd.Store.Packs.Codecs;

/// <summary>Decides how a chunk is stored, and does it. Pure; safe from any thread.</summary>
internal static class ChunkEncoder
{
    // A chunk beyond this is probed before the whole of it is compressed: the probe costs a quarter or less of it.
    private const int ProbeFrom = 64 << 10;
    private const int ProbeBytes = 16 << 10;

    // A sample of so many bytes, in pieces from all over the chunk, tells noise (media, archives, what is enciphered) from all
    // else before zstd is asked, which took 0.16 CPU seconds for each GiB of it. Of noise the measure is 255, give or take 23;
    // of bytes that coding makes an eighth shorter it is 2,500 and more.
    private const int SampleBytes = 2 << 10;
    private const int SamplePieces = 8;
    private const int NoiseMax = 600;

    // Below this even good compression saves less than a row of the index costs.
    private const int SmallestTried = 128;

    /// <summary>
    /// Stores <paramref name="raw"/> in <paramref name="destination"/> when compression pays (it saves an eighth or
    /// more). With <see cref="ChunkCodec.Raw"/> nothing was written: the chunk is stored as it is.
    /// </summary>
    /// <param name="raw">The chunk.</param>
    /// <param name="chunkClass">Its file's class.</param>
    /// <param name="mode">What the administrator asked for.</param>
    /// <param name="destination">At least as long as the chunk.</param>
    /// <param name="length">The stored length.</param>
    public static ChunkCodec Encode(
        ReadOnlySpan<byte> raw, ChunkClass chunkClass, CompressionMode mode, Span<byte> destination, out int length)
    {
        length = raw.Length;
        if (!Tries(chunkClass, mode) || raw.Length < SmallestTried || !IsWorthTrying(raw, mode, destination))
            return ChunkCodec.Raw;
        var stored = Zstd.TryCompress(raw, destination[..Worthwhile(raw.Length)]);
        if (stored == 0)
            return ChunkCodec.Raw;
        length = stored;
        return ChunkCodec.Zstd;
    }

    /// <summary>False: chunks of this class are all stored as they are.</summary>
    public static bool Tries(ChunkClass chunkClass, CompressionMode mode) =>
        Zstd.IsAvailable && (mode == CompressionMode.On || (mode == CompressionMode.Auto && chunkClass != ChunkClass.Media));

    /// <summary>The longest compressed form that is worth keeping.</summary>
    private static int Worthwhile(int length) => length - (length + 7) / 8;

    private static bool IsWorthTrying(ReadOnlySpan<byte> raw, CompressionMode mode, Span<byte> scratch) =>
        mode == CompressionMode.On || (!IsNoise(raw) && (raw.Length <= ProbeFrom
        || Zstd.TryCompress(raw.Slice((raw.Length - ProbeBytes) / 2, ProbeBytes), scratch[..Worthwhile(ProbeBytes)]) > 0));

    /// <summary>Pearson's test: are all 256 values equally frequent, as far as chance allows?</summary>
    private static bool IsNoise(ReadOnlySpan<byte> raw)
    {
        if (raw.Length < 2 * SampleBytes)
        {
            return false;
        }

        const int Piece = SampleBytes / SamplePieces;
        Span<int> counts = stackalloc int[256];
        counts.Clear();
        for (var piece = 0; piece < SamplePieces; piece++)
        {
            foreach (var value in raw.Slice((int)((long)(raw.Length - Piece) * piece / (SamplePieces - 1)), Piece))
            {
                counts[value]++;
            }
        }

        const int Expected = SampleBytes / 256;
        var sum = 0;
        foreach (var count in counts)
        {
            sum += (count - Expected) * (count - Expected);
        }

        return sum / Expected <= NoiseMax;
    }
}

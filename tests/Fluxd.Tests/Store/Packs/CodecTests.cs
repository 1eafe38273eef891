using System.Text;
using Fluxd.Core.Chunking;
using Fluxd.Store.Packs;
using Fluxd.Store.Packs.Codecs;
using Xunit;

namespace Fluxd.Tests.Store.Packs;

public sealed class CodecTests
{
    private static readonly byte[] s_text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 30_000).Select(i => $"line {i} of a text\n")));

    [Fact]
    public void The_library_is_there() => Assert.True(Zstd.IsAvailable, "install libzstd1: without it these tests show nothing");

    [Theory]
    [InlineData(200)]
    [InlineData(16 << 10)]
    [InlineData(64 << 10)]
    [InlineData(256 << 10)]
    public void Text_is_compressed_and_comes_back(int length)
    {
        var raw = s_text.AsSpan(0, length);
        var stored = new byte[length];
        Assert.Equal(ChunkCodec.Zstd, ChunkEncoder.Encode(raw, ChunkClass.Fine, CompressionMode.Auto, stored, out var storedLength));
        Assert.InRange(storedLength, 1, length - length / 8);
        var back = new byte[length];
        Assert.True(ChunkDecoder.TryDecode(stored.AsSpan(0, storedLength), ChunkCodec.Zstd, back));
        Assert.True(raw.SequenceEqual(back));
    }

    [Theory]
    [InlineData(CompressionMode.Auto)]
    [InlineData(CompressionMode.On)]
    public void What_doesn_t_get_an_eighth_smaller_is_stored_raw(CompressionMode mode)
    {
        foreach (var length in new[] { 1, 127, 128, 5000, 64 << 10, 256 << 10 })
            Assert.Equal(ChunkCodec.Raw, Encode(PackBench.Bytes(length, length), ChunkClass.Fine, mode).Codec);
        // Nine parts noise, one part zeros: it would save a tenth.
        byte[] slight = [.. PackBench.Bytes(9 * 4096, 1), .. new byte[4096]];
        Assert.Equal(ChunkCodec.Raw, Encode(slight, ChunkClass.Fine, mode).Codec);
    }

    [Fact]
    public void The_probe_decides_for_long_chunks_and_on_tries_without_it()
    {
        byte[] noiseInTheMiddle = [.. new byte[80_000], .. PackBench.Bytes(40_000, 1), .. new byte[80_000]];
        Assert.Equal(ChunkCodec.Raw, Encode(noiseInTheMiddle, ChunkClass.Fine, CompressionMode.Auto).Codec);
        Assert.Equal(ChunkCodec.Zstd, Encode(noiseInTheMiddle, ChunkClass.Fine, CompressionMode.On).Codec);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Noise_in_one_half_does_not_hide_what_the_other_half_gains(bool first)
    {
        var (noise, text) = (PackBench.Bytes(30_000, 5), s_text[..30_000]);
        byte[] mixed = first ? [.. noise, .. text] : [.. text, .. noise];
        Assert.Equal(ChunkCodec.Zstd, Encode(mixed, ChunkClass.Fine, CompressionMode.Auto).Codec);
    }

    [Fact]
    public void Bytes_that_only_coding_shortens_are_compressed()
    {
        // Nothing is repeated, but a byte tells six and a half bits.
        var bytes = PackBench.Bytes(60_000, 9);
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] %= 96;
        Assert.Equal(ChunkCodec.Zstd, Encode(bytes, ChunkClass.Fine, CompressionMode.Auto).Codec);
    }

    [Fact]
    public void Media_is_compressed_only_when_told_and_nothing_when_off()
    {
        Assert.Equal(ChunkCodec.Raw, Encode(s_text, ChunkClass.Media, CompressionMode.Auto).Codec);
        Assert.Equal(ChunkCodec.Zstd, Encode(s_text, ChunkClass.Media, CompressionMode.On).Codec);
        Assert.Equal(ChunkCodec.Raw, Encode(s_text, ChunkClass.Fine, CompressionMode.Off).Codec);
    }

    [Fact]
    public void Damaged_stored_bytes_never_pass_for_the_chunk()
    {
        var raw = s_text.AsSpan(0, 20_000);
        var (codec, stored) = Encode(raw.ToArray(), ChunkClass.Fine, CompressionMode.Auto);
        Assert.Equal(ChunkCodec.Zstd, codec);
        var back = new byte[raw.Length];
        var hash = ChunkHash.Of(raw);
        var random = new Random(3);
        for (var i = 0; i < 500; i++)
        {
            var damaged = stored.ToArray();
            damaged[random.Next(damaged.Length)] ^= (byte)random.Next(1, 256);
            Assert.NotEqual(Crc32C.Of(stored), Crc32C.Of(damaged)); // what readers check first
            if (ChunkDecoder.TryDecode(damaged, codec, back))
                Assert.True(ChunkHash.Of(back) != hash || back.AsSpan().SequenceEqual(raw));
        }
        Assert.False(ChunkDecoder.TryDecode(stored, codec, new byte[raw.Length + 1]));
        Assert.False(ChunkDecoder.TryDecode(stored, codec, new byte[raw.Length - 1]));
        Assert.False(ChunkDecoder.TryDecode(stored, ChunkCodec.Raw, back));
        Assert.False(ChunkDecoder.TryDecode(stored, (ChunkCodec)9, back));
    }

    [Fact]
    public async Task Many_threads_share_the_contexts()
    {
        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, (i, _) =>
        {
            var (codec, stored) = Encode(s_text[(i * 10)..(i * 10 + 50_000)], ChunkClass.Fine, CompressionMode.Auto);
            var back = new byte[50_000];
            Assert.True(ChunkDecoder.TryDecode(stored, codec, back));
            Assert.True(s_text.AsSpan(i * 10, 50_000).SequenceEqual(back));
            return ValueTask.CompletedTask;
        }).WaitAsync(TimeSpan.FromMinutes(1));
    }

    private static (ChunkCodec Codec, byte[] Stored) Encode(byte[] raw, ChunkClass chunkClass, CompressionMode mode)
    {
        var stored = new byte[raw.Length];
        var codec = ChunkEncoder.Encode(raw, chunkClass, mode, stored, out var length);
        if (codec == ChunkCodec.Raw)
            Assert.Equal(raw.Length, length);
        return (codec, codec == ChunkCodec.Raw ? raw : stored[..length]);
    }
}

using Fluxd.Core.Chunking;
using Fluxd.Store.Packs;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Packs;

public sealed class TrailerFormatTests(ITestOutputHelper output)
{
    private readonly StoreIdentity _identity = PackBench.NewIdentity();

    [Fact]
    public void A_trailer_says_what_was_put_in()
    {
        var random = NewRandom();
        for (var i = 0; i < 50; i++)
        {
            var journal = PackBench.Bytes(random.Next(5) == 0 ? 0 : random.Next(20_000), i);
            var trailer = Trailer(random, journal.Length);
            var bytes = TrailerFormat.Encode(trailer, journal, _identity);
            Assert.Equal(0, bytes.Length % PackLayout.Alignment);

            var decoded = Decode(bytes, trailer);
            Assert.NotNull(decoded);
            Assert.Equivalent(trailer, decoded, strict: true);
            Assert.Equal(trailer.Chunks, decoded.Chunks);
            Assert.Equal(journal, TrailerFormat.JournalOf(bytes.AsSpan(0, trailer.Length), decoded).ToArray());
        }
    }

    [Fact]
    public void Any_changed_bit_makes_it_worthless()
    {
        var random = NewRandom();
        var journal = PackBench.Bytes(300, 1);
        var trailer = Trailer(random, journal.Length);
        var bytes = TrailerFormat.Encode(trailer, journal, _identity);
        for (var bit = 0; bit < trailer.Length * 8; bit += random.Next(1, 5))
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(Decode(bytes, trailer));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.NotNull(Decode(bytes, trailer));
    }

    [Fact]
    public void A_trailer_torn_at_any_byte_is_worthless()
    {
        var trailer = Trailer(NewRandom(), 100);
        var bytes = TrailerFormat.Encode(trailer, PackBench.Bytes(100, 1), _identity);
        for (var length = 0; length < trailer.Length; length++)
        {
            Assert.Null(TrailerFormat.Decode(bytes.AsSpan(0, length), trailer.Pack, trailer.Offset, _identity));
            byte[] torn = [.. bytes.AsSpan(0, length), .. new byte[bytes.Length - length]];
            if (!torn.SequenceEqual(bytes))
                Assert.Null(Decode(torn, trailer));
        }
    }

    [Fact]
    public void A_trailer_counts_only_in_its_own_store_pack_and_place()
    {
        var trailer = Trailer(NewRandom(), 0);
        var bytes = TrailerFormat.Encode(trailer, [], _identity);
        var exact = bytes.AsSpan(0, trailer.Length);
        Assert.Null(TrailerFormat.Decode(exact, trailer.Pack + 1, trailer.Offset, _identity));
        Assert.Null(TrailerFormat.Decode(exact, trailer.Pack, trailer.Offset + PackLayout.Alignment, _identity));
        Assert.Null(TrailerFormat.Decode(exact, trailer.Pack, trailer.Offset, PackBench.NewIdentity()));
        // The uuid is no secret: without the key it doesn't help.
        var guessed = new StoreIdentity(_identity.Uuid, new byte[StoreIdentity.KeyBytes]);
        Assert.Null(Decode(TrailerFormat.Encode(trailer, [], guessed), trailer));
    }

    [Fact]
    public void Random_bytes_behind_the_magic_never_decode_and_never_ask_for_much_memory()
    {
        var random = NewRandom();
        var bytes = new byte[4096];
        for (var i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            TrailerFormat.Magic.CopyTo(bytes);
            if (random.Next(2) == 0)
                bytes.AsSpan(8, 4).Clear();
            bytes[8] = 1;
            _identity.Uuid.TryWriteBytes(bytes.AsSpan(16), bigEndian: true, out _);
            Assert.InRange(TrailerFormat.PeekLength(bytes, 1, 0, _identity), 0, Fluxd.Store.StoreLimits.TrailerBytesMax);
            Assert.Null(TrailerFormat.Decode(bytes, 1, 0, _identity));
        }
    }

    [Theory]
    [InlineData("", 0u)]
    [InlineData("123456789", 0xE3069283u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x22620404u)]
    public void The_checksum_is_crc32c(string text, uint crc)
    {
        var bytes = System.Text.Encoding.ASCII.GetBytes(text);
        Assert.Equal(crc, Crc32C.Of(bytes));
        Assert.Equal(crc, Crc32C.Continue(Crc32C.Of(bytes.AsSpan(0, bytes.Length / 3)), bytes.AsSpan(bytes.Length / 3)));
    }

    [Fact]
    public void The_checksum_is_crc32c_at_every_length()
    {
        var bytes = PackBench.Bytes(100, 5);
        for (var length = 0; length <= bytes.Length; length++)
            Assert.Equal(PlainCrc(bytes.AsSpan(0, length)), Crc32C.Of(bytes.AsSpan(0, length)));
    }

    private static uint PlainCrc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++)
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78);
        }
        return ~crc;
    }

    private static TrailerInfo Trailer(Random random, int journalLength)
    {
        var chunks = Enumerable.Range(0, random.Next(20)).Select(i => new ChunkEntry(
            ChunkHash.Of([(byte)i]), random.Next(1, 1 << 22), random.Next(1, 1 << 20), (ChunkCodec)random.Next(2), (uint)random.NextInt64())).ToArray();
        var payload = chunks.Sum(c => (long)c.StoredLength);
        var start = random.Next(1000) * 4096L;
        return new TrailerInfo
        {
            Pack = random.NextInt64(1, long.MaxValue),
            Segment = random.Next(100),
            Group = random.NextInt64(),
            FirstChunkId = random.NextInt64(),
            PayloadOffset = start,
            PayloadLength = payload,
            Offset = PackLayout.Align(start + payload),
            Previous = random.Next(2) == 0 ? TrailerInfo.NoPrevious : start,
            Chunks = chunks,
            JournalLength = journalLength,
        };
    }

    private TrailerInfo? Decode(byte[] bytes, TrailerInfo trailer) =>
        TrailerFormat.Decode(bytes.AsSpan(0, trailer.Length), trailer.Pack, trailer.Offset, _identity);

    private Random NewRandom()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        return new Random(seed);
    }
}

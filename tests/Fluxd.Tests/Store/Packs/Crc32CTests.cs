using Fluxd.Store.Packs;
using Xunit;

namespace Fluxd.Tests.Store.Packs;

public sealed class Crc32CTests
{
    [Fact]
    public void Known_answers_hold()
    {
        // RFC 3720, B.4
        Assert.Equal(0x8A9136AAu, Crc32C.Of(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Of(Enumerable.Repeat((byte)0xFF, 32).ToArray()));
        Assert.Equal(0x46DD794Eu, Crc32C.Of(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()));
        Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));
    }

    [Fact]
    public void Any_length_in_any_pieces_is_the_polynomial()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        foreach (var length in new[] { 0, 1, 7, 8, 4095, 12_287, 12_288, 12_289, 24_576, 40_000, 100_003, random.Next(200_000) })
        {
            var data = new byte[length];
            random.NextBytes(data);
            var expected = BitByBit(data);
            Assert.True(expected == Crc32C.Of(data), $"seed {seed}, {length} bytes");
            var at = random.Next(length + 1);
            Assert.True(expected == Crc32C.Continue(Crc32C.Of(data.AsSpan(0, at)), data.AsSpan(at)), $"seed {seed}, {length} bytes cut at {at}");
        }
    }

    private static uint BitByBit(ReadOnlySpan<byte> data)
    {
        var crc = ~0u;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
            }
        }

        return ~crc;
    }
}

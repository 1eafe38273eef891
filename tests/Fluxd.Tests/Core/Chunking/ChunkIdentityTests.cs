using System.Security.Cryptography;
using System.Text;
using Fluxd.Core.Chunking;
using Xunit;

namespace Fluxd.Tests.Core.Chunking;

public sealed class ChunkIdentityTests
{
    [Fact]
    public void A_hash_survives_bytes_and_hex_and_orders_as_its_hex_does()
    {
        var hashes = Enumerable.Range(0, 100).Select(i => ChunkHash.Of([(byte)i])).ToList();
        foreach (var hash in hashes)
        {
            Assert.Equal(hash, new ChunkHash(hash.ToArray()));
            Assert.True(ChunkHash.TryParse(hash.ToString().ToUpperInvariant(), out var parsed));
            Assert.Equal(hash, parsed);
        }
        Assert.Equal(hashes.Order().Select(h => h.ToString()), hashes.Select(h => h.ToString()).Order(StringComparer.Ordinal));
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ChunkHash.Of("abc"u8).ToString());
        Assert.Equal(unchecked((long)0xba7816bf8f01cfea), ChunkHash.Of("abc"u8).FirstEight);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ba78")]
    [InlineData("ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad00")]
    public void What_isn_t_a_hash_is_refused(string text) => Assert.False(ChunkHash.TryParse(text, out _));

    [Fact]
    public void A_root_is_the_documented_chain()
    {
        byte[] first = SHA256.HashData("one"u8), second = SHA256.HashData("two!"u8);
        byte[] expected = SHA256.HashData(Encoding.ASCII.GetBytes("fluxd-content-1"));
        expected = SHA256.HashData([.. expected, .. first, 3, 0, 0, 0]);
        expected = SHA256.HashData([.. expected, .. second, 4, 0, 0, 0]);

        var root = RootHash.Empty.Append(new ChunkHash(first), 3);
        var restored = new RootHash(root.ToArray()); // as after a restart
        Assert.Equal(Convert.ToHexStringLower(expected), restored.Append(new ChunkHash(second), 4).ToString());
    }

    [Fact]
    public void A_root_tells_order_and_lengths_apart()
    {
        ChunkHash a = ChunkHash.Of("a"u8), b = ChunkHash.Of("b"u8);
        RootHash[] roots =
        [
            RootHash.Empty, RootHash.Empty.Append(a, 1), RootHash.Empty.Append(a, 2),
            RootHash.Empty.Append(a, 1).Append(b, 1), RootHash.Empty.Append(b, 1).Append(a, 1),
        ];
        Assert.Equal(roots.Length, roots.Distinct().Count());
    }

    public static TheoryData<byte[], long?, ChunkClass> Files => new()
    {
        { [0xFF, 0xD8, 0xFF, 0xE0], 1 << 20, ChunkClass.Media },
        { [0xFF, 0xD8, 0xFF, 0xE0], null, ChunkClass.Media },
        { [0xFF, 0xD8, 0xFF, 0xE0], 200 << 10, ChunkClass.Fine },
        { [0xFF, 0xD8, 0xFF, 0xE0], 16 << 10, ChunkClass.Whole },
        { [.. "\0\0\0\x18"u8, .. "ftypmp42"u8], 1 << 30, ChunkClass.Media },
        { [.. "RIFF"u8, 1, 2, 3, 4, .. "WAVE"u8], 1 << 30, ChunkClass.Fine },
        { [.. "RIFF"u8, 1, 2, 3, 4, .. "WEBP"u8], 1 << 30, ChunkClass.Media },
        { [.. "BZh91AY&SY"u8], 1 << 30, ChunkClass.Media },
        { [.. "BZh9 some text"u8], 1 << 30, ChunkClass.Fine },
        { [.. "PK"u8, 3, 4], 1 << 30, ChunkClass.Media },
        { [.. "#!/bin/sh\n"u8], 1 << 30, ChunkClass.Fine },
        { [], 0, ChunkClass.Whole },
        { [], null, ChunkClass.Fine },
        { TransportStream(), 1 << 30, ChunkClass.Media },
        { [0x47, 0, 0], 1 << 30, ChunkClass.Fine },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void The_class_follows_from_the_first_bytes_and_the_size(byte[] head, long? size, ChunkClass expected) =>
        Assert.Equal(expected, ContentSniffer.Choose(head, size));

    private static byte[] TransportStream()
    {
        var head = new byte[ContentSniffer.HeadBytes];
        head[0] = head[188] = head[376] = 0x47;
        return head;
    }
}

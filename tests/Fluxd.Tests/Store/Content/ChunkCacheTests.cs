using Fluxd.Store.Content;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Content;

public sealed class ChunkCacheTests(ITestOutputHelper output)
{
    [Fact]
    public void What_a_reader_holds_stays_as_it_is_though_others_took_its_place()
    {
        var cache = new ChunkCache(64 * 1024);
        var held = Take(cache, 1, 40_000);
        for (var id = 2; id < 50; id++)
        {
            cache.Release(Take(cache, id, 40_000));
            Assert.InRange(cache.Bytes, 1, 64 * 1024);
        }

        Assert.Null(cache.TryHold(1));
        Assert.Equal(-1, held.Bytes.IndexOfAnyExcept((byte)1));
        cache.Release(held);
    }

    [Fact]
    public void A_chunk_beyond_the_bound_is_given_and_not_kept()
    {
        var cache = new ChunkCache(64 * 1024);
        var large = Take(cache, 1, 1 << 20);
        Assert.Equal(0, cache.Bytes);
        Assert.Equal(-1, large.Bytes.IndexOfAnyExcept((byte)1));
        cache.Release(large);
        Assert.Null(cache.TryHold(1));
    }

    [Fact(Timeout = 60_000)]
    public async Task Readers_side_by_side_never_see_another_chunks_bytes()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var cache = new ChunkCache(128 * 1024);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(reader => Task.Run(() =>
        {
            var random = new Random(seed + reader);
            for (var i = 0; i < 5000; i++)
            {
                var id = random.Next(1, 30);
                var chunk = Take(cache, id, 5000 + (id * 500));
                Assert.Equal(-1, chunk.Bytes.IndexOfAnyExcept((byte)id));
                cache.Release(chunk);
            }
        })));

        Assert.InRange(cache.Bytes, 1, 128 * 1024);
    }

    /// <summary>As the reader of contents does: what is not there is made, filled and kept.</summary>
    private static ChunkCache.Chunk Take(ChunkCache cache, int id, int length)
    {
        if (cache.TryHold(id) is { } held)
        {
            return held;
        }

        var made = ChunkCache.Make(id, length);
        made.Bytes.Fill((byte)id);
        cache.Add(made);
        return made;
    }
}

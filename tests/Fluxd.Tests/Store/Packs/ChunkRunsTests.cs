using Fluxd.Store.Packs;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Packs;

public sealed class ChunkRunsTests(ITestOutputHelper output)
{
    [Fact]
    public void Runs_come_back_whatever_they_are()
    {
        var random = NewRandom();
        for (var i = 0; i < 2000; i++)
        {
            var runs = Enumerable.Range(0, random.Next(20)).Select(_ => new ChunkRun(
                random.NextInt64(1, 1L << random.Next(1, 62)), random.Next(1, 1 << random.Next(1, 31)))).ToList();
            Assert.Equal(runs, ChunkRuns.Decode(ChunkRuns.Encode(runs)));
        }
    }

    [Fact]
    public void The_encoding_is_the_documented_one()
    {
        Assert.Empty(ChunkRuns.Encode([]));
        // 1000 from 0 is 2000 by zigzag; back from 1003 to 900 is -103, or 205.
        Assert.Equal([0xD0, 0x0F, 3, 0xCD, 0x01, 1], ChunkRuns.Encode([new ChunkRun(1000, 3), new ChunkRun(900, 1)]));
    }

    [Fact]
    public void Damaged_bytes_are_refused_or_give_possible_runs()
    {
        var random = NewRandom();
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(30)];
            random.NextBytes(bytes);
            foreach (var run in ChunkRuns.Decode(bytes) ?? [])
                Assert.True(run.First > 0 && run.Count > 0 && run.End > run.First);
        }
        Assert.Null(ChunkRuns.Decode([0x80]));
        Assert.Null(ChunkRuns.Decode([2]));
        Assert.Null(ChunkRuns.Decode([2, 0]));
        Assert.Null(ChunkRuns.Decode([1, 1]));
    }

    private Random NewRandom()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        return new Random(seed);
    }
}

using System.Buffers.Binary;
using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.Index;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Catalog;

/// <summary>The hashes in memory against a plain list: few different ones, so that many chunks share a hash, a slot and a page.</summary>
public sealed class RecentChunksTests(ITestOutputHelper output)
{
    private readonly RecentChunks _chunks = new();
    private readonly List<(ChunkHash Hash, long Id)> _model = []; // the oldest first

    [Fact]
    public void It_answers_as_a_plain_list_would()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var step = 0; step < 4000; step++)
        {
            Act(random, step);
            if (step % 50 == 0)
            {
                AssertSame();
            }
        }

        AssertSame();
    }

    private void Act(Random random, int step)
    {
        var hash = HashOf(random.Next(600));
        switch (random.Next(100))
        {
            case < 70:
                // Twice the same, or one that came out of turn.
                var id = random.Next(10) == 0 ? random.Next(1, step + 2) : (2 * step) + 1;
                _chunks.Add(hash, id);
                if (!Live.Contains((hash, id)))
                {
                    _model.Add((hash, id));
                }

                break;
            case < 97:
                if (Live.ToList() is { Count: > 0 } live)
                {
                    var gone = live[random.Next(live.Count)];
                    _chunks.Remove(gone.Hash, gone.Id);
                    _model[_model.FindIndex(entry => entry == gone)] = default;
                }

                break;
            default:
                var taken = random.Next(400);
                var came = _chunks.CameUntil(taken);
                Assert.Equal(Math.Min(taken, Live.Count()), _model.Take(came).Count(entry => entry.Id != 0));
                _chunks.RemoveOldest(came);
                _model.RemoveRange(0, came);
                break;
        }
    }

    private IEnumerable<(ChunkHash Hash, long Id)> Live => _model.Where(entry => entry.Id != 0);

    private void AssertSame()
    {
        Assert.Equal(Live, _chunks.All);
        Assert.Equal(Live.Count(), _chunks.Count);
        for (var i = 0; i < 601; i++)
        {
            var hash = HashOf(i);
            long[] ids = [.. Live.Where(entry => entry.Hash == hash).Select(entry => entry.Id)];
            Assert.Equal(ids, _chunks.Of(hash));
            Assert.Equal(ids.Length > 0, _chunks.Has(hash));
        }
    }

    private static ChunkHash HashOf(int number)
    {
        var bytes = new byte[ChunkHash.Size];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), number); // a third of them with the same first eight bytes
        BinaryPrimitives.WriteInt32BigEndian(bytes, number % 3 == 0 ? 0 : number * 7919);
        return new ChunkHash(bytes);
    }
}

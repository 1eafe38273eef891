using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Files;
using Fluxd.Testing.Disk;
using Xunit;

namespace Fluxd.Tests.Store.Content;

/// <summary>Whose chunks a writer finds, and that nothing but its own can be told from what its writes do to the disk.</summary>
public sealed class OwnChunkTests
{
    private const int TimeoutMs = 120_000;
    private static readonly ChunkScope s_anna = new(1, 1);
    private static readonly ChunkScope s_bert = new(2, 2);
    private static readonly ChunkScope s_annaInShared = new(3, 1);
    private static readonly ChunkScope s_bertInShared = new(3, 2);

    // Each in one commit: how many commits a longer one makes depends on the moment.
    public static TheoryData<int> Sizes => [100, 5000, 300_000, 3_500_000];

    /// <summary>Bert stores the same bytes twice over: beside a stranger who has them, and beside one who has others.</summary>
    [Theory(Timeout = TimeoutMs)]
    [MemberData(nameof(Sizes))]
    public async Task Bytes_that_somebody_else_has_cost_the_same_writes_and_syncs_as_new_ones(int size)
    {
        foreach (var (name, bytes) in new[] { ("random", Noise(size)), ("text", Words(size)) })
        {
            var known = await CostOfAsync(annas: bytes, berts: bytes);
            var unknown = await CostOfAsync(annas: Otherwise(bytes), berts: bytes);
            Assert.True((known.Bytes, known.Syncs) == (unknown.Bytes, unknown.Syncs), $"{name}: {known} beside the same bytes, {unknown} beside others");

            // The catalogue's pages too; but how long a row of somebody's compressed chunk is depends on the library.
            Assert.True(name == "text" || known.Wal == unknown.Wal, $"{name}: {known} beside the same bytes, {unknown} beside others");
            Assert.True(known.Bytes > (name == "random" ? size : 0));
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_the_writer_has_is_kept_once_and_at_once()
    {
        var disk = new CountingDisk(new ModelDisk());
        await using var store = TestStore.Create(disk);
        var bytes = Noise(3_000_000);
        var first = await PutAsync(store, s_anna, bytes);
        var before = disk.Bytes;
        var second = await PutAsync(store, s_anna, bytes);
        Assert.Equal(first.Id, second.Id);
        Assert.InRange(disk.Bytes - before, 0, 100_000);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_shared_folder_is_an_owner_of_its_own()
    {
        await using var store = TestStore.Create(new ModelDisk());
        var (annas, shared) = (Noise(400_000, 1), Noise(400_000, 2));
        await PutAsync(store, s_anna, annas);
        await PutAsync(store, s_bertInShared, shared);
        Assert.Equal(0, await GrowthAsync(store, s_annaInShared, annas));
        Assert.Equal(0, await GrowthAsync(store, s_annaInShared, shared));

        // What Anna brought into the folder is the folder's now, so Bert finds it there; not in his home.
        Assert.Equal(0, await GrowthAsync(store, s_bertInShared, annas));
        Assert.NotEqual(0, await GrowthAsync(store, s_bert, annas));
        Assert.Equal(0, await GrowthAsync(store, s_bert, annas));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_credential_that_may_not_read_finds_nothing()
    {
        await using var store = TestStore.Create(new ModelDisk());
        var bytes = Noise(400_000);
        await PutAsync(store, s_anna, bytes);
        Assert.NotEqual(0, await GrowthAsync(store, s_anna with { Finds = false }, bytes));
        Assert.Equal(0, await GrowthAsync(store, s_anna, bytes));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Owners_are_known_after_a_power_cut_and_after_the_index_was_merged()
    {
        var disk = new ModelDisk();
        await using var store = TestStore.Create(disk);
        var bytes = Noise(2_000_000);
        await PutAsync(store, s_anna, bytes);
        await PutAsync(store, s_bert, bytes);
        await using var again = await store.RestartAfterCut(disk, walKept: 0);
        await MergeAsync(again);
        Assert.Equal(0, await GrowthAsync(again, s_anna, bytes));
        Assert.Equal(0, await GrowthAsync(again, s_bert, bytes));
        Assert.NotEqual(0, await GrowthAsync(again, new ChunkScope(9, 9), bytes));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Ranges_join_and_never_overlap()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        await using var store = TestStore.Create(new ModelDisk());
        var expected = new SortedSet<long>();
        for (var round = 0; round < 200; round++)
        {
            var (first, count) = (random.Next(1, 400), random.Next(1, 30));
            expected.UnionWith(Enumerable.Range(first, count).Select(id => (long)id));
            await store.Catalog.WriteAsync(db => IdSet.OfTree(7).Add(db, first, count), CancellationToken.None);
        }

        var (rows, ids) = await store.Catalog.ReadAsync(
            db =>
            {
                var set = IdSet.OfTree(7);
                var ids = new List<long>();
                for (var id = set.Next(db, 0); id is { } there; id = set.Next(db, there + 1))
                {
                    ids.Add(there);
                }

                return (set.In(db, 0, long.MaxValue), ids);
            },
            CancellationToken.None);
        Assert.True(expected.SequenceEqual(ids), $"seed {seed}");
        Assert.True(rows.Zip(rows.Skip(1)).All(pair => pair.First.First + pair.First.Count < pair.Second.First), $"seed {seed}");
    }

    private static async Task<(long Bytes, int Syncs, long Wal)> CostOfAsync(byte[] annas, byte[] berts)
    {
        var disk = new CountingDisk(new ModelDisk());

        // An index as large as a real one: merges of a small one write other pages for other hashes.
        await using var store = TestStore.Create(disk, index: IndexSizes.Default);
        await PutAsync(store, s_anna, annas);
        var before = (disk.Bytes, disk.Syncs, Wal: new FileInfo(store.Path + "-wal").Length);
        await PutAsync(store, s_bert, berts);
        return (disk.Bytes - before.Bytes, disk.Syncs - before.Syncs, new FileInfo(store.Path + "-wal").Length - before.Wal);
    }

    private static async Task<ContentRef> PutAsync(TestStore store, ChunkScope scope, byte[] bytes)
    {
        await using var sink = store.Contents.Begin(scope);
        await sink.WriteAsync(bytes, CancellationToken.None);
        return await sink.SealAsync((_, content) => content, CancellationToken.None);
    }

    /// <summary>How many chunks a write adds.</summary>
    private static async Task<long> GrowthAsync(TestStore store, ChunkScope scope, byte[] bytes)
    {
        var before = await ChunksAsync(store);
        var content = await PutAsync(store, scope, bytes);
        Assert.Equal(bytes, await store.ReadAll(content.Id, content.Size));
        return await ChunksAsync(store) - before;
    }

    private static async Task<long> ChunksAsync(TestStore store) =>
        await store.Catalog.ReadAsync(db => db.Scalar("SELECT count(*) FROM chunk") ?? 0, CancellationToken.None);

    // As the committer does when enough are there; with so small an index it has done some already.
    private static Task MergeAsync(TestStore store) => store.Catalog.WriteAsync(
        db =>
        {
            var rows = new List<(long Key, long Id)>();
            using (var chunks = db.Sql("SELECT id, hash FROM chunk"))
            {
                while (chunks.Step())
                {
                    rows.Add((new ChunkHash(chunks.Span(1)).FirstEight, chunks.Long(0)));
                }
            }

            foreach (var (key, id) in rows)
            {
                using var insert = db.Sql("INSERT OR IGNORE INTO hx2(k, id) VALUES (?1, ?2)").Bind(key).Bind(id);
                insert.Run();
            }
        },
        CancellationToken.None);

    private static byte[] Noise(int length, int seed = 0)
    {
        var bytes = new byte[length];
        new Random(length + seed).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Words(int length)
    {
        var random = new Random(length);
        return [.. Enumerable.Range(0, length).Select(_ => (byte)"etaoin shrdlu\n"[random.Next(14)])];
    }

    /// <summary>Other bytes that are cut at the same places: one byte of each chunk is changed where no cut looks.</summary>
    private static byte[] Otherwise(byte[] bytes)
    {
        var (other, chunker) = (bytes.ToArray(), Chunker.For(ContentSniffer.Choose(bytes.AsSpan(0, Math.Min(bytes.Length, ContentSniffer.HeadBytes)), bytes.Length)));
        for (int at = 0, length; at < bytes.Length; at += length)
        {
            length = chunker.Cut(bytes.AsSpan(at));
            other[at + (length / 8)] ^= 1;
        }

        return other;
    }
}

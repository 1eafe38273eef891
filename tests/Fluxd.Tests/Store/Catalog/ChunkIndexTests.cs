using Fluxd.Core.Chunking;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Testing.Disk;
using SQLitePCL;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Catalog;

/// <summary>The hash index by itself: what it finds while it merges from memory to the first and the second tier.</summary>
public sealed class ChunkIndexTests(ITestOutputHelper output) : IDisposable
{
    private static readonly IndexSizes s_sizes = new(Recent: 40, Slice: 7, FirstTier: 150);

    private readonly DirectoryInfo _folder = QuickFolder.Create("fluxd-index-");
    private readonly Dictionary<ChunkHash, long> _model = [];
    private Database? _database;
    private ChunkIndex _index = null!;
    private long _nextId = 1;

    public void Dispose()
    {
        _database?.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Every_chunk_is_found_at_every_step_of_every_merge()
    {
        await Create();
        for (var round = 0; round < 30; round++)
        {
            AddChunks(20);
            while (_index.WantsMerge)
            {
                _index.MergeStep();
                AssertFindsAll();
            }
        }

        Assert.True(Count("hx1") <= s_sizes.FirstTier);
        Assert.True(Count("hx2") > 0);
        Assert.Equal(_model.Count, Count("hx1") + Count("hx2") + _index.RecentCount);
        Assert.Equal(0, Count("local WHERE key = 'hx1_moving' AND value <> 0"));
    }

    [Fact]
    public async Task Chunks_that_come_while_a_merge_runs_are_not_lost()
    {
        await Create();
        for (var step = 0; step < 400; step++)
        {
            AddChunks(3);
            if (_index.WantsMerge)
            {
                _index.MergeStep();
            }
        }

        AssertFindsAll();
        Reopen(walKept: 1);
        AssertFindsAll();
    }

    [Fact]
    public async Task A_move_goes_once_through_the_first_tier_and_not_after_what_keeps_coming()
    {
        await Create();
        for (var step = 0; !IsMoving(); step++)
        {
            Assert.True(step < 10_000);
            AddChunks(3);
            if (_index.WantsMerge)
            {
                _index.MergeStep();
            }
        }

        for (var step = 0; IsMoving(); step++)
        {
            Assert.True(step < 10_000);
            AddChunks(3);
            _index.MergeStep();
        }

        Assert.True(Count("hx1") > 0);
        Assert.True(Count("hx2") > 0);
        AssertFindsAll();

        bool IsMoving() => Count("local WHERE key = 'hx1_moving' AND value <> 0") > 0;
    }

    [Fact]
    public async Task A_crash_at_any_step_of_a_merge_loses_no_hash()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        output.WriteLine($"seed {seed}");
        await Create();
        for (var crash = 0; crash < 120; crash++)
        {
            AddChunks(random.Next(60));
            Checkpoint();
            for (var steps = random.Next(3) == 0 ? int.MaxValue : random.Next(12); steps > 0 && _index.WantsMerge; steps--)
            {
                _index.MergeStep();
            }

            // Merges are not synced: any beginning of the write-ahead log may be what is left of them.
            Reopen(random.Next(4) == 0 ? 1 : random.NextDouble());
            AssertFindsAll();
        }

        Assert.True(Count("hx2") > 0);
    }

    [Fact]
    public async Task Merges_that_are_cut_off_in_every_life_come_to_an_end_all_the_same()
    {
        await Create();
        AddChunks(300);
        for (var life = 0; life < 80; life++)
        {
            AddChunks(2);
            _index.MergeStep();
            Reopen(walKept: 1);
        }

        Assert.InRange(_index.RecentCount, 0, s_sizes.Recent + (2 * s_sizes.Slice));
        AssertFindsAll();
        while (_index.WantsMerge)
        {
            _index.MergeStep();
        }

        AssertFindsAll();
    }

    [Fact]
    public async Task A_deleted_chunk_is_not_found_wherever_its_key_is()
    {
        await Create();
        for (var round = 0; round < 20; round++)
        {
            AddChunks(20);
            while (_index.WantsMerge)
            {
                _index.MergeStep();
            }
        }

        foreach (var (hash, id) in _model.Where((_, i) => i % 3 == 0).ToList())
        {
            Execute($"DELETE FROM chunk WHERE id = {id}");
            _index.Forget([(hash, id)]);
            _model.Remove(hash);
            Assert.Null(Find(hash));
        }

        AssertFindsAll();
    }

    [Fact]
    public async Task Chunks_that_come_and_go_take_no_memory_for_ever()
    {
        await Create();
        AddChunks(10);
        for (var round = 0; round < 50; round++)
        {
            AddChunks(10);
            foreach (var (hash, id) in _model.Where(chunk => chunk.Value > 10).ToList())
            {
                Execute($"DELETE FROM chunk WHERE id = {id}");
                _index.Forget([(hash, id)]);
                _model.Remove(hash);
            }

            while (_index.WantsMerge)
            {
                _index.MergeStep();
            }

            Assert.InRange(_index.RecentPlaces, _index.RecentCount, s_sizes.Recent);
            AssertFindsAll();
        }
    }

    [Fact]
    public async Task Two_hashes_with_the_same_first_eight_bytes_are_told_apart()
    {
        await Create();
        var twins = new List<ChunkHash>();
        for (byte i = 0; i < 5; i++)
        {
            var bytes = new byte[ChunkHash.Size];
            bytes[^1] = i;
            twins.Add(new ChunkHash(bytes));
        }

        Add(twins.Take(4));
        AddChunks(200);
        while (_index.WantsMerge)
        {
            _index.MergeStep();
            AssertFindsAll();
        }

        Assert.Null(Find(twins[4]));
    }

    private async Task Create()
    {
        var path = Path.Combine(_folder.FullName, "0.db");
        await SqliteCatalog.Open(new CatalogOptions(path, TimeProvider.System) { Create = true }).DisposeAsync();
        Open(path);
    }

    private void Open(string path)
    {
        _database = Database.Open(path, raw.SQLITE_OPEN_READWRITE);
        _database.Execute("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=NORMAL");
        _index = new ChunkIndex(_database, s_sizes);
    }

    /// <summary>What starts after a power cut: the database and a beginning of its write-ahead log.</summary>
    private void Reopen(double walKept)
    {
        var path = CurrentPath();
        var next = Path.Combine(_folder.FullName, Guid.NewGuid().ToString("n") + ".db");
        File.Copy(path, next);
        if (File.Exists(path + "-wal"))
        {
            var wal = File.ReadAllBytes(path + "-wal");
            File.WriteAllBytes(next + "-wal", wal[..(int)(wal.Length * walKept)]);
        }

        _database!.Dispose();
        Open(next);
    }

    private string CurrentPath()
    {
        using var row = _database!.Sql("SELECT file FROM pragma_database_list WHERE name = 'main'");
        row.Step();
        return row.Text(0);
    }

    /// <summary>Chunk rows are in the log, so a start has them whatever the catalogue lost: here they are made safe at once.</summary>
    private void Checkpoint() => Execute("PRAGMA wal_checkpoint(TRUNCATE)");

    private void AddChunks(int count) => Add(Enumerable.Range(0, count).Select(i => ChunkHash.Of(BitConverter.GetBytes(_nextId + i))).ToList());

    private void Add(IEnumerable<ChunkHash> hashes)
    {
        var added = new List<(ChunkHash Hash, long Id)>();
        foreach (var hash in hashes)
        {
            using var insert = _database!.Sql("INSERT INTO chunk(id, hash, pack, off, raw, stored, crc, flags) VALUES (?1, ?2, 1, 0, 1, 1, 0, 0)")
                .Bind(_nextId).Bind(hash.ToArray());
            insert.Run();
            added.Add((hash, _nextId));
            _model.Add(hash, _nextId++);
        }

        _index.Add(added);
    }

    private void AssertFindsAll()
    {
        foreach (var (hash, id) in _model)
        {
            Assert.True(_index.MayKnow(hash));
            Assert.Equal(id, Find(hash));
        }

        Assert.Null(Find(ChunkHash.Of("never stored"u8)));
    }

    private long? Find(ChunkHash hash) => _index.FindHint(new CatalogTransaction(_database!, null!, null!, null!), hash);

    private long Count(string table) => _database!.Scalar("SELECT count(*) FROM " + table) ?? 0;

    private void Execute(string sql) => _database!.Execute(sql);
}

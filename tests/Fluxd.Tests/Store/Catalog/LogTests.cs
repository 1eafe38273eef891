using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Store;
using Fluxd.Store.Catalog;
using Fluxd.Store.Packs;
using Fluxd.Testing.Disk;
using Xunit;

namespace Fluxd.Tests.Store.Catalog;

/// <summary>The log in the packs carries every commit; the catalogue's own write-ahead log may lose its end.</summary>
public sealed class LogTests : IAsyncLifetime
{
    private const int TimeoutMs = 120_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-log-");
    private readonly StoreManifest _manifest = StoreManifest.CreateNew();
    private readonly List<SqliteCatalog> _open = [];
    private int _copies;

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Whatever a test leaves open ends as a killed process does.</summary>
    public async Task DisposeAsync()
    {
        foreach (var catalog in _open)
        {
            await catalog.AbandonAsync();
        }

        _folder.Delete(recursive: true);
    }

    private string NewPath() => Path.Combine(_folder.FullName, $"catalog{_copies++}.db");

    private PackStore NewPacks(Fluxd.Store.Disk.IDisk disk)
    {
        if (!disk.Exists("packs"))
        {
            PackStore.CreateFolders(disk);
        }

        return new PackStore(disk, _manifest.Identity);
    }

    private SqliteCatalog Open(string path, Fluxd.Store.Disk.IDisk disk, bool create = false, Func<bool>? makeRoom = null)
    {
        var catalog = SqliteCatalog.Open(
            new CatalogOptions(path, TimeProvider.System) { Create = create, Packs = NewPacks(disk), PackBytes = 1 << 20, Room = makeRoom is null ? null : new DiskRoom(() => long.MaxValue, makeRoom, () => false) });
        _open.Add(catalog);
        return catalog;
    }

    private async Task Stop(SqliteCatalog catalog)
    {
        _open.Remove(catalog);
        await catalog.DisposeAsync();
    }

    private static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A write as the content layer makes them: chunks, and a row that refers to them.</summary>
    private static Task<long> Put(SqliteCatalog catalog, string key, byte[] bytes, int lane = 0, bool urgent = true)
    {
        long Work(CatalogTransaction t)
        {
            var hash = ChunkHash.Of(bytes);
            var id = t.FindChunk(hash) ?? t.AppendChunks(lane, bytes, [new ChunkEntry(hash, bytes.Length, bytes.Length, ChunkCodec.Raw, Crc32C.Of(bytes))]);
            using var put = t.Sql("INSERT INTO meta(key, value) VALUES (?1, ?2)").Bind(key).Bind(id);
            put.Run();
            return id;
        }

        return urgent ? catalog.WriteAsync(Work, CancellationToken.None) : catalog.WriteLazilyAsync(Work, CancellationToken.None);
    }

    private static async Task AssertHolds(SqliteCatalog catalog, IPackStore packs, string key, byte[] bytes)
    {
        var (pack, offset, stored) = await catalog.ReadAsync(
            r =>
            {
                using var row = r.Sql("SELECT pack, off, stored FROM chunk WHERE id = (SELECT value FROM meta WHERE key = ?1)").Bind(key);
                Assert.True(row.Step(), $"{key} is lost");
                return (row.Long(0), row.Long(1), row.Int(2));
            },
            CancellationToken.None);
        var found = new byte[stored];
        using var reader = packs.Open(pack);
        reader.Read(found, offset);
        Assert.Equal(bytes, found);
    }

    /// <summary>What a power cut leaves of the catalogue: its file, and any beginning of its write-ahead log.</summary>
    private string CopyAfterCut(string path, double walKept)
    {
        var copy = NewPath();
        File.Copy(path, copy);
        var wal = File.Exists(path + "-wal") ? ReadShared(path + "-wal") : [];
        File.WriteAllBytes(copy + "-wal", wal[..(int)(wal.Length * walKept)]);
        return copy;
    }

    private static byte[] ReadShared(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(0.3)]
    [InlineData(0.8)]
    [InlineData(1)]
    public async Task A_catalogue_that_lost_the_end_of_its_own_log_is_whole_again(double walKept)
    {
        var path = NewPath();
        var disk = new ModelDisk();
        var catalog = Open(path, disk, create: true);
        for (var i = 0; i < 30; i++)
        {
            await Put(catalog, $"k{i}", Bytes(i, 1000 + (i * 4000)), lane: i % 3);
        }

        await catalog.WriteAsync(t => t.Run("INSERT INTO user(id, name, state, created) VALUES (1, 'no bytes', 1, 0)"), CancellationToken.None);
        var after = disk.AfterPowerCut(new Random(1));

        var again = Open(CopyAfterCut(path, walKept), after);
        Assert.Null(again.Fault);
        Assert.Equal(catalog.AppliedGroup, again.AppliedGroup);
        for (var i = 0; i < 30; i++)
        {
            await AssertHolds(again, NewPacks(after), $"k{i}", Bytes(i, 1000 + (i * 4000)));
        }

        Assert.Equal(1, await again.ReadAsync(r => r.Scalar("SELECT count(*) FROM user"), CancellationToken.None));

        // And it goes on: new ids are new, old chunks are found.
        var id = await Put(again, "again", Bytes(5, 1000 + (5 * 4000)));
        var fresh = await Put(again, "fresh", Bytes(99, 5000));
        Assert.Equal(30, await again.ReadAsync(r => r.Scalar("SELECT count(*) FROM chunk WHERE id < (SELECT value FROM meta WHERE key = 'fresh')"), CancellationToken.None));
        Assert.True(fresh > id);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_a_start_could_not_read_is_never_cut()
    {
        var path = NewPath();
        var disk = new ModelDisk();
        var catalog = Open(path, disk, create: true);
        for (var i = 0; i < 3; i++)
        {
            await Put(catalog, $"k{i}", Bytes(i, 30_000), lane: i % 2);
        }

        var reads = 0;
        var counting = new FaultyDisk(disk.AfterPowerCut(new Random(1)));
        counting.Plan = (_, operation, _) => { reads += operation == DiskOperation.Read ? 1 : 0; return null; };
        await Stop(Open(CopyAfterCut(path, 0), counting));
        Assert.True(reads > 10, $"{reads}");
        for (var at = 1; at <= reads; at++)
        {
            // The catalogue lost its log's end, and one read of the packs fails.
            var (after, copy, seen) = (disk.AfterPowerCut(new Random(1)), CopyAfterCut(path, 0), 0);
            var faulty = new FaultyDisk(after);
            faulty.Plan = (_, operation, _) => operation == DiskOperation.Read && ++seen == at ? Fault.Failed : null;
            var first = Open(copy, faulty);
            Assert.True(first.Fault is FluxException { Error: FluxError.Unavailable }, $"read {at}: {first.Fault}");
            await Stop(first);

            var second = Open(copy, after);
            Assert.True(second.Fault is null, $"read {at}: {second.Fault}");
            for (var i = 0; i < 3; i++)
            {
                await AssertHolds(second, NewPacks(after), $"k{i}", Bytes(i, 30_000));
            }

            await Stop(second);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_copy_of_long_ago_is_brought_up_to_date()
    {
        var path = NewPath();
        var disk = new ModelDisk();
        string copy;
        var first = Open(path, disk, create: true);
        await Put(first, "old", Bytes(1, 3000));
        copy = CopyAfterCut(path, 1);
        await Stop(first);

        for (var round = 0; round < 3; round++)
        {
            var catalog = Open(path, disk);
            await Put(catalog, $"new{round}", Bytes(10 + round, 800_000));
            await Stop(catalog);
        }

        var restored = Open(copy, disk);
        Assert.Equal(3, restored.Replayed!.Groups);
        for (var round = 0; round < 3; round++)
        {
            await AssertHolds(restored, NewPacks(disk), $"new{round}", Bytes(10 + round, 800_000));
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Chunks_of_one_group_are_found_by_each_other_and_after_a_restart()
    {
        var path = NewPath();
        var disk = new ModelDisk();
        var bytes = Bytes(1, 70_000);
        var catalog = Open(path, disk, create: true);
        var ids = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Put(catalog, $"k{i}", bytes, urgent: i == 19)));
        Assert.Single(ids.Distinct());
        await Stop(catalog);

        var again = Open(path, disk);
        Assert.Equal(1, await Put(again, "later", bytes));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Writes_on_several_lanes_in_one_group_come_back_and_their_ids_are_theirs()
    {
        var path = NewPath();
        var disk = new ModelDisk();
        var catalog = Open(path, disk, create: true);
        for (var round = 0; round < 4; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
                Put(catalog, $"k{round}.{i}", Bytes((round * 100) + i, 30_000), lane: i % CatalogLimits.Lanes, urgent: i == 39)));
        }

        var again = Open(CopyAfterCut(path, 0), disk.AfterPowerCut(new Random(3)));
        Assert.Equal(160, await again.ReadAsync(r => r.Scalar("SELECT count(*) FROM chunk"), CancellationToken.None));
        Assert.Equal(160, await again.ReadAsync(r => r.Scalar("SELECT sum(count) FROM pack_range"), CancellationToken.None));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Pieces_of_one_buffer_come_back_whether_they_stand_together_or_not()
    {
        var disk = new ModelDisk();
        var path = NewPath();
        var catalog = Open(path, disk, create: true);
        var buffer = Bytes(1, 3 << 20);

        // Side by side, with a gap, backwards, from elsewhere, side by side again, one too large to be joined, and one behind it.
        (byte[] From, int Offset, int Length)[] pieces =
        [
            (buffer, 0, 5_000), (buffer, 5_000, 60_000), (buffer, 70_000, 10_000), (buffer, 65_000, 5_000), (Bytes(2, 9_000), 0, 9_000),
            (buffer, 100_000, 400_000), (buffer, 500_000, 400_000), (buffer, 900_000, 400_000), (buffer, 1_300_000, 1_200_000), (buffer, 2_500_000, 7_000),
        ];
        var ids = await catalog.WriteAsync(
            t => pieces.Select(piece =>
            {
                var bytes = piece.From.AsMemory(piece.Offset, piece.Length);
                var hash = ChunkHash.Of(bytes.Span);
                return t.AppendChunks(0, bytes, [new ChunkEntry(hash, bytes.Length, bytes.Length, ChunkCodec.Raw, Crc32C.Of(bytes.Span))]);
            }).ToList(),
            CancellationToken.None);
        Assert.Equal(pieces.Length, ids[^1] - ids[0] + 1);
        for (var i = 0; i < pieces.Length; i++)
        {
            await Put(catalog, $"piece {i}", pieces[i].From[pieces[i].Offset..(pieces[i].Offset + pieces[i].Length)]);
            await AssertHolds(catalog, NewPacks(disk), $"piece {i}", pieces[i].From[pieces[i].Offset..(pieces[i].Offset + pieces[i].Length)]);
        }

        await Stop(catalog);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Nothing_is_written_for_a_group_that_changed_nothing()
    {
        var disk = new FaultyDisk(new ModelDisk());
        var catalog = Open(NewPath(), disk, create: true);
        var before = disk.Changes;
        await catalog.WriteAsync(t => t.Run("DELETE FROM user"), CancellationToken.None);
        Assert.Equal(before, disk.Changes);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_small_commit_costs_one_sync()
    {
        var syncs = 0;
        var disk = new FaultyDisk(new ModelDisk());
        var catalog = Open(NewPath(), disk, create: true);
        await Put(catalog, "first", Bytes(0, 1000));
        disk.Plan = (_, operation, _) =>
        {
            syncs += operation is DiskOperation.Sync or DiskOperation.SyncDirectory ? 1 : 0;
            return null;
        };
        await Put(catalog, "second", Bytes(1, 1000));
        Assert.Equal(1, syncs);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(Fault.Failed)]
    [InlineData(Fault.Torn)]
    [InlineData(Fault.LostPages)]
    [InlineData(Fault.DoneButFailed)]
    [InlineData(Fault.Full)]
    [InlineData(Fault.TornFull)]
    internal async Task One_failing_write_or_sync_costs_a_pack_and_nothing_else(Fault fault)
    {
        for (var at = 1; ; at++)
        {
            var model = new ModelDisk();
            var disk = new FaultyDisk(model);
            var path = NewPath();
            var catalog = Open(path, disk, create: true);
            await Put(catalog, "before", Bytes(1, 3000));
            var first = disk.Changes;
            disk.FailAt(first + at, fault);
            await Put(catalog, "hit", Bytes(2, 300_000));
            var isDone = !disk.HasFailed;
            disk.Plan = (_, _, _) => null;
            await Put(catalog, "after", Bytes(3, 3000));
            Assert.Null(catalog.Fault);

            var after = model.AfterPowerCut(new Random(at));
            var again = Open(CopyAfterCut(path, 0), after);
            Assert.Null(again.Fault);
            await AssertHolds(again, NewPacks(after), "before", Bytes(1, 3000));
            await AssertHolds(again, NewPacks(after), "hit", Bytes(2, 300_000));
            await AssertHolds(again, NewPacks(after), "after", Bytes(3, 3000));
            if (isDone)
            {
                Assert.True(at > 2);
                return;
            }
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_disk_that_keeps_failing_makes_the_store_read_only_and_loses_nothing_that_was_acknowledged()
    {
        var model = new ModelDisk();
        var disk = new FaultyDisk(model);
        var path = NewPath();
        var catalog = Open(path, disk, create: true);
        await Put(catalog, "before", Bytes(1, 3000));
        disk.FailFrom(disk.Changes + 1, Fault.Failed);
        Assert.Equal(FluxError.Unavailable, (await Assert.ThrowsAsync<FluxException>(() => Put(catalog, "lost", Bytes(2, 3000)))).Error);
        Assert.NotNull(catalog.Fault);
        disk.Plan = (_, _, _) => null;
        Assert.Equal(FluxError.Unavailable, (await Assert.ThrowsAsync<FluxException>(() => Put(catalog, "more", Bytes(3, 3000)))).Error);
        await AssertHolds(catalog, NewPacks(model), "before", Bytes(1, 3000));
        await Stop(catalog);

        var again = Open(path, model);
        await AssertHolds(again, NewPacks(model), "before", Bytes(1, 3000));
        await Put(again, "more", Bytes(3, 3000));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_group_whose_pack_could_not_be_made_is_written_to_another()
    {
        var disk = new FaultyDisk(new ModelDisk());
        var catalog = Open(NewPath(), disk, create: true);
        disk.Plan = (_, operation, _) => operation == DiskOperation.Create && !disk.HasFailed ? Fault.Full : null;
        await Put(catalog, "first", Bytes(1, 3000));
        Assert.True(disk.HasFailed);
        await AssertHolds(catalog, NewPacks(disk), "first", Bytes(1, 3000));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_full_disk_refuses_and_goes_on_when_there_is_room()
    {
        var model = new ModelDisk();
        var path = NewPath();
        Func<bool> makeRoom = () => false;
        var catalog = Open(path, model, create: true, makeRoom: () => makeRoom());
        await Put(catalog, "before", Bytes(1, 3000));
        model.Capacity = model.UsedBytes + 2000;
        Assert.Equal(FluxError.NoSpace, (await Assert.ThrowsAsync<FluxException>(() => Put(catalog, "big", Bytes(2, 300_000)))).Error);
        Assert.Null(catalog.Fault);
        // Room that is made on request serves the commit that ran out of it.
        makeRoom = () =>
        {
            model.Capacity = model.UsedBytes + 1_000_000;
            return true;
        };
        await Put(catalog, "later", Bytes(3, 3000));
        await AssertHolds(catalog, NewPacks(model), "later", Bytes(3, 3000));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_failed_group_that_cannot_be_cut_stops_the_writing_until_a_restart_tells()
    {
        var model = new ModelDisk();
        var disk = new FaultyDisk(model);
        var path = NewPath();
        var catalog = Open(path, disk, create: true);
        await Put(catalog, "before", Bytes(1, 3000));
        // The record is written, its sync finds no room, and the disk takes nothing back.
        disk.Plan = (_, operation, _) => operation switch
        {
            DiskOperation.Sync => Fault.Full,
            DiskOperation.SetLength or DiskOperation.Remove => Fault.Failed,
            _ => null,
        };
        Assert.Equal(FluxError.Unavailable, (await Assert.ThrowsAsync<FluxException>(() => Put(catalog, "unclear", Bytes(2, 3000)))).Error);
        disk.Plan = (_, _, _) => null;
        Assert.Equal(FluxError.Unavailable, (await Assert.ThrowsAsync<FluxException>(() => Put(catalog, "other", Bytes(3, 3000)))).Error);
        await Stop(catalog);

        var again = Open(path, model);
        await AssertHolds(again, NewPacks(model), "before", Bytes(1, 3000));
        await Put(again, "other", Bytes(3, 3000));
        await AssertHolds(again, NewPacks(model), "other", Bytes(3, 3000));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_group_that_found_no_room_leaves_no_pack()
    {
        var model = new ModelDisk();
        var catalog = Open(NewPath(), model, create: true);
        await Put(catalog, "before", Bytes(1, 3000));
        // Enough for the footer of a pack, and for a part of the payload, which begins a second pack.
        foreach (var room in (int[])[20_000, 200_000, 1_100_000])
        {
            model.Capacity = model.UsedBytes + room;
            await Assert.ThrowsAsync<FluxException>(() => Put(catalog, "big", Bytes(2, 1_200_000)));
            model.Capacity = long.MaxValue;
            await Put(catalog, $"after{room}", Bytes(room, 3000));
            await AssertEveryPackBelongs(catalog, model);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_a_killed_process_had_begun_goes_at_the_next_start_and_what_may_be_anothers_stays()
    {
        var model = new ModelDisk();
        var path = NewPath();
        var catalog = Open(path, model, create: true);
        await Put(catalog, "k", Bytes(1, 3000));
        await Stop(catalog);

        // Payload alone; a trailer that was cut off; a trailer whose group has no record.
        Begin(0x21, _manifest.Identity, isFinished: false);
        Begin(0x22, _manifest.Identity, isFinished: true);
        using (var torn = model.Open(PackLayout.PathOf(0x22), Fluxd.Store.Disk.DiskMode.Write))
        {
            torn.SetLength(torn.Length - PackLayout.Alignment + 300);
        }

        Begin(0x23, _manifest.Identity, isFinished: true);
        Begin(0x24, StoreManifest.CreateNew().Identity, isFinished: true);

        var again = Open(path, model);
        Assert.Null(again.Fault);
        Assert.Equal([0x24L], again.Replayed!.Strays);
        Assert.Equal([1L, 0x24L], NewPacks(model).List().Select(pack => pack.Pack));
        await AssertHolds(again, NewPacks(model), "k", Bytes(1, 3000));

        void Begin(long pack, StoreIdentity identity, bool isFinished)
        {
            using var packs = new PackStore(model, identity);
            using var writer = packs.Create(pack);
            var bytes = Bytes((int)pack, 10_000);
            writer.Append(bytes, [new ChunkEntry(ChunkHash.Of(bytes), bytes.Length, bytes.Length, ChunkCodec.Raw, Crc32C.Of(bytes))]);
            if (isFinished)
            {
                writer.FinishSegment(catalog.AppliedGroup + 1, 100, default);
            }

            writer.Sync();
        }
    }

    private async Task AssertEveryPackBelongs(SqliteCatalog catalog, ModelDisk disk)
    {
        var known = await catalog.ReadAsync(
            r =>
            {
                var ids = new List<long>();
                using var rows = r.Sql("SELECT id FROM pack ORDER BY id");
                while (rows.Step())
                {
                    ids.Add(rows.Long(0));
                }

                return ids;
            },
            CancellationToken.None);
        Assert.Equal(known, NewPacks(disk).List().Select(pack => pack.Pack));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_record_damaged_in_the_middle_of_the_log_stops_the_start_and_changes_nothing()
    {
        var path = NewPath();
        var disk = new ModelDisk();
        var catalog = Open(path, disk, create: true);
        var places = new List<(long Pack, long Length)>();
        for (var i = 0; i < 5; i++)
        {
            await Put(catalog, $"k{i}", Bytes(i, 10_000));
            places.Add(await catalog.ReadAsync(r => (r.Scalar("SELECT max(id) FROM pack")!.Value, r.Scalar("SELECT max(len) FROM pack")!.Value), CancellationToken.None));
        }

        var copy = CopyAfterCut(path, 0);
        var before = disk.AfterKill();
        // Group 3's trailer, in its last 4 KiB.
        using (var file = before.Open(PackLayout.PathOf(places[2].Pack), Fluxd.Store.Disk.DiskMode.Write))
        {
            file.Write(new byte[100], places[2].Length - 4096 + 200);
        }

        var again = Open(copy, before);
        Assert.Equal(FluxError.Corrupt, Assert.IsType<FluxException>(again.Fault).Error);
        Assert.Contains("group 3", again.Fault.Message, StringComparison.Ordinal);
        Assert.Equal(FluxError.Unavailable, (await Assert.ThrowsAsync<FluxException>(() => Put(again, "no", Bytes(9, 10)))).Error);
        using var still = before.Open(PackLayout.PathOf(places[4].Pack), Fluxd.Store.Disk.DiskMode.Read);
        Assert.True(still.Length >= places[4].Length);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_missing_pack_is_named_and_nothing_is_written()
    {
        var path = NewPath();
        var disk = new ModelDisk();
        var catalog = Open(path, disk, create: true);
        await Put(catalog, "k", Bytes(1, 10_000));
        await Stop(catalog);

        disk.Remove(PackLayout.PathOf(1));
        var again = Open(path, disk);
        Assert.Contains("0000000000000001 is missing", again.Fault!.Message, StringComparison.Ordinal);
    }
}

using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Fluxd.Testing.Disk;
using Xunit;

namespace Fluxd.Tests.Store.Packs;

public sealed class PackStoreTests
{
    private readonly PackBench _bench = new();

    [Fact]
    public void Packs_are_listed_by_id_and_strange_files_are_left_alone()
    {
        foreach (var id in new long[] { 300, 2, 1, 257, 0x1_0000_0001 })
            _bench.Packs.Create(id).Dispose();
        foreach (var strange in new[] { "packs/01/0000000000000002.pack", "packs/01/note.txt", "packs/01/1.pack", "packs/00/0000000000000000.pack" })
            _bench.Disk.Open(strange, DiskMode.CreateNew).Dispose();
        Assert.Equal([1, 2, 257, 300, 0x1_0000_0001], _bench.Packs.List().Select(p => p.Pack));
    }

    [Fact]
    public void An_id_makes_one_pack_only()
    {
        _bench.Packs.Create(1).Dispose();
        Assert.Equal(DiskFault.Exists, Assert.Throws<DiskException>(() => _bench.Packs.Create(1)).Fault);
    }

    [Fact]
    public void Readers_outlive_a_pack_s_removal_and_new_ones_are_told()
    {
        var chunk = PackBench.Bytes(100, 1);
        using (var writer = _bench.Packs.Create(1))
        {
            PackBench.Append(writer, chunk);
            writer.FinishSegment(1, 1, []);
            writer.Seal();
        }
        using var reader = _bench.Packs.Open(1);
        _bench.Packs.Remove(1);
        var buffer = new byte[100];
        reader.Read(buffer, 0);
        Assert.Equal(chunk, buffer);
        Assert.Throws<PackDamagedException>(() => _bench.Packs.Open(1));
        Assert.Throws<PackDamagedException>(() => reader.Read(buffer, 1 << 20));
        Assert.Empty(_bench.Packs.List());
    }

    [Fact]
    public void Idle_files_are_closed_beyond_the_limit_and_used_ones_are_not()
    {
        for (var id = 1; id <= 6; id++)
            _bench.Fill(id, 1, id);
        using var files = new PackFiles(_bench.Disk, 2);
        var used = Enumerable.Range(1, 4).Select(id => files.Acquire(id)).ToList();
        Assert.Equal(4, files.OpenCount);
        foreach (var reader in used)
        {
            reader.Read(new byte[1], 0);
            reader.Dispose();
            reader.Dispose(); // harmless
        }
        Assert.Equal(2, files.OpenCount);
        using (files.Acquire(4))
        using (files.Acquire(5))
        using (files.Acquire(6))
            Assert.Equal(3, files.OpenCount);
        Assert.Equal(2, files.OpenCount);
    }

    [Fact]
    public void A_writer_that_failed_takes_nothing_more()
    {
        var disk = new FaultyDisk(_bench.Disk);
        var packs = new PackStore(disk, _bench.Identity);
        foreach (var operation in new[] { DiskOperation.Write, DiskOperation.Sync })
        {
            disk.Plan = (_, _, _) => null;
            using var writer = packs.Create(operation == DiskOperation.Write ? 1 : 2);
            PackBench.Append(writer, [1]);
            writer.FinishSegment(1, 1, []);
            disk.Plan = (_, o, _) => o == operation ? Fault.Failed : null;
            Assert.Throws<DiskException>(() =>
            {
                PackBench.Append(writer, [2]);
                writer.Sync();
            });
            disk.Plan = (_, _, _) => null;
            Assert.True(writer.IsSuspect);
            Assert.Throws<InvalidOperationException>(() => PackBench.Append(writer, [3]));
            Assert.Throws<InvalidOperationException>(writer.Sync);
            Assert.Throws<InvalidOperationException>(() => writer.FinishSegment(2, 2, [1]));
        }
    }

    [Fact]
    public void A_lane_fills_packs_one_after_the_other_and_seals_them_after_their_group()
    {
        long next = 0;
        using var lane = new PackLane(_bench.Packs, () => ++next, 100_000);
        var places = Enumerable.Range(0, 10).Select(i => lane.Append(PackBench.Bytes(30_000, i), [PackBench.Entry(PackBench.Bytes(30_000, i))])).ToList();
        Assert.Equal([1, 1, 1, 2, 2, 2, 3, 3, 3, 4], places.Select(p => p.Pack));
        Assert.Equal([1, 2, 3, 4], lane.Touched.Select(w => w.Pack));
        Assert.Empty(lane.SealFull());
        foreach (var writer in lane.Touched)
            writer.FinishSegment(1, 1, []);
        Assert.Equal([1, 2, 3], lane.SealFull());
        Assert.Equal([4], lane.SealAll());
        Assert.All(_bench.Packs.List(), p => Assert.True(_bench.Packs.IsSealed(p.Pack)));
        Assert.Equal(5, lane.Append([1], [PackBench.Entry([1])]).Pack);
    }

    [Fact]
    public void A_lane_leaves_a_suspect_pack_for_a_new_one()
    {
        var disk = new FaultyDisk(_bench.Disk);
        long next = 0;
        using var lane = new PackLane(new PackStore(disk, _bench.Identity), () => ++next, 100_000);
        lane.Append([1], [PackBench.Entry([1])]);
        lane.Current.FinishSegment(1, 1, []);
        lane.Current.Sync();
        disk.Plan = (_, o, _) => o == DiskOperation.Write ? Fault.TornFull : null;
        Assert.Equal(DiskFault.Full, Assert.Throws<DiskException>(() => lane.Append([2, 3], [PackBench.Entry([2, 3])])).Fault);
        disk.Plan = (_, _, _) => null;
        Assert.Equal(new PackPlace(2, 0), lane.Append([2, 3], [PackBench.Entry([2, 3])]));
        Assert.Single(_bench.Packs.Scan(1, 0));
    }

    [Fact]
    public void Payload_and_chunks_must_agree()
    {
        using var writer = _bench.Packs.Create(1);
        Assert.Throws<ArgumentException>(() => writer.Append([1, 2], [PackBench.Entry([1])]));
        Assert.Throws<InvalidOperationException>(() => writer.FinishSegment(1, 1, []));
        PackBench.Append(writer, [1]);
        Assert.Throws<InvalidOperationException>(writer.Seal);
        Assert.False(writer.IsSuspect);
    }
}

using Fluxd.Store.Disk;
using Fluxd.Store.Packs;
using Fluxd.Testing.Disk;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.Packs;

public sealed class PackScanTests(ITestOutputHelper output)
{
    private readonly PackBench _bench = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_scan_finds_every_segment_with_its_chunks_and_journal(bool seal)
    {
        var written = _bench.Fill(1, 12, 3, seal);
        var found = _bench.Packs.Scan(1, 0).ToList();
        Assert.Equal(seal, _bench.Packs.IsSealed(1));
        Assert.Equal(written.Select(t => t.Offset), found.Select(t => t.Offset));
        for (var i = 0; i < found.Count; i++)
        {
            Assert.Equal(written[i].Chunks, found[i].Chunks);
            Assert.Equal(written[i].JournalLength, found[i].JournalLength);
            if (found[i].HasJournal)
                Assert.Equal(PackBench.Bytes(found[i].JournalLength, i), _bench.Packs.ReadJournal(found[i]));
            Assert.Empty(_bench.Packs.Verify(found[i], rehash: true));
        }
        Assert.Equal(written.Skip(5).Select(t => t.Offset), _bench.FoundOffsets(1, written[4].End));
    }

    [Fact]
    public void Damage_hides_only_the_segment_it_hits()
    {
        var written = _bench.Fill(1, 10, 4, seal: true);
        foreach (var seal in new[] { true, false })
        {
            if (!seal)
                _bench.Overwrite(1, _bench.File(1).Length - 3, 0xFF); // without the footer's tail it is searched for
            Assert.Equal(seal, _bench.Packs.IsSealed(1));
            foreach (var hit in written)
            {
                var old = _bench.File(1)[hit.Offset + 40];
                _bench.Overwrite(1, hit.Offset + 40, (byte)(old ^ 1));
                Assert.Equal(written.Where(t => t != hit).Select(t => t.Offset), _bench.FoundOffsets(1));
                Assert.Throws<PackDamagedException>(() => _bench.Packs.ReadJournal(hit));
                _bench.Overwrite(1, hit.Offset + 40, old);
            }
            Assert.Equal(written.Select(t => t.Offset), _bench.FoundOffsets(1));
        }
    }

    [Fact]
    public void A_damaged_chunk_is_named_and_its_neighbours_are_not()
    {
        var trailer = _bench.Fill(1, 1, 8).Single(t => t.Chunks.Count > 0);
        var last = trailer.Chunks.Count - 1;
        _bench.Overwrite(1, trailer.PayloadOffset + trailer.PayloadLength - 1, (byte)(_bench.File(1)[trailer.PayloadOffset + trailer.PayloadLength - 1] ^ 4));
        Assert.Equal([last], _bench.Packs.Verify(trailer, rehash: false));
        Assert.Equal([last], _bench.Packs.Verify(trailer, rehash: true));
    }

    [Fact]
    public void A_pack_cut_anywhere_keeps_the_segments_before_the_cut()
    {
        var written = _bench.Fill(1, 6, 5, seal: true);
        var whole = _bench.File(1);
        foreach (var cut in Enumerable.Range(0, 200).Select(i => (long)whole.Length * i / 200))
        {
            var other = new PackBench(new ModelDisk(), _bench.Identity);
            using (var copy = other.Disk.Open(PackLayout.PathOf(1), DiskMode.CreateNew))
                copy.Write(whole.AsSpan(0, (int)cut), 0);
            Assert.Equal(written.Where(t => t.Offset + t.Length <= cut).Select(t => t.Offset), other.FoundOffsets(1));
        }
    }

    [Fact]
    public void The_store_s_own_packs_as_payload_add_no_segment()
    {
        _bench.Fill(1, 8, 6, seal: true);
        var upload = _bench.File(1); // somebody stores a copy of the store's own folder
        var random = new Random(1);
        var expected = new List<long>();
        using (var writer = _bench.Packs.Create(2))
        {
            for (var i = 0; i < 4; i++)
            {
                // On boundaries and off them, whole and in pieces.
                foreach (var piece in upload.Chunk(random.Next(1, 4) * 4096))
                    PackBench.Append(writer, piece);
                expected.Add(writer.FinishSegment(100 + i, 1, []).Offset);
                PackBench.Append(writer, upload);
                expected.Add(writer.FinishSegment(200 + i, 1, []).Offset);
            }
            writer.Sync();
        }
        Assert.Equal(expected, _bench.FoundOffsets(2));
        Assert.False(_bench.Packs.IsSealed(2)); // although its last upload ended with a footer
    }

    [Fact]
    public void A_copy_of_a_pack_s_own_trailers_in_its_own_payload_adds_no_segment()
    {
        var seen = new List<long>();
        using (var writer = _bench.Packs.Create(1))
        {
            for (var i = 0; i < 5; i++)
            {
                var self = _bench.File(1);
                PackBench.Append(writer, self.Length == 0 ? [1, 2, 3] : self);
                seen.Add(writer.FinishSegment(i + 1, 1, [7]).Offset);
                writer.Sync();
            }
        }
        Assert.Equal(seen, _bench.FoundOffsets(1));
    }

    [Fact]
    public void A_payload_whose_tail_looks_like_a_footer_doesn_t_seal_a_pack()
    {
        _bench.Fill(1, 2, 6, seal: true);
        using (var writer = _bench.Packs.Create(2))
            PackBench.Append(writer, _bench.File(1)); // and the process dies before any trailer
        Assert.False(_bench.Packs.IsSealed(2));
        Assert.Empty(_bench.FoundOffsets(2));
    }

    [Fact]
    public void A_pack_left_open_is_cut_behind_what_is_kept_and_sealed()
    {
        var written = _bench.Fill(1, 5, 9);
        _bench.Overwrite(1, written[^1].End, PackBench.Bytes(5000, 1));
        _bench.Packs.SealLeftOpen(1, [.. written.Take(4)]);
        Assert.True(_bench.Packs.IsSealed(1));
        Assert.Equal(written.Take(4).Select(t => t.Offset), _bench.FoundOffsets(1));
        Assert.All(_bench.Packs.Scan(1, 0), t => Assert.Empty(_bench.Packs.Verify(t, rehash: true)));
    }

    [Fact]
    public void After_a_power_cut_every_synced_segment_is_found_whole_and_nothing_is_made_up()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        for (var run = 0; run < 300; run++)
        {
            var random = new Random(unchecked(seed + run));
            var disk = new ModelDisk();
            var bench = new PackBench(disk);
            var written = new List<TrailerInfo>();
            var synced = 0;
            using var writer = bench.Packs.Create(1);
            for (var steps = random.Next(20); steps > 0; steps--)
            {
                PackBench.Append(writer, PackBench.Bytes(random.Next(1, 6000), random.Next()));
                if (random.Next(2) == 0)
                    written.Add(writer.FinishSegment(written.Count + 1, 1, PackBench.Bytes(random.Next(300), 1)));
                if (random.Next(3) == 0)
                {
                    writer.Sync();
                    synced = written.Count;
                }
            }
            var after = new PackBench(disk.AfterPowerCut(random), bench.Identity);
            var found = after.Packs.Scan(1, 0).ToList();
            Assert.True(found.Count >= synced);
            Assert.Equal(written.Take(synced).Select(t => t.Offset), found.Take(synced).Select(t => t.Offset));
            Assert.All(found, t => Assert.Contains(written, w => w.Offset == t.Offset && w.Group == t.Group));
            Assert.All(found.Take(synced), t => Assert.Empty(after.Packs.Verify(t, rehash: true)));
        }
    }
}

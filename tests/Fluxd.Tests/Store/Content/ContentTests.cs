using Fluxd.Core;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Content;
using Fluxd.Store.Files;
using Fluxd.Store.Packs.Codecs;
using Fluxd.Testing.Disk;
using Xunit;

namespace Fluxd.Tests.Store.Content;

public sealed class ContentTests : IAsyncLifetime
{
    private const int TimeoutMs = 60_000;

    private readonly ModelDisk _disk = new();
    private TestStore _store = null!;

    public Task InitializeAsync()
    {
        _store = TestStore.Create(_disk);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _store.DisposeAsync();

    private static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Words(int seed, int length)
    {
        var random = new Random(seed);
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = (byte)"etaoin shrdlu\n"[random.Next(14)];
        }

        return bytes;
    }

    private async Task<ContentRef> Put(byte[] bytes, int piece = 100_000)
    {
        await using var sink = _store.Contents.Begin();
        for (var at = 0; at < bytes.Length; at += piece)
        {
            await sink.WriteAsync(bytes.AsMemory(at, Math.Min(piece, bytes.Length - at)), CancellationToken.None);
        }

        return await sink.SealAsync((_, content) => content, CancellationToken.None);
    }

    private Task<long?> Count(string what) => _store.Catalog.ReadAsync(r => r.Scalar(what), CancellationToken.None).AsTask();

    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(16 << 10)]
    [InlineData((16 << 10) + 1)]
    [InlineData(64 << 10)]
    [InlineData((256 << 10) - 1)]
    [InlineData(256 << 10)]
    [InlineData(1_000_003)]
    [InlineData(13_000_000)]
    public async Task What_goes_in_comes_out(int length)
    {
        foreach (var bytes in new[] { Noise(length, length), Words(length, length), new byte[length] })
        {
            var content = await Put(bytes);
            Assert.Equal(length, content.Size);
            Assert.Equal(bytes, await _store.ReadAll(content.Id, length));
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_tag_does_not_depend_on_how_the_bytes_came()
    {
        var bytes = Noise(1, 3_000_000);
        var first = await Put(bytes, 17_003);
        var second = await Put(bytes, 3_000_000);
        Assert.Equal(first.Tag, second.Tag);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_same_bytes_are_kept_once()
    {
        await Put(Noise(1, 5_000_000));
        var chunks = await Count("SELECT count(*) FROM chunk");
        await Put(Noise(1, 5_000_000));
        byte[] shifted = [.. Noise(2, 1000), .. Noise(1, 5_000_000)];
        var content = await Put(shifted);
        Assert.Equal(shifted, await _store.ReadAll(content.Id, shifted.Length));
        Assert.InRange((await Count("SELECT count(*) FROM chunk"))!.Value, chunks!.Value + 1, chunks.Value + 3);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_compressed_film_is_cut_coarsely_and_text_is_stored_compressed()
    {
        byte[] film = [0x1A, 0x45, 0xDF, 0xA3, .. Noise(3, 9_000_000)];
        var content = await Put(film);
        Assert.Equal(film, await _store.ReadAll(content.Id, film.Length));
        Assert.InRange((await Count("SELECT count(*) FROM chunk"))!.Value, 3, 30);
        var text = await Put(Words(4, 2_000_000));
        Assert.Equal(Words(4, 2_000_000), await _store.ReadAll(text.Id, 2_000_000));
        if (Zstd.IsAvailable)
        {
            Assert.True(await Count("SELECT sum(stored) FROM chunk WHERE flags & 255 = 1") < 1_500_000);
        }
    }

    /// <summary>Random writes, flushes, resumes and reads against a plain array.</summary>
    [Theory(Timeout = TimeoutMs)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_sink_is_what_was_written_however_often_it_is_interrupted(int seed)
    {
        var random = new Random(seed);
        var all = new MemoryStream();
        var sink = _store.Contents.Begin();
        for (var step = 0; step < 40; step++)
        {
            var piece = random.Next(3) == 0 ? Words(random.Next(), random.Next(1_500_000)) : Noise(random.Next(), random.Next(40_000));
            await sink.WriteAsync(piece, CancellationToken.None);
            all.Write(piece);
            Assert.Equal(all.Length, sink.Length);
            if (random.Next(4) == 0)
            {
                var (content, durable) = await sink.FlushAsync((_, id, length) => (id, length), CancellationToken.None);
                Assert.Equal(all.Length, durable);
                if (random.Next(2) == 0)
                {
                    await sink.DisposeAsync();
                    sink = await _store.Contents.ResumeAsync(content, CancellationToken.None);
                    Assert.Equal(all.Length, sink.Length);
                }
            }

            if (random.Next(6) == 0)
            {
                var from = random.Next((int)all.Length + 1);
                var wanted = new byte[random.Next(100_000)];
                var got = await sink.ReadAsync(from, wanted, CancellationToken.None);
                Assert.Equal(Math.Min(wanted.Length, all.Length - from), got);
                Assert.Equal(all.ToArray().AsSpan(from, got), wanted.AsSpan(0, got));
            }
        }

        var whole = await sink.SealAsync((_, content) => content, CancellationToken.None);
        Assert.Equal(all.ToArray(), await _store.ReadAll(whole.Id, all.Length));

        // Interruptions leave no trace in the cuts.
        Assert.Equal((await Put(all.ToArray())).Tag, whole.Tag);
        for (var i = 0; i < 50; i++)
        {
            var from = random.Next((int)all.Length);
            var wanted = new byte[random.Next(400_000)];
            var got = await _store.Contents.ReadAsync(whole.Id, from, wanted, CancellationToken.None);
            Assert.Equal(all.ToArray().AsSpan(from, Math.Min(wanted.Length, (int)all.Length - from)), wanted.AsSpan(0, got));
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_copy_with_an_edit_in_the_middle_moves_only_the_edit()
    {
        var bytes = Noise(1, 12_000_000);
        var source = await Put(bytes);
        var before = await Count("SELECT sum(stored) FROM chunk");
        await using var sink = _store.Contents.Begin();
        await sink.AppendAsync(source.Id, 0, 5_000_000, CancellationToken.None);
        var edit = Noise(2, 1000);
        await sink.WriteAsync(edit, CancellationToken.None);
        await sink.AppendAsync(source.Id, 5_001_000, 6_999_000, CancellationToken.None);
        var edited = await sink.SealAsync((_, content) => content, CancellationToken.None);

        edit.CopyTo(bytes, 5_000_000);
        Assert.Equal(bytes, await _store.ReadAll(edited.Id, bytes.Length));
        Assert.InRange((await Count("SELECT sum(stored) FROM chunk"))!.Value - before!.Value, 1, 700_000);
        Assert.Equal((await Put(bytes)).Tag, edited.Tag);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_publication_that_is_refused_leaves_the_sink_usable()
    {
        await using var sink = _store.Contents.Begin();
        await sink.WriteAsync(Noise(1, 700_000), CancellationToken.None);
        await Assert.ThrowsAsync<FluxException>(() => sink.SealAsync<int>((_, _) => throw FluxException.Conflict("no"), CancellationToken.None));
        await sink.WriteAsync(Noise(2, 700_000), CancellationToken.None);
        var content = await sink.SealAsync((_, c) => c, CancellationToken.None);
        Assert.Equal((byte[])[.. Noise(1, 700_000), .. Noise(2, 700_000)], await _store.ReadAll(content.Id, content.Size));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task The_newest_writer_fences_the_older()
    {
        await using var old = _store.Contents.Begin();
        await old.WriteAsync(Noise(1, 600_000), CancellationToken.None);
        var content = await old.FlushAsync((_, id, _) => id, CancellationToken.None);
        await using var young = await _store.Contents.ResumeAsync(content, CancellationToken.None);
        await old.WriteAsync(Noise(2, 600_000), CancellationToken.None);
        var fenced = await Assert.ThrowsAsync<FluxException>(() => old.FlushAsync((_, id, _) => id, CancellationToken.None));
        Assert.Equal(FluxError.Fenced, fenced.Error);
        await young.WriteAsync(Noise(3, 600_000), CancellationToken.None);
        var whole = await young.SealAsync((_, c) => c, CancellationToken.None);
        Assert.Equal((byte[])[.. Noise(1, 600_000), .. Noise(3, 600_000)], await _store.ReadAll(whole.Id, whole.Size));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_follows_lost_bytes_never_joins_the_content_that_got_their_number()
    {
        var disk = new FaultyDisk(_disk);
        await using var store = TestStore.Create(disk);
        var bytes = Noise(7, 6_000_000);
        await using var lost = store.Contents.Begin();
        await using var other = store.Contents.Begin();

        // While the committer stands still: the one's first bytes, a write that has its group to itself, the other's first, the one's rest, the other's rest.
        using var release = new SemaphoreSlim(0);
        var blocker = await Blocked(store, release);
        await lost.WriteAsync(bytes.AsMemory(), CancellationToken.None);
        await Waiting(store, 1);
        var between = store.Catalog.MoveChunksAsync(_ => true, CancellationToken.None);
        await Waiting(store, 2);
        await other.WriteAsync(bytes.AsMemory(), CancellationToken.None);
        await Waiting(store, 3);
        var isKept = false;
        var first = lost.FlushAsync((_, _, _) => isKept = true, CancellationToken.None);
        await Waiting(store, 5);
        var second = other.FlushAsync((_, content, _) => content, CancellationToken.None);
        await Waiting(store, 7);

        // Both tries at the first of those groups fail, and nothing after them.
        var failures = 0;
        disk.Plan = (_, _, _) => failures++ < 2 ? Fault.Full : null;
        release.Release();

        Assert.Equal(FluxError.NoSpace, (await Assert.ThrowsAsync<FluxException>(() => first)).Error);
        Assert.False(isKept);
        await Task.WhenAll(blocker, between);
        await second;
        var sealedOne = await other.SealAsync((_, content) => content, CancellationToken.None);
        Assert.Equal(bytes, await store.ReadAll(sealedOne.Id, bytes.Length));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_file_whose_first_bytes_failed_alone_in_its_group_is_not_published_without_them()
    {
        await using var store = TestStore.Create(new ModelDisk());
        await using var sink = store.Contents.Begin();
        var bytes = Noise(8, 5_000_000);
        var published = 0L;

        // While the committer stands still, so that one group takes them: a fault for contents, the first bytes, its end, the rest.
        using var release = new SemaphoreSlim(0);
        var blocker = await Blocked(store, release);
        var arm = store.Catalog.WriteAsync(t => t.Run("CREATE TEMP TRIGGER no BEFORE INSERT ON content BEGIN SELECT RAISE(ABORT, 'not now'); END"), CancellationToken.None);
        await Waiting(store, 1);
        await sink.WriteAsync(bytes.AsMemory(), CancellationToken.None);
        await Waiting(store, 2);
        var disarm = store.Catalog.WriteAsync(t => t.Run("DROP TRIGGER no"), CancellationToken.None);
        var sealing = sink.SealAsync((_, content) => published = content.Id, CancellationToken.None);
        await Waiting(store, 4);
        release.Release();

        await Assert.ThrowsAnyAsync<Exception>(() => sealing);
        await Task.WhenAll(blocker, arm, disarm);
        Assert.Equal(0, published);
    }

    /// <summary>The write that the committer's thread stands in, until it is released.</summary>
    private static async Task<Task> Blocked(TestStore store, SemaphoreSlim release)
    {
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var blocker = store.Catalog.WriteAsync(
            _ =>
            {
                began.SetResult();
                return release.Wait(TimeoutMs);
            },
            CancellationToken.None);
        await began.Task;
        return blocker;
    }

    private static async Task Waiting(TestStore store, int writes)
    {
        while (store.Catalog.WaitingWrites < writes)
        {
            await Task.Delay(5);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_damaged_chunk_is_never_given_out()
    {
        var bytes = Noise(1, 2_000_000);
        var content = await Put(bytes);
        using (var file = _disk.Open(Fluxd.Store.Packs.PackLayout.PathOf(1), Fluxd.Store.Disk.DiskMode.Write))
        {
            file.Write(new byte[10], 1_000_000);
        }

        var whole = new byte[2_000_000];
        Assert.Equal(
            FluxError.Corrupt,
            (await Assert.ThrowsAsync<FluxException>(async () => await _store.Contents.ReadAsync(content.Id, 0, whole, CancellationToken.None))).Error);
        var start = new byte[1000];
        Assert.Equal(1000, await _store.Contents.ReadAsync(content.Id, 0, start, CancellationToken.None));
        Assert.Equal(bytes[..1000], start);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_small_file_is_kept_only_once_it_was_found_good()
    {
        var (good, bad) = (Noise(1, 5000), Noise(2, 5000));
        var (kept, damaged) = (await Put(good), await Put(bad));
        Assert.Equal(good, await _store.ReadAll(kept.Id, good.Length));
        using (var file = _disk.Open(Fluxd.Store.Packs.PackLayout.PathOf(1), Fluxd.Store.Disk.DiskMode.Write))
        {
            file.Write(new byte[file.Length], 0);
        }

        Assert.Equal(good, await _store.ReadAll(kept.Id, good.Length));
        for (var tries = 0; tries < 2; tries++)
        {
            var error = await Assert.ThrowsAsync<FluxException>(() => _store.ReadAll(damaged.Id, bad.Length));
            Assert.Equal(FluxError.Corrupt, error.Error);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Durable_progress_survives_a_power_cut_and_goes_on()
    {
        var sink = _store.Contents.Begin();
        var bytes = Noise(1, 9_100_000);
        await sink.WriteAsync(bytes.AsMemory(0, 7_000_001), CancellationToken.None);
        var content = await sink.FlushAsync((_, id, _) => id, CancellationToken.None);
        await sink.WriteAsync(bytes.AsMemory(7_000_001, 100_000), CancellationToken.None);

        var after = _disk.AfterPowerCut(new Random(5));
        await using var again = await _store.RestartAfterCut(after, 0);
        await using var resumed = await again.Contents.ResumeAsync(content, CancellationToken.None);
        Assert.Equal(7_000_001, resumed.Length);
        await resumed.WriteAsync(bytes.AsMemory(7_000_001), CancellationToken.None);
        var whole = await resumed.SealAsync((_, c) => c, CancellationToken.None);
        Assert.Equal(bytes, await again.ReadAll(whole.Id, bytes.Length));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Bytes_behind_the_promised_size_are_dropped_on_reopening()
    {
        var bytes = Noise(1, 30_000_001);
        long content;
        await using (var sink = _store.Contents.Begin())
        {
            await sink.WriteAsync(bytes.AsMemory(0, 5_000_001), CancellationToken.None);
            content = await sink.FlushAsync((_, id, _) => id, CancellationToken.None);
            await sink.WriteAsync(Noise(2, 20_000_000), CancellationToken.None);
        }

        Assert.True(await Count("SELECT max(size) FROM content") > 5_000_001, "nothing was on disk beyond what was promised");
        await using var resumed = await _store.Contents.ReopenAsync(content, 5_000_001, ChunkScope.House, CancellationToken.None);
        Assert.Equal(5_000_001, resumed.Length);
        await resumed.WriteAsync(bytes.AsMemory(5_000_001), CancellationToken.None);
        var whole = await resumed.SealAsync((_, c) => c, CancellationToken.None);
        Assert.Equal(bytes, await _store.ReadAll(whole.Id, bytes.Length));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Many_sinks_at_once_give_back_their_buffers()
    {
        await Task.WhenAll(Enumerable.Range(0, 24).Select(i => Task.Run(async () =>
        {
            var bytes = Noise(i, 1_000_000 + (i * 200_000));
            var content = await Put(bytes, 64 << 10);
            Assert.Equal(bytes, await _store.ReadAll(content.Id, bytes.Length));
        })));
        Assert.Equal(0, _store.Contents.Buffers.Rented);
    }

    [Fact]
    public void Recipes_come_back_as_they_went_in()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var ids = new List<long>();
            while (ids.Count < random.Next(1, 50))
            {
                var first = random.NextInt64(1, 1L << random.Next(1, 60));
                ids.AddRange(Enumerable.Range(0, random.Next(1, 5)).Select(i => first + i));
            }

            var runs = Recipe.Decode(Recipe.Encode(ids));
            Assert.Equal(ids, runs.SelectMany(run => Enumerable.Range(0, run.Count).Select(i => run.First + i)));
        }

        Assert.Throws<InvalidDataException>(() => Recipe.Decode([0x80]));
        Assert.Throws<InvalidDataException>(() => Recipe.Decode([0x02, 0x00]));
        Assert.Throws<InvalidDataException>(() => Recipe.Decode([0x01, 0x01]));
    }
}

using Fluxd.Store.Content;
using Fluxd.Store.Files;
using Fluxd.Store.Packs.Codecs;
using Fluxd.Testing;
using Fluxd.Testing.Disk;
using Xunit;

namespace Fluxd.Tests.Store.Content;

/// <summary>Uploads share one memory budget: they wait for it, never exceed it, and none waits for ever.</summary>
public sealed class BudgetTests
{
    private const int TimeoutMs = 180_000;
    private const int Budget = 6 << 20;

    [Fact(Timeout = TimeoutMs)]
    public async Task Many_uploads_at_once_stay_inside_the_budget_and_all_end()
    {
        var seed = Random.Shared.Next();
        await using var store = TestStore.Create(new ModelDisk());
        var tight = Contents(store);
        var stalls = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var uploads = Enumerable.Range(0, 36).Select(i => (Bytes: Bytes(seed + i, i), Stalls: i % 3 == 0)).ToList();
        var stalling = uploads.Where(upload => upload.Stalls).Select(upload => UploadAsync(tight, upload.Bytes, stalls.Task)).ToList();
        var running = uploads.Where(upload => !upload.Stalls).Select(upload => UploadAsync(tight, upload.Bytes, Task.CompletedTask)).ToList();

        // Those that stall hold nothing up.
        var first = await Task.WhenAll(running);
        stalls.SetResult();
        var last = await Task.WhenAll(stalling);
        Assert.True(tight.Buffers.Peak <= Budget, $"seed {seed}: {tight.Buffers.Peak} bytes were out");
        Assert.Equal((0, 0), (tight.Buffers.Rented, tight.Buffers.Waiting));
        foreach (var (content, (bytes, _)) in last.Concat(first).Zip(uploads.OrderByDescending(upload => upload.Stalls)))
        {
            Assert.True(Same(bytes, await store.ReadAll(content.Id, content.Size)), $"seed {seed}");

            // Waiting moves no cut.
            Assert.Equal((await UploadAsync(store.Contents, bytes, Task.CompletedTask)).Tag, content.Tag);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_was_put_aside_can_be_read_kept_and_gone_on_with()
    {
        await using var store = TestStore.Create(new ModelDisk());
        var tight = Contents(store);
        var sinks = new List<(IContentSink Sink, byte[] Bytes)>();
        for (var i = 0; i < 40; i++)
        {
            var bytes = Bytes(i, i)[..300_000];
            var sink = tight.Begin();
            await sink.WriteAsync(bytes, CancellationToken.None);
            sinks.Add((sink, bytes));
        }

        Assert.True(tight.Buffers.Peak <= Budget);
        foreach (var (sink, bytes) in sinks)
        {
            Assert.Equal(bytes.Length, sink.Length);
            var read = new byte[bytes.Length + 1];
            Assert.Equal(bytes.Length, await sink.ReadAsync(0, read, CancellationToken.None));
            Assert.True(Same(bytes, read[..bytes.Length]));
        }

        // One is kept unfinished, and resumed while memory is as short as before.
        var (kept, begun) = sinks[7];
        var content = await kept.FlushAsync((_, id, _) => id, CancellationToken.None);
        await kept.DisposeAsync();
        sinks[7] = (await tight.ResumeAsync(content, CancellationToken.None), begun);
        foreach (var (sink, bytes) in sinks)
        {
            await sink.WriteAsync(bytes, CancellationToken.None);
            var twice = await sink.SealAsync((_, done) => done, CancellationToken.None);
            Assert.Equal(bytes.Concat(bytes), await store.ReadAll(twice.Id, twice.Size));
        }

        Assert.True(tight.Buffers.Peak <= Budget);
        Assert.Equal(0, tight.Buffers.Rented);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Who_waits_is_served_in_turn_and_may_leave_the_queue()
    {
        var pool = new BufferPool(Budget);
        var all = pool.Rent(Budget);
        using var leaves = new CancellationTokenSource();
        var first = pool.RentAsync(Budget, leaves.Token).AsTask();
        var second = pool.RentAsync(1000, CancellationToken.None).AsTask();
        Assert.Equal(2, pool.Waiting);
        Assert.Null(pool.TryRent(1));
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.False(second.IsCompleted);
        pool.Return(all);
        pool.Return(await second);
        Assert.Equal((0, 0), (pool.Rented, pool.Waiting));
        Assert.NotNull(pool.TryRent(1));
    }

    [Fact]
    public void What_comes_back_is_used_again_and_half_of_it_goes_when_a_burst_is_over()
    {
        var time = new ManualTime();
        var pool = new BufferPool(Budget, time);
        const int size = Budget / 32;
        var burst = Enumerable.Range(0, 32).Select(_ => pool.Rent(size)).ToList();
        burst.Take(24).ToList().ForEach(buffer => pool.Return(buffer));
        Assert.Equal(24 * size, pool.Spare);
        var again = pool.Rent(size);
        Assert.Contains(burst.Take(24), buffer => ReferenceEquals(buffer, again));

        // One of another length: what lies here makes room for it.
        pool.Return(again);
        var other = pool.Rent(12 * size);
        Assert.True(pool.Rented + pool.Spare <= Budget, $"{pool.Rented} out, {pool.Spare} spare");
        pool.Return(other);
        burst.Skip(24).ToList().ForEach(buffer => pool.Return(buffer));
        Assert.Equal(0, pool.Rented);

        // A pause is no end: the next of the same kind finds what it needs.
        var most = pool.Spare;
        Assert.True(most > Budget * 3 / 4, $"{most} spare");
        for (var i = 0; i < 3; i++)
        {
            time.Advance(ContentLimits.SparesKeptFor / 2);
            var next = Enumerable.Range(0, 18).Select(_ => pool.Rent(size)).ToList();
            next.ForEach(buffer => pool.Return(buffer));
            Assert.Equal(most, pool.Spare);
        }

        // Nor does one who needs little take part: for so long at most half was out at once.
        time.Advance(ContentLimits.SparesKeptFor);
        pool.Return(pool.Rent(size));
        time.Advance(ContentLimits.SparesKeptFor);
        Assert.InRange(pool.Spare, 1, Budget / 2);
    }

    [Fact]
    public void Buffers_of_a_length_that_nobody_asks_for_any_more_go_first()
    {
        var pool = new BufferPool(Budget);
        pool.Return(pool.Rent(Budget / 64));
        var burst = Enumerable.Range(0, 4).Select(_ => pool.Rent(Budget / 4)).ToList();
        burst.ForEach(buffer => pool.Return(buffer));
        var small = pool.Rent(Budget / 64);
        pool.Return(small);
        Assert.Same(small, pool.Rent(Budget / 64));
    }

    private static bool Same(byte[] expected, byte[] actual) => expected.AsSpan().SequenceEqual(actual);

    private static ContentStore Contents(TestStore store)
    {
        var disk = new ModelDisk();
        var spool = new Spool(disk);
        spool.Clear();
        return new ContentStore(store.Catalog, store.Packs, CompressionMode.Auto, spool, Budget);
    }

    private static async Task<ContentRef> UploadAsync(ContentStore contents, byte[] bytes, Task middle)
    {
        var random = new Random(bytes.Length);
        await using var sink = contents.Begin();
        for (var at = 0; at < bytes.Length;)
        {
            var count = Math.Min(random.Next(1, 200_000), bytes.Length - at);
            await sink.WriteAsync(bytes.AsMemory(at, count), CancellationToken.None);
            if (at < bytes.Length / 2 && at + count >= bytes.Length / 2)
            {
                await middle;
            }

            at += count;
            await Task.Yield();
        }

        return await sink.SealAsync((_, content) => content, CancellationToken.None);
    }

    /// <summary>Text, noise and pictures: the classes need different amounts.</summary>
    private static byte[] Bytes(int seed, int kind)
    {
        var random = new Random(seed);
        var bytes = new byte[random.Next(300_000, 3_000_000)];
        random.NextBytes(bytes);
        if (kind % 3 == 1)
        {
            for (var i = 0; i < bytes.Length; i++)
            {
                bytes[i] = (byte)"etaoin shrdlu\n"[bytes[i] % 14];
            }
        }
        else if (kind % 3 == 2)
        {
            (bytes[0], bytes[1], bytes[2], bytes[3]) = (0xFF, 0xD8, 0xFF, 0xE0);
        }

        return bytes;
    }
}

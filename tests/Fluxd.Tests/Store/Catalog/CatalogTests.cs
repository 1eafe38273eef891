using Fluxd.Core;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;
using Xunit;

namespace Fluxd.Tests.Store.Catalog;

public sealed class CatalogTests : IDisposable
{
    private const int TimeoutMs = 120_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-catalog-");

    private string Path => System.IO.Path.Combine(_folder.FullName, "catalog.db");

    public void Dispose() => _folder.Delete(recursive: true);

    private SqliteCatalog Open(bool create = false, TimeProvider? clock = null) =>
        SqliteCatalog.Open(new CatalogOptions(Path, clock ?? TimeProvider.System) { Create = create });

    private static void Put(CatalogTransaction transaction, string key, long value)
    {
        using var put = transaction.Sql("INSERT INTO meta(key, value) VALUES (?1, ?2)").Bind(key).Bind(value);
        put.Run();
    }

    private static long? Get(CatalogReader reader, string key)
    {
        using var get = reader.Sql("SELECT value FROM meta WHERE key = ?1").Bind(key);
        return get.RunScalar();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task What_was_written_is_there_after_a_restart()
    {
        await using (var catalog = Open(create: true))
        {
            await catalog.WriteAsync(t => Put(t, "a", 7), CancellationToken.None);
            Assert.Equal(7, await catalog.ReadAsync(r => Get(r, "a"), CancellationToken.None));
        }

        await using var again = Open();
        Assert.Equal(7, await again.ReadAsync(r => Get(r, "a"), CancellationToken.None));
    }

    [Fact]
    public void A_missing_catalogue_is_an_error_and_not_an_empty_store()
    {
        Assert.Equal(FluxError.NotFound, Assert.Throws<FluxException>(() => Open()).Error);
        Assert.False(File.Exists(Path));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_catalogue_is_never_made_over_another()
    {
        await Open(create: true).DisposeAsync();
        Assert.Equal(FluxError.Exists, Assert.Throws<FluxException>(() => Open(create: true)).Error);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_write_that_throws_leaves_nothing_and_its_neighbours_whole()
    {
        await using var catalog = Open(create: true);
        using var gate = new ManualResetEventSlim();
        var first = catalog.WriteAsync(_ => gate.Wait(TimeoutMs), CancellationToken.None);

        // These wait together, so they share a group.
        var ran = new List<string>();
        var good = catalog.WriteAsync(
            t =>
            {
                Put(t, "good", 1);
                t.AfterCommit(() => ran.Add("good"));
            },
            CancellationToken.None);
        var bad = catalog.WriteAsync(
            t =>
            {
                Put(t, "bad", 1);
                t.AfterCommit(() => ran.Add("bad"));
                Put(t, "good", 2);
            },
            CancellationToken.None);
        var last = catalog.WriteAsync(t => Put(t, "last", 1), CancellationToken.None);
        gate.Set();

        await first;
        await good;
        Assert.True((await Assert.ThrowsAsync<SqlException>(() => bad)).IsConstraint);
        await last;
        Assert.Equal([1L, null, 1L], await catalog.ReadAsync(r => new[] { Get(r, "good"), Get(r, "bad"), Get(r, "last") }, CancellationToken.None));
        Assert.Equal(["good"], ran);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_write_cancelled_in_the_queue_never_runs()
    {
        await using var catalog = Open(create: true);
        using var gate = new ManualResetEventSlim();
        using var cancel = new CancellationTokenSource();
        var first = catalog.WriteAsync(_ => gate.Wait(TimeoutMs), CancellationToken.None);
        var second = catalog.WriteAsync(t => Put(t, "second", 1), cancel.Token);
        await cancel.CancelAsync();
        gate.Set();
        await first;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.Null(await catalog.ReadAsync(r => Get(r, "second"), CancellationToken.None));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Many_callers_share_groups_and_each_gets_its_own_answer()
    {
        await using var catalog = Open(create: true);
        var ids = await Task.WhenAll(Enumerable.Range(0, 2000).Select(i => Task.Run(() => catalog.WriteAsync(
            t =>
            {
                Put(t, $"k{i}", i);
                return t.NextId("chunk");
            },
            CancellationToken.None))));
        Assert.Equal(2000, ids.Distinct().Count());
        Assert.Equal(2000, await catalog.ReadAsync(r => r.Scalar("SELECT count(*) FROM meta WHERE key GLOB 'k*'"), CancellationToken.None));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_read_sees_one_moment()
    {
        await using var catalog = Open(create: true);
        var write = Task.CompletedTask;
        var (before, after) = await catalog.ReadAsync(
            r =>
            {
                var first = Get(r, "x");
                write = catalog.WriteAsync(t => Put(t, "x", 1), CancellationToken.None);
                Assert.True(((IAsyncResult)write).AsyncWaitHandle.WaitOne(TimeoutMs));
                return (first, Get(r, "x"));
            },
            CancellationToken.None);
        await write;
        Assert.Equal((null, null), (before, after));
        Assert.Equal(1, await catalog.ReadAsync(r => Get(r, "x"), CancellationToken.None));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_reader_cannot_write()
    {
        await using var catalog = Open(create: true);
        await Assert.ThrowsAsync<SqlException>(async () => await catalog.ReadAsync(r => r.Sql("DELETE FROM meta").Run(), CancellationToken.None));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_read_that_takes_too_long_is_cut_and_the_reader_serves_on()
    {
        var clock = new JumpingClock();
        await using var catalog = Open(create: true, clock);
        var cut = await Assert.ThrowsAsync<FluxException>(async () => await catalog.ReadAsync(
            r =>
            {
                clock.Jump(CatalogLimits.ReadMax + TimeSpan.FromSeconds(1));
                return r.Scalar("SELECT 1");
            },
            CancellationToken.None));
        Assert.Equal(FluxError.Busy, cut.Error);
        clock.JumpAtEachLook = TimeSpan.FromSeconds(2);
        cut = await Assert.ThrowsAsync<FluxException>(async () => await catalog.ReadAsync(
            r => r.Scalar("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"), CancellationToken.None));
        Assert.Equal(FluxError.Busy, cut.Error);
        clock.JumpAtEachLook = TimeSpan.Zero;
        Assert.Equal(1, await catalog.ReadAsync(r => r.Scalar("SELECT 1"), CancellationToken.None));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Empty_and_odd_values_come_back_as_they_went_in()
    {
        await using var catalog = Open(create: true);
        await catalog.WriteAsync(
            t =>
            {
                using var put = t.Sql("INSERT INTO meta(key, value) VALUES (?1, ?2)");
                put.Bind("blob").Bind(ReadOnlySpan<byte>.Empty).Run();
                put.Again().Bind("").Bind("").Run();
                put.Again().Bind("null").BindNull().Run();
                put.Again().Bind("bytes").Bind([0, 255, 0]).Run();
                put.Again().Bind("text").Bind("ä\0b").Run();
                put.Again().Bind("min").Bind(long.MinValue).Run();
            },
            CancellationToken.None);
        await catalog.ReadAsync(
            r =>
            {
                using var get = r.Sql("SELECT value, typeof(value) FROM meta WHERE key = ?1").Bind("blob");
                Assert.True(get.Step());
                Assert.Equal(("blob", 0, false), (get.Text(1), get.Bytes(0).Length, get.IsNull(0)));
                Assert.True(get.Again().Bind("").Step());
                Assert.Equal(("text", ""), (get.Text(1), get.TextOrNull(0)));
                Assert.True(get.Again().Bind("null").Step());
                Assert.Equal(("null", null), (get.Text(1), get.BytesOrNull(0)));
                Assert.True(get.Again().Bind("bytes").Step());
                Assert.Equal(new byte[] { 0, 255, 0 }, get.Bytes(0));
                Assert.True(get.Again().Bind("text").Step());
                Assert.Equal("ä\0b", get.Text(0));
                Assert.True(get.Again().Bind("min").Step());
                Assert.Equal(long.MinValue, get.Long(0));
                return true;
            },
            CancellationToken.None);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(256 << 10, false)]

    // As one client does who stores file after file: what it asks next is read while the log is copied back, and the
    // snapshot of that read stays open for the next one.
    [InlineData(64 << 10, true)]
    public async Task The_write_ahead_log_stays_small_under_a_flood_of_writes(int size, bool reads)
    {
        await using var catalog = Open(create: true);
        var block = new byte[size];
        for (var i = 0; i < (100 << 20) / size; i++)
        {
            await catalog.WriteAsync(
                t =>
                {
                    using var put = t.Sql("INSERT INTO meta(key, value) VALUES (?1, ?2)").Bind($"b{i}").Bind(block);
                    put.Run();
                },
                CancellationToken.None);
            if (reads)
            {
                await catalog.ReadAsync(r => Get(r, "none"), CancellationToken.None);
            }
        }

        var wal = new FileInfo(Path + "-wal").Length;
        Assert.InRange(wal, 1, 40 << 20);
    }

    private sealed class JumpingClock : TimeProvider
    {
        private long _extra;

        internal TimeSpan JumpAtEachLook { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Add(ref _extra, JumpAtEachLook.Ticks);

        internal void Jump(TimeSpan by) => Interlocked.Add(ref _extra, by.Ticks);
    }
}

using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Disk;
using Fluxd.Testing;
using Fluxd.Testing.Disk;
using Fluxd.Tests.Store.Content;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.CrashLab;

/// <summary>
/// The disk is really full, and for SQLite too: at any operation of the packs somebody else takes all that is free, so that
/// the catalogue's next write finds none, wherever in a commit that is. Nothing that was acknowledged is lost, and removing
/// works as long as there is a ballast to give up.
/// </summary>
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const int TimeoutMs = 600_000;

    // The half that commits get must hold CatalogLimits.CommitRoom; the disk, four times the ballast and the store.
    private const long BallastBytes = 40 << 20;
    private const long KeepFree = 19 << 20; // what is not for new data, as 5 % are of larger disks
    private const int DiskMegabytes = 180;

    [SmallDiskFact(Timeout = TimeoutMs)]
    public async Task Somebody_else_fills_the_disk_once_and_the_ballast_carries_the_store_on()
    {
        using var small = new SmallDisk(DiskMegabytes);
        var operations = await CrashLab.CountOperations(TreeLife.Run);
        output.WriteLine($"{operations} operations");
        for (var at = 1; at <= operations; at += 2)
        {
            var where = $"operation {at}";
            await LiveAsync(small, at, again: false, where, async (store, ledger) =>
            {
                Assert.True(store.Catalog.Fault is null, $"{where}: {store.Catalog.Fault}");
                await RemoveAllAsync(store, ledger, where);
            });
        }
    }

    [SmallDiskFact(Timeout = TimeoutMs)]
    public async Task Somebody_else_takes_the_ballast_too_and_nothing_is_lost()
    {
        using var small = new SmallDisk(DiskMegabytes);
        var operations = await CrashLab.CountOperations(TreeLife.Run);
        for (var at = 2; at <= operations; at += 2)
        {
            // It may be read-only now: then a restart settles it.
            await LiveAsync(small, at, again: true, $"operation {at}", (_, _) => Task.CompletedTask);
        }
    }

    [SmallDiskFact(Timeout = TimeoutMs)]
    public async Task A_store_on_a_full_disk_starts_by_its_ballast_and_without_one_it_says_what_to_do()
    {
        using var small = new SmallDisk(DiskMegabytes);
        var options = new StoreOptions { Path = Path.Combine(small.Path, "store"), BallastBytes = BallastBytes };
        var bytes = Steps.Noise(1, 900_000);
        var contents = new List<long>();
        await FluxdStore.InitAsync(options);
        for (var start = 0; start < 3; start++)
        {
            var store = FluxdStore.Open(options);
            Assert.Null(store.Fault);
            foreach (var content in contents)
            {
                var read = new byte[bytes.Length];
                Assert.Equal(bytes.Length, await store.Contents.ReadAsync(content, 0, read, CancellationToken.None));
                Assert.Equal(bytes, read);
            }

            small.MakeRoom();
            await using (var sink = store.Contents.Begin())
            {
                await sink.WriteAsync(bytes, CancellationToken.None);
                contents.Add(await sink.SealAsync((_, c) => c.Id, CancellationToken.None));
            }

            // As if the power had gone: only the log has it.
            await store.Catalog.AbandonAsync();
            await store.DisposeAsync();
            File.Delete(store.CatalogFile + "-wal");
            if (start == 1)
            {
                File.Delete(Path.Combine(options.Path, "ballast"));
                small.Fill();
                var full = Assert.Throws<FluxException>(() => FluxdStore.Open(options));
                Assert.Equal(FluxError.NoSpace, full.Error);
                Assert.Contains("free some space", full.Message, StringComparison.Ordinal);
                small.MakeRoom();
            }
            else
            {
                small.Fill();
            }
        }
    }

    /// <param name="again">Whenever there is room again, it is taken again.</param>
    /// <param name="whileFull">Done before there is room again.</param>
    private static async Task LiveAsync(SmallDisk small, int at, bool again, string where, Func<TestStore, Ledger, Task> whileFull)
    {
        small.MakeRoom();
        small.Clear();
        var disk = new FaultyDisk(new LocalDisk(small.Path));
        var guard = new SpaceGuard(disk, new Hurried(), () => KeepFree) { BallastBytes = BallastBytes };
        guard.RestoreBallast();
        await using var store = TestStore.CreateIn(small.Path, disk, guard);
        var ledger = new Ledger();
        var life = await TreeLife.BeginAsync(store, ledger);
        var from = disk.Changes + at;
        disk.Plan = (number, operation, _) =>
        {
            if (number == from || (again && number > from && operation == DiskOperation.Sync))
            {
                small.Fill();
            }

            return null;
        };
        try
        {
            await life.Live();
        }
        catch (Exception e) when (e is FluxException or SqlException { IsDiskFull: true } or DiskException { Fault: DiskFault.Full })
        {
            // An answer in words, or what the house puts into words. Anything else is a fault of this test's subject.
        }

        await whileFull(store, ledger);
        disk.Plan = (_, _, _) => null;
        small.MakeRoom();
        if (store.Catalog.Fault is null)
        {
            await TreeLife.VerifyNames(store, ledger, where);
        }

        await using var restarted = await store.RestartAfterCut(new LocalDisk(small.Path), walKept: at % 3 / 2.0);
        Assert.True(restarted.Catalog.Fault is null, $"{where}: {restarted.Catalog.Fault}");
        await TreeLife.Verify(restarted, ledger, where);
    }

    /// <summary>To it, each look at the clock is seconds after the one before: the guard looks at the disk each time.</summary>
    private sealed class Hurried : TimeProvider
    {
        private long _now;

        public override long GetTimestamp() => Interlocked.Add(ref _now, 2 * TimestampFrequency);
    }

    private static async Task RemoveAllAsync(TestStore store, Ledger ledger, string where)
    {
        var trees = await TreeLife.Open(store, ledger);
        var inDoubt = ledger.Asked.SelectMany(asked => asked.Keys).ToHashSet();
        foreach (var (path, _) in ledger.Acknowledged.Where(entry => entry.Value is not null && !inDoubt.Contains(entry.Key)).ToList())
        {
            try
            {
                await ledger.Do(path, null, () => trees.Files.RemoveFileAsync(People.Anna, FilePath.Parse(path), Precondition.None, CancellationToken.None));
            }
            catch (FluxException e)
            {
                Assert.Fail($"{where}: {path} can't be removed: {e}");
            }
        }
    }
}

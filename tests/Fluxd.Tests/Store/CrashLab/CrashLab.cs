using Fluxd.Core;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Files;
using Fluxd.Store.Upkeep.Copies;
using Fluxd.Store.Upkeep.Gc;
using Fluxd.Testing;
using Fluxd.Testing.Disk;
using Fluxd.Tests.Store.Content;
using Xunit;

namespace Fluxd.Tests.Store.CrashLab;

/// <summary>What callers were told: the only thing that a crash may not touch.</summary>
internal sealed class Ledger
{
    /// <summary>Acknowledged: name to bytes; null: acknowledged as removed.</summary>
    internal Dictionary<string, byte[]?> Acknowledged { get; } = [];

    /// <summary>Asked and not answered: each may have happened or not, with all its names, but never by half.</summary>
    internal List<IReadOnlyDictionary<string, byte[]?>> Asked { get; } = [];

    /// <summary>Unfinished content to the bytes that were told durable.</summary>
    internal Dictionary<long, byte[]> Durable { get; } = [];

    /// <summary>Upload sessions that are open: all their bytes, and how many of them were told durable.</summary>
    internal Dictionary<UploadId, (byte[] Whole, int Durable)> Sessions { get; } = [];

    /// <summary>Those of <see cref="Sessions"/> that are sent as recipes.</summary>
    internal HashSet<UploadId> Deltas { get; } = [];

    /// <summary>Moves when a workload says so, and stands while the machine is off.</summary>
    internal ManualTime Clock { get; } = new();

    /// <summary>Runs one operation between asking and answer.</summary>
    internal Task Do(string name, byte[]? bytes, Func<Task> operation) => Do(new Dictionary<string, byte[]?> { [name] = bytes }, operation);

    /// <summary>As <see cref="Do(string, byte[], Func{Task})"/>, for an operation that changes several names at once.</summary>
    internal async Task Do(IReadOnlyDictionary<string, byte[]?> changes, Func<Task> operation)
    {
        Asked.Add(changes);
        await operation();
        Asked.Remove(changes);
        foreach (var (name, bytes) in changes)
        {
            Acknowledged[name] = bytes;
        }
    }

    /// <summary>What a name should hold now, as far as is known.</summary>
    internal byte[]? Expected(string name) => Acknowledged.GetValueOrDefault(name);
}

/// <summary>One client's life with a store: what it does is the same each time, so that any of its disk operations can be the last.</summary>
internal delegate Task Workload(TestStore store, Ledger ledger);

/// <summary>Compares a store that was opened again with what callers were told.</summary>
internal delegate Task Verifier(TestStore store, Ledger ledger, string where);

/// <summary>
/// Runs a workload until a given disk operation, cuts the power there, and looks at several disks that might be found
/// afterwards: unsynced writes lost or reordered, the last sector torn, any beginning of the catalogue's own log left.
/// </summary>
internal static class CrashLab
{
    internal static async Task<int> CountOperations(Workload workload)
    {
        var disk = new FaultyDisk(new ModelDisk());
        await using var store = TestStore.Create(disk);
        var before = disk.Changes;
        await workload(store, new Ledger());
        return disk.Changes - before;
    }

    /// <param name="at">The operation that fails, from 1.</param>
    /// <param name="outcomes">How many disks to look at afterwards.</param>
    /// <param name="verify">Null: names in <c>meta</c>, as <see cref="Steps"/> makes them.</param>
    internal static async Task CutPower(Workload workload, int at, int outcomes, int seed, Verifier? verify = null)
    {
        var model = new ModelDisk();
        var disk = new FaultyDisk(model);
        await using var store = TestStore.Create(disk);
        var ledger = new Ledger();
        disk.FailAt(disk.Changes + at, Fault.Dead);
        await RunUntilItEnds(workload, store, ledger);
        for (var outcome = 0; outcome < outcomes; outcome++)
        {
            var random = new Random(HashCode.Combine(seed, at, outcome));
            var walKept = outcome switch { 0 => 0, 1 => 1, _ => random.NextDouble() };
            await using var again = await store.RestartAfterCut(model.AfterPowerCut(random), walKept);
            var where = $"operation {at}, outcome {outcome}, seed {seed}";
            Assert.True(again.Catalog.Fault is null, $"{where}: {again.Catalog.Fault}");
            await (verify ?? Check)(again, ledger, where);
        }
    }

    private static async Task RunUntilItEnds(Workload workload, TestStore store, Ledger ledger)
    {
        try
        {
            await workload(store, ledger);
        }
        catch (Exception e) when (e is FluxException or PowerCutException or ObjectDisposedException)
        {
            // The machine is dead; what was told before counts.
        }
    }

    /// <summary>Every acknowledged name holds its bytes; an operation without an answer has changed all its names or none.</summary>
    internal static async Task CheckNames(Ledger ledger, Func<string, Task<byte[]?>> find, string where)
    {
        var inDoubt = ledger.Asked.SelectMany(asked => asked.Keys).ToHashSet();
        foreach (var (name, bytes) in ledger.Acknowledged.Where(entry => !inDoubt.Contains(entry.Key)))
        {
            Assert.True(Same(await find(name), bytes), $"{where}: {name} is not what was acknowledged");
        }

        foreach (var asked in ledger.Asked)
        {
            var (isOld, isNew) = (true, true);
            foreach (var (name, bytes) in asked)
            {
                var found = await find(name);
                isOld &= Same(found, ledger.Expected(name));
                isNew &= Same(found, bytes);
            }

            Assert.True(isOld || isNew, $"{where}: {string.Join(", ", asked.Keys)}: neither as before nor as asked for");
        }
    }

    internal static bool Same(byte[]? a, byte[]? b) => a is null ? b is null : b is not null && a.AsSpan().SequenceEqual(b);

    internal static async Task Check(TestStore store, Ledger ledger, string where)
    {
        await CheckNames(ledger, name => Find(store, name), where);
        foreach (var (content, bytes) in ledger.Durable)
        {
            await CheckDurable(store, content, bytes, where);
        }

        // And it takes new data.
        await Steps.Put(store, new Ledger(), "after", Steps.Noise(99, 50_000));
        Assert.True(Same(await Find(store, "after"), Steps.Noise(99, 50_000)), where);
    }

    private static async Task CheckDurable(TestStore store, long content, byte[] bytes, string where)
    {
        await using var sink = await store.Contents.ResumeAsync(content, CancellationToken.None);
        Assert.True(sink.Length >= bytes.Length, $"{where}: {bytes.Length} bytes of an upload were told durable and {sink.Length} are there");
        var found = new byte[bytes.Length];
        var got = await sink.ReadAsync(0, found, CancellationToken.None);
        Assert.True(got == bytes.Length && Same(found, bytes), $"{where}: an upload's durable bytes are damaged");
    }

    private static async Task<byte[]?> Find(TestStore store, string name)
    {
        var content = await store.Catalog.ReadAsync(
            r =>
            {
                using var row = r.Sql("SELECT id, size FROM content WHERE id = (SELECT content FROM version WHERE id = (SELECT value FROM meta WHERE key = ?1))")
                    .Bind("file:" + name);
                return row.Step() ? new ContentRef(row.Long(0), row.Long(1), []) : null;
            },
            CancellationToken.None);
        return content is null ? null : await store.ReadAll(content.Id, content.Size);
    }
}

/// <summary>What workloads are made of. Names live in <c>meta</c>: the lab is about bytes and commits, not about trees.</summary>
internal static class Steps
{
    internal static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <param name="owner">The tree that the bytes are written into: what another has is not found.</param>
    internal static Task Put(TestStore store, Ledger ledger, string name, byte[] bytes, long owner = 0) => ledger.Do(name, bytes, async () =>
    {
        await using var sink = store.Contents.Begin(new ChunkScope(owner, owner));
        await sink.WriteAsync(bytes, CancellationToken.None);
        await sink.SealAsync(
            (db, content) =>
            {
                Forget(db, name);
                var version = db.NextId("version");
                using (var insert = db.Sql("INSERT INTO version(id, node, content, size, mtime, created, author) VALUES (?1, 0, ?2, ?3, 0, 0, 0)")
                    .Bind(version).Bind(content.Id).Bind(content.Size))
                {
                    insert.Run();
                }

                using var put = db.Sql("INSERT INTO meta(key, value) VALUES (?1, ?2)").Bind("file:" + name).Bind(version);
                return put.Run();
            },
            CancellationToken.None);
    });

    internal static Task Remove(TestStore store, Ledger ledger, string name) => ledger.Do(name, null, () => store.Catalog.WriteAsync(
        db => Forget(db, name),
        CancellationToken.None));

    /// <summary>Files between dead ones are moved, what two have is folded, packs go; then once more over what the first run left.</summary>
    internal static async Task Collected(TestStore store, Ledger ledger)
    {
        for (var i = 0; i < 4; i++)
        {
            await Put(store, ledger, $"f{i}", Noise(30 + i, 90_000));
        }

        await Put(store, ledger, "g1", Noise(31, 90_000), owner: 1);
        await Put(store, ledger, "g3", Noise(33, 90_000), owner: 1);
        await Remove(store, ledger, "f0");
        await Remove(store, ledger, "f2");
        await Collect(store);
        await Put(store, ledger, "h3", Noise(33, 90_000), owner: 2);
        await Put(store, ledger, "f1", Noise(30, 90_000));
        await Remove(store, ledger, "f3");
        await Collect(store);
        await Put(store, ledger, "f4", Noise(33, 90_000));
    }

    /// <summary>As the house does it, in a hurry and with a copy of the catalogue where one helps.</summary>
    internal static async Task Collect(TestStore store)
    {
        var copies = new CatalogCopies(store.Path, store.Path + "-snap");
        var parts = new GcParts(
            store.Catalog, store.Packs, TimeProvider.System, () => (copies.OldestGroup, copies.List() is [var newest, ..] ? newest.Group : null),
            ct => copies.MakeAsync(ct), _ => { }, TestStore.PackBytes);
        await new GarbageCollector(parts, new GcRequest { Hurry = true, MoveBytesPerSecond = 0 }).RunAsync(CancellationToken.None);
    }

    private static void Forget(CatalogTransaction db, string name)
    {
        using (var version = db.Sql("DELETE FROM version WHERE id = (SELECT value FROM meta WHERE key = ?1)").Bind("file:" + name))
        {
            version.Run();
        }

        using var remove = db.Sql("DELETE FROM meta WHERE key = ?1").Bind("file:" + name);
        remove.Run();
    }

    /// <summary>An upload that stops in the middle of a chunk, twice.</summary>
    internal static async Task Upload(TestStore store, Ledger ledger, byte[] bytes)
    {
        await using var sink = store.Contents.Begin();
        foreach (var end in new[] { bytes.Length / 3, bytes.Length })
        {
            await sink.WriteAsync(bytes.AsMemory((int)sink.Length, end - (int)sink.Length), CancellationToken.None);
            var content = await sink.FlushAsync((_, id, _) => id, CancellationToken.None);
            ledger.Durable[content] = bytes[..end];
        }
    }
}

using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;
using Fluxd.Store.Upkeep.Check;
using Fluxd.Testing.Disk;
using Fluxd.Tests.Store.Content;
using SQLitePCL;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.Tests.Store.CrashLab;

/// <summary>The power goes while a store of an older schema is brought up to today's: any beginning of the catalogue's own log is left.</summary>
public sealed class MigrationCutTests(ITestOutputHelper output)
{
    private const int Cuts = 60;

    [Theory(Timeout = 600_000)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Nothing_is_lost_wherever_the_power_goes_during_a_migration(int schema)
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var disk = new ModelDisk();
        await using var store = TestStore.Create(disk);
        var ledger = new Ledger();
        await Steps.Put(store, ledger, "small", Steps.Noise(1, 20_000));
        await Steps.Put(store, ledger, "big", Steps.Noise(2, 1_500_000));
        await Steps.Upload(store, ledger, Steps.Noise(3, 400_000));
        await Steps.Remove(store, ledger, "small");
        for (var cut = 0; cut <= Cuts; cut++)
        {
            var random = new Random(HashCode.Combine(seed, cut));
            var after = disk.AfterPowerCut(random);
            await using var migrated = await store.RestartAfterCut(after, walKept: 1, path => TakeBack(path, schema));
            Assert.Equal(Migrations.Newest, await VersionAsync(migrated));

            // What it left of its log; beside it perhaps a copy that was half written.
            await using var again = await migrated.RestartAfterCut(
                ((ModelDisk)migrated.Disk).AfterPowerCut(random), (double)cut / Cuts, path => File.WriteAllBytes($"{path}.before-{schema + 1}", Steps.Noise(cut, 5_000)));
            var where = $"seed {seed}, cut {cut} of {Cuts}";
            Assert.True(again.Catalog.Fault is null, $"{where}: {again.Catalog.Fault}");
            Assert.Equal(Migrations.Newest, await VersionAsync(again));
            await CrashLab.Check(again, ledger, where);
            var report = await new StoreCheck(again.Path, again.Packs).RunAsync(readData: true, CancellationToken.None);
            Assert.True(!report.HasDamage, $"{where}: {string.Join("; ", report.Findings)}");
        }
    }

    private static async Task<long?> VersionAsync(TestStore store) =>
        await store.Catalog.ReadAsync(reader => reader.Scalar("PRAGMA user_version"), CancellationToken.None);

    /// <summary>As an older version of fluxd left it: what later steps made is gone, what they changed is as it was.</summary>
    private static void TakeBack(string path, int schema)
    {
        using var catalog = Database.Open(path, raw.SQLITE_OPEN_READWRITE);
        var older = path + ".older";
        using (var model = Database.Open(older, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE))
        {
            Migrations.Run(model, null, upTo: schema);
            var (now, then) = (TablesOf(catalog), TablesOf(model));
            foreach (var (table, _) in now.Where(entry => then.GetValueOrDefault(entry.Key) != entry.Value))
            {
                catalog.Execute($"DROP TABLE {table}");
            }

            foreach (var (_, sql) in then.Where(entry => now.GetValueOrDefault(entry.Key) != entry.Value))
            {
                catalog.Execute(sql);
            }
        }

        catalog.Execute($"DELETE FROM sequence WHERE name = 'push_answer'; PRAGMA user_version={schema}; PRAGMA wal_checkpoint(TRUNCATE)");
        File.Delete(older);
    }

    private static Dictionary<string, string> TablesOf(Database database)
    {
        var tables = new Dictionary<string, string>();
        using var rows = database.Sql("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
        while (rows.Step())
        {
            tables.Add(rows.Text(0), rows.Text(1));
        }

        return tables;
    }
}

using Fluxd.Core;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;
using SQLitePCL;
using Xunit;

namespace Fluxd.Tests.Store.Catalog;

public sealed class MigrationTests : IDisposable
{
    private static readonly Migration[] s_steps =
    [
        new(1, "one", "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT) STRICT; INSERT INTO t VALUES (1, 'old');"),
        new(2, "two", "ALTER TABLE t ADD COLUMN b TEXT; UPDATE t SET b = 'new';"),
    ];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-migrate-");

    public void Dispose() => _folder.Delete(recursive: true);

    private Database OpenDatabase(string name = "t.db") =>
        Database.Open(Path.Combine(_folder.FullName, name), raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE);

    private string CopyPath(int step) => Path.Combine(_folder.FullName, $"before-{step}.db");

    [Fact]
    public void Steps_are_numbered_without_gaps() =>
        Assert.Equal(Enumerable.Range(1, Migrations.All.Count), Migrations.All.Select(step => step.Number));

    [Fact]
    public void An_existing_catalogue_is_copied_before_a_step_and_a_new_one_is_not()
    {
        using var database = OpenDatabase();
        Migrations.Run(database, CopyPath, s_steps, upTo: 1);
        Assert.False(File.Exists(CopyPath(1)));

        Migrations.Run(database, CopyPath, s_steps);
        Assert.Equal(2, Migrations.VersionOf(database));
        Assert.Equal(1, database.Scalar("SELECT count(*) FROM t WHERE b = 'new'"));

        using var copy = OpenDatabase("before-2.db");
        Assert.Equal(1, Migrations.VersionOf(copy));
        Assert.Equal(1, copy.Scalar("SELECT count(*) FROM t WHERE a = 'old'"));
    }

    [Fact]
    public void A_step_that_fails_changes_nothing()
    {
        using var database = OpenDatabase();
        Migration[] steps = [s_steps[0], new(2, "bad", "UPDATE t SET a = 'half'; CREATE TABLE t(x);")];
        Assert.Throws<SqlException>(() => Migrations.Run(database, null, steps));
        Assert.Equal(1, Migrations.VersionOf(database));
        Assert.Equal(1, database.Scalar("SELECT count(*) FROM t WHERE a = 'old'"));
        Migrations.Run(database, null, s_steps);
        Assert.Equal(2, Migrations.VersionOf(database));
    }

    [Fact]
    public void A_newer_schema_is_refused_in_plain_words()
    {
        using var database = OpenDatabase();
        database.Execute("PRAGMA user_version=99");
        var refused = Assert.Throws<FluxException>(() => Migrations.Run(database, null, s_steps));
        Assert.Equal(FluxError.Unavailable, refused.Error);
        Assert.Contains("newer fluxd", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>The log carries commits as changesets; these are what a changeset can't carry.</summary>
    [Fact]
    public void The_schema_keeps_the_rules_of_the_log()
    {
        using var database = OpenDatabase();
        Migrations.Run(database, null);
        Assert.Equal(0, database.Scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' OR sql LIKE '%AUTOINCREMENT%'"));
        Assert.Equal(0, database.Scalar("""
            SELECT count(*) FROM sqlite_schema AS s WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
            AND NOT EXISTS (SELECT 1 FROM pragma_table_info(s.name) WHERE pk > 0)
            """));
        Assert.Equal(0, database.Scalar("""
            SELECT count(*) FROM sqlite_schema AS s, pragma_index_list(s.name) AS i WHERE s.type = 'table' AND i.origin = 'u'
            """));
    }
}

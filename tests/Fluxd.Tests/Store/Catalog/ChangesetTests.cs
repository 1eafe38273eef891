using Fluxd.Core;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;
using SQLitePCL;
using Xunit;

namespace Fluxd.Tests.Store.Catalog;

/// <summary>What the log carries of a commit must rebuild exactly that commit.</summary>
public sealed class ChangesetTests : IDisposable
{
    private const string Node =
        "INSERT INTO node(id, parent, name, kind, since, owner, revision, mode, mtime, atime, ctime, created) VALUES ";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-changes-");
    private readonly Database _first;
    private readonly Database _copy;

    public ChangesetTests() => (_first, _copy) = (Make("first.db"), Make("copy.db"));

    public void Dispose()
    {
        _first.Dispose();
        _copy.Dispose();
        _folder.Delete(recursive: true);
    }

    private Database Make(string name)
    {
        var database = Database.Open(Path.Combine(_folder.FullName, name), raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE);
        Migrations.Run(database, null);
        database.Execute("PRAGMA foreign_keys=1");
        return database;
    }

    private byte[] Record(params string[] statements)
    {
        using var recorder = new ChangeRecorder(_first);
        _first.Execute("BEGIN IMMEDIATE");
        recorder.Begin();
        foreach (var statement in statements)
        {
            _first.Execute(statement);
        }

        var changes = recorder.IsEmpty ? [] : recorder.Take().ToArray();
        _first.Execute("COMMIT");
        return changes;
    }

    private void Play(byte[] changes)
    {
        _copy.Execute("BEGIN IMMEDIATE");
        ChangePlayer.Play(_copy, changes);
        _copy.Execute("COMMIT");
    }

    private static List<string> Rows(Database database, string sql)
    {
        var rows = new List<string>();
        using var statement = database.Sql(sql);
        while (statement.Step())
        {
            rows.Add(statement.Text(0));
        }

        return rows;
    }

    private void AssertSame(string sql) => Assert.Equal(Rows(_first, sql), Rows(_copy, sql));

    private const string AllNodes = "SELECT id || ':' || parent || ':' || hex(name) || ':' || revision FROM node ORDER BY id";

    [Fact]
    public void Inserts_updates_and_deletes_come_out_as_they_went_in()
    {
        Play(Record(Node + "(1, 0, x'61', 2, 1, 1, 1, 493, 1, 2, 3, 4), (2, 1, x'FF00', 1, 1, 1, 1, 420, 1, 2, 3, 4)"));
        Play(Record("UPDATE node SET revision = 2 WHERE id = 2", "DELETE FROM node WHERE id = 1", "UPDATE sequence SET next = 3 WHERE name = 'node'"));
        AssertSame(AllNodes);
        AssertSame("SELECT name || next FROM sequence ORDER BY name");
    }

    [Fact]
    public void What_a_savepoint_took_back_is_not_in_the_log()
    {
        var changes = Record(
            "SAVEPOINT s",
            Node + "(1, 0, x'61', 2, 1, 1, 1, 493, 1, 2, 3, 4)",
            "ROLLBACK TO s",
            "RELEASE s",
            Node + "(2, 0, x'62', 2, 1, 1, 1, 493, 1, 2, 3, 4)");
        Play(changes);
        AssertSame(AllNodes);
        Assert.Single(Rows(_copy, AllNodes));
    }

    [Fact]
    public void Names_that_changed_places_in_one_commit_are_replayed()
    {
        Play(Record(Node + "(1, 0, x'61', 1, 1, 1, 1, 493, 1, 2, 3, 4), (2, 0, x'62', 1, 1, 1, 1, 420, 1, 2, 3, 4)"));
        Play(Record(
            "UPDATE node SET name = x'74' WHERE id = 1",
            "UPDATE node SET name = x'61' WHERE id = 2",
            "UPDATE node SET name = x'62' WHERE id = 1"));
        AssertSame(AllNodes);

        // And the index is back.
        Assert.True(Assert.Throws<SqlException>(() => _copy.Execute("UPDATE node SET name = x'61'")).IsConstraint);
    }

    [Fact]
    public void A_chain_of_replaced_names_is_replayed()
    {
        Play(Record(Node + "(1, 0, x'61', 1, 1, 1, 1, 493, 1, 2, 3, 4), (2, 0, x'62', 1, 1, 1, 1, 420, 1, 2, 3, 4)"));
        Play(Record(
            "DELETE FROM node WHERE id = 2",
            "UPDATE node SET name = x'62' WHERE id = 1",
            Node + "(3, 0, x'61', 1, 1, 1, 1, 493, 1, 2, 3, 4)"));
        AssertSame(AllNodes);
    }

    [Fact]
    public void Rows_that_refer_to_each_other_are_replayed_in_any_order()
    {
        Play(Record(
            "INSERT INTO user(id, name, state, created) VALUES (1, 'a', 1, 0)",
            "INSERT INTO user_group(id, name, created) VALUES (1, 'g', 0)",
            "INSERT INTO group_member VALUES (1, 1)"));
        Play(Record("DELETE FROM group_member", "DELETE FROM user_group", "DELETE FROM user"));
        AssertSame("SELECT name FROM user");
    }

    [Fact]
    public void What_belongs_to_one_copy_or_to_the_trailers_is_not_recorded()
    {
        Assert.Empty(Record(
            "UPDATE local SET value = 7",
            "INSERT INTO hx1 VALUES (1, 1)",
            "INSERT INTO pack(id, state, len) VALUES (1, 0, 0)",
            "INSERT INTO chunk VALUES (1, x'00', 1, 0, 1, 1, 0, 0)"));
    }

    [Fact]
    public void A_record_that_does_not_fit_is_refused_and_changes_nothing()
    {
        Play(Record(Node + "(1, 0, x'61', 1, 1, 1, 1, 493, 1, 2, 3, 4)"));
        _ = Record("UPDATE node SET revision = 2");
        var third = Record("UPDATE node SET revision = 3", Node + "(2, 0, x'62', 1, 1, 1, 1, 493, 1, 2, 3, 4)");
        Assert.Equal(FluxError.Corrupt, Assert.Throws<FluxException>(() => Play(third)).Error);
        Assert.Equal("1:0:61:1", Assert.Single(Rows(_copy, AllNodes)));
    }
}

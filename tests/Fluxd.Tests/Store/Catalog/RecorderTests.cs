using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Fluxd.Store.Catalog.Sqlite;
using SQLitePCL;
using Xunit;

namespace Fluxd.Tests.Store.Catalog;

/// <summary>The recorder says of a transaction what SQLite's own session extension says of the same one, row for row.</summary>
public sealed unsafe partial class RecorderTests : IDisposable
{
    private const string Tables = """
        CREATE TABLE one(id INTEGER PRIMARY KEY, a ANY, b BLOB, c INTEGER) STRICT;
        CREATE TABLE two(x BLOB NOT NULL, y INTEGER NOT NULL, v TEXT, PRIMARY KEY(y, x)) STRICT, WITHOUT ROWID;
        CREATE TABLE three(t TEXT PRIMARY KEY NOT NULL, n REAL, of INTEGER) STRICT;
        CREATE UNIQUE INDEX one_c ON one(c);
        CREATE TABLE local(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
        CREATE TABLE pack(id INTEGER PRIMARY KEY, len INTEGER NOT NULL) STRICT;
        """;

    /// <summary>The resolver of the store's own imports does not reach this assembly.</summary>
    private const string Library = "libsqlite3.so.0";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-recorder-");
    private readonly Database _mine;
    private readonly Database _theirs;
    private readonly Database _copy;

    public RecorderTests() => (_mine, _theirs, _copy) = (Make("mine.db"), Make("theirs.db"), Make("copy.db"));

    public void Dispose()
    {
        _mine.Dispose();
        _theirs.Dispose();
        _copy.Dispose();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Random_transactions_are_recorded_as_the_session_extension_records_them(int seed)
    {
        var random = new Random(seed);
        using var recorder = new ChangeRecorder(_mine);
        for (var round = 0; round < 60; round++)
        {
            var script = Script(random);
            var everything = random.Next(4) == 0;
            _mine.Execute("BEGIN IMMEDIATE");
            recorder.Begin(everything);
            Run(_mine, script);
            var mine = recorder.Take().ToArray();
            recorder.End();
            _mine.Execute("COMMIT");
            Assert.Equal(Normal(BySession(script, everything)), Normal(mine));

            _copy.Execute("BEGIN IMMEDIATE");
            ChangePlayer.Play(_copy, mine);
            _copy.Execute("COMMIT");
            Assert.Equal(Dump(_mine, everything: false), Dump(_copy, everything: false));
            if (!everything)
            {
                // Packs come by the trailers then.
                _copy.Execute("DELETE FROM pack");
                foreach (var row in Dump(_mine, "pack"))
                {
                    _copy.Execute($"INSERT INTO pack VALUES ({row})");
                }
            }
        }
    }

    [Fact]
    public void What_came_and_went_or_is_as_it_was_leaves_nothing()
    {
        using var recorder = new ChangeRecorder(_mine);
        _mine.Execute("INSERT INTO one VALUES (1, 'a', x'00', 1); BEGIN IMMEDIATE");
        recorder.Begin();
        _mine.Execute("UPDATE one SET c = 2; UPDATE one SET c = 1; INSERT INTO one VALUES (2, NULL, NULL, NULL); DELETE FROM one WHERE id = 2");
        Assert.False(recorder.IsEmpty);
        Assert.True(recorder.Take().IsEmpty);
        recorder.End();
        _mine.Execute("COMMIT");
    }

    [Fact]
    public void Nothing_is_recorded_between_two_transactions()
    {
        using var recorder = new ChangeRecorder(_mine);
        _mine.Execute("BEGIN IMMEDIATE");
        recorder.Begin();
        recorder.End();
        _mine.Execute("COMMIT; INSERT INTO one VALUES (1, 1, NULL, 1); BEGIN IMMEDIATE");
        recorder.Begin();
        Assert.True(recorder.IsEmpty);
        recorder.End();
        _mine.Execute("COMMIT");
    }

    [Fact]
    public void A_table_that_was_not_there_at_the_start_fails_the_transaction_instead_of_its_log()
    {
        using var recorder = new ChangeRecorder(_mine);
        _mine.Execute("CREATE TABLE late(id INTEGER PRIMARY KEY); BEGIN IMMEDIATE");
        recorder.Begin();
        _mine.Execute("INSERT INTO late VALUES (1)");
        Assert.False(recorder.IsEmpty);
        Assert.Contains("late", Assert.Throws<SqlException>(() => recorder.Take()).Message, StringComparison.Ordinal);
        recorder.End();
        _mine.Execute("ROLLBACK");
    }

    [Fact]
    public void A_table_without_a_key_is_refused_at_once()
    {
        _mine.Execute("CREATE TABLE bare(a INTEGER)");
        Assert.Contains("bare", Assert.Throws<InvalidOperationException>(() => new ChangeRecorder(_mine)).Message, StringComparison.Ordinal);
    }

    private Database Make(string name)
    {
        var database = Database.Open(Path.Combine(_folder.FullName, name), raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE);
        database.Execute(Tables);
        database.Execute("PRAGMA foreign_keys=1; PRAGMA synchronous=0");
        return database;
    }

    /// <summary>Statements that may fail alone; some of them inside savepoints that are taken back.</summary>
    private static List<string> Script(Random random)
    {
        var script = new List<string>();
        for (var count = random.Next(1, 30); count > 0; count--)
        {
            if (random.Next(5) == 0)
            {
                script.Add("SAVEPOINT s");
                script.AddRange(Enumerable.Range(0, random.Next(1, 5)).Select(_ => Change(random)));
                script.Add(random.Next(2) == 0 ? "ROLLBACK TO s" : "SELECT 1");
                script.Add("RELEASE s");
            }
            else
            {
                script.Add(Change(random));
            }
        }

        return script;
    }

    private static string Change(Random random)
    {
        int Id() => random.Next(12);
        string Any() => random.Next(7) switch
        {
            0 => "NULL",
            1 => long.MinValue.ToString(CultureInfo.InvariantCulture),
            2 => random.Next(300).ToString(CultureInfo.InvariantCulture),
            3 => (random.Next(9) + 0.5).ToString(CultureInfo.InvariantCulture),
            4 => "x''",
            5 => "x'" + new string('a', 2 * random.Next(1, 200)) + "'",
            _ => "'" + new string('ß', random.Next(90)) + "'",
        };
        string Blob() => $"x'0{random.Next(4)}'";
        return random.Next(14) switch
        {
            0 or 1 => $"INSERT INTO one VALUES ({Id()}, {Any()}, {Blob()}, {Id()})",
            2 => $"INSERT OR REPLACE INTO one VALUES ({Id()}, {Any()}, NULL, {Id()})",
            3 => $"UPDATE one SET a = {Any()} WHERE id < {Id()}",
            4 => $"UPDATE one SET id = {Id()} WHERE id = {Id()}",
            5 => $"DELETE FROM one WHERE id = {Id()}",
            6 => $"INSERT INTO two VALUES ({Blob()}, {Id()}, '{random.Next(3)}')",
            7 => $"UPDATE two SET y = y + 1, v = NULL WHERE x = {Blob()}",
            8 => random.Next(5) == 0 ? "DELETE FROM two" : $"DELETE FROM two WHERE y = {Id()}",
            9 => $"INSERT INTO three VALUES ('{(char)('a' + random.Next(5))}', {random.Next(9)}, {Id()})",
            10 => $"UPDATE three SET n = n * 1.5, t = t || 'x' WHERE of = {Id()}",
            11 => $"INSERT INTO two VALUES ({Blob()}, {Id()}, 'u') ON CONFLICT DO UPDATE SET v = v || excluded.v",
            12 => $"INSERT OR REPLACE INTO local VALUES ('{random.Next(3)}', {Any()})",
            _ => $"INSERT INTO pack VALUES ({random.Next(100)}, 0) ON CONFLICT DO UPDATE SET len = len + 1",
        };
    }

    private static void Run(Database database, List<string> script)
    {
        foreach (var statement in script)
        {
            // Clashes are part of it: both sides have the same ones.
            _ = raw.sqlite3_exec(database.Handle, statement);
        }
    }

    private byte[] BySession(List<string> script, bool everything)
    {
        _theirs.Execute("BEGIN IMMEDIATE");
        Assert.Equal(0, CreateSession(_theirs.Handle.DangerousGetHandle(), "main"u8, out var session));
        foreach (var table in (ReadOnlySpan<string>)["one", "two", "three", .. everything ? new[] { "pack" } : []])
        {
            Assert.Equal(0, Attach(session, Encoding.UTF8.GetBytes(table + '\0')));
        }

        Run(_theirs, script);
        Assert.Equal(0, Changeset(session, out var length, out var bytes));
        var changes = new byte[length];
        new Span<byte>((void*)bytes, length).CopyTo(changes);
        Free(bytes);
        DeleteSession(session);
        _theirs.Execute("COMMIT");
        return changes;
    }

    /// <summary>A line for each row: the order of rows and the byte that says whether a trigger made the change are of no account.</summary>
    private static List<string> Normal(ReadOnlySpan<byte> changes)
    {
        var rows = new List<string>();
        var (header, columns) = ("", 0);
        while (!changes.IsEmpty)
        {
            if (changes[0] == (byte)'T')
            {
                columns = changes[1];
                var end = 2 + columns + changes[(2 + columns)..].IndexOf((byte)0) + 1;
                header = Convert.ToHexString(changes[..end]);
                changes = changes[end..];
                continue;
            }

            var row = new StringBuilder(header).Append(' ').Append(changes[0]);
            var values = changes[0] == raw.SQLITE_UPDATE ? 2 * columns : columns;
            changes = changes[2..];
            for (; values > 0; values--)
            {
                row.Append(' ').Append(Convert.ToHexString(ChangeFormat.TakeValue(ref changes)));
            }

            rows.Add(row.ToString());
        }

        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    private static List<string> Dump(Database database, bool everything) =>
        [.. Dump(database, "one"), .. Dump(database, "two"), .. Dump(database, "three"), .. everything ? Dump(database, "pack") : []];

    private static List<string> Dump(Database database, string table)
    {
        var columns = table switch
        {
            "one" => "quote(id) || ', ' || quote(a) || ', ' || quote(b) || ', ' || quote(c)",
            "two" => "quote(x) || ', ' || quote(y) || ', ' || quote(v)",
            "three" => "quote(t) || ', ' || quote(n) || ', ' || quote(of)",
            _ => "quote(id) || ', ' || quote(len)",
        };
        var rows = new List<string>();
        using var all = database.Sql($"SELECT {columns} FROM {table} ORDER BY 1");
        while (all.Step())
        {
            rows.Add(all.Text(0));
        }

        return rows;
    }

    [LibraryImport(Library, EntryPoint = "sqlite3session_create")]
    private static partial int CreateSession(nint database, ReadOnlySpan<byte> name, out nint session);

    [LibraryImport(Library, EntryPoint = "sqlite3session_attach")]
    private static partial int Attach(nint session, ReadOnlySpan<byte> table);

    [LibraryImport(Library, EntryPoint = "sqlite3session_changeset")]
    private static partial int Changeset(nint session, out int length, out nint changes);

    [LibraryImport(Library, EntryPoint = "sqlite3session_delete")]
    private static partial void DeleteSession(nint session);

    [LibraryImport(Library, EntryPoint = "sqlite3_free")]
    private static partial void Free(nint memory);
}

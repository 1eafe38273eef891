using System.Runtime.InteropServices;
using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// One connection and its cache of prepared statements. One thread at a time (the library's own mutex is off).
/// The SQL texts are constants of the code, so the cache is bounded by it.
/// </summary>
internal sealed partial class Database : IDisposable
{
    private readonly Dictionary<string, Stack<Statement>> _idle = new(SqlTexts.Instance);

    private Database(sqlite3 handle) => Handle = handle;

    internal sqlite3 Handle { get; }

    internal bool InTransaction => raw.sqlite3_get_autocommit(Handle) == 0;

    internal static Database Open(string path, int flags)
    {
        SqliteLibrary.Load();
        var rc = raw.sqlite3_open_v2(path, out var handle, flags | raw.SQLITE_OPEN_NOMUTEX, null);
        var database = new Database(handle);
        try
        {
            database.Check(rc, "open");
            _ = raw.sqlite3_extended_result_codes(handle, 1);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>A statement to bind and step; dispose it to give it back.</summary>
    internal Statement Sql(string sql) => _idle.TryGetValue(sql, out var idle) && idle.TryPop(out var statement)
        ? statement
        : new Statement(this, sql);

    /// <summary>Runs a script of statements that need no values.</summary>
    internal void Execute(string script)
    {
        var rc = raw.sqlite3_exec(Handle, script);
        if (rc != raw.SQLITE_OK)
        {
            throw Failure(rc, script);
        }
    }

    /// <summary>
    /// Writes what the open transaction changed into the write-ahead log now, where it stays unseen until the commit: what
    /// that would find no room for fails here.
    /// </summary>
    internal void Flush()
    {
        var rc = FlushCache(Handle.DangerousGetHandle());
        if (rc is not (raw.SQLITE_OK or raw.SQLITE_BUSY))
        {
            throw Failure(rc, "flush");
        }
    }

    /// <summary>After a failure, which may have ended the transaction already.</summary>
    internal void RollBack()
    {
        if (InTransaction)
        {
            _ = raw.sqlite3_exec(Handle, "ROLLBACK");
        }
    }

    internal long? Scalar(string sql)
    {
        using var statement = Sql(sql);
        return statement.RunScalar();
    }

    internal void Return(Statement statement)
    {
        if (!_idle.TryGetValue(statement.Sql, out var idle))
        {
            _idle.Add(statement.Sql, idle = new Stack<Statement>(1));
        }

        idle.Push(statement);
    }

    internal void Check(int rc, string doing)
    {
        if (rc != raw.SQLITE_OK)
        {
            throw Failure(rc, doing);
        }
    }

    internal SqlException Failure(int rc, string doing)
    {
        var extended = raw.sqlite3_extended_errcode(Handle);
        var message = raw.sqlite3_errmsg(Handle).utf8_to_string();
        return new SqlException((extended & 0xFF) == (rc & 0xFF) ? extended : rc, $"SQLite {rc}: {message} ({FirstLine(doing)})");
    }

    public void Dispose()
    {
        foreach (var statement in _idle.Values.SelectMany(idle => idle))
        {
            statement.Close();
        }

        _idle.Clear();
        Handle.Dispose();
    }

    /// <summary>The texts are constants, so the same text is nearly always the same object: hashing all of it for each use cost more than looking it up.</summary>
    private sealed class SqlTexts : IEqualityComparer<string>
    {
        internal static readonly SqlTexts Instance = new();

        public bool Equals(string? x, string? y) => string.Equals(x, y, StringComparison.Ordinal);

        public int GetHashCode(string sql) => (sql.Length * 31 * 31) + (sql[sql.Length / 2] * 31) + sql[sql.Length / 3] + sql[^1];
    }

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_db_cacheflush")]
    private static partial int FlushCache(nint database);

    private static string FirstLine(string sql) => sql.Length <= 120 ? sql : string.Concat(sql.AsSpan(0, 120), "…");
}

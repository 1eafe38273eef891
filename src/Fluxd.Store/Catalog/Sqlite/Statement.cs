using System.Text;
using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// A prepared statement, rented from its connection's cache: bind the values in the order of the placeholders, step,
/// read columns, dispose (which gives it back). BLOBs are read as spans that live until the next step.
/// One thread at a time.
/// </summary>
internal sealed class Statement : IDisposable
{
    private readonly Database _database;
    private readonly sqlite3_stmt _owner;
    private readonly nint _handle;
    private int _bound;

    internal Statement(Database database, string sql)
    {
        _database = database;
        Sql = sql;
        database.Check(raw.sqlite3_prepare_v3(database.Handle, sql, raw.SQLITE_PREPARE_PERSISTENT, out _owner), sql);
        _handle = _owner.DangerousGetHandle();
    }

    internal string Sql { get; }

    public Statement Bind(long value) => Bound(StatementCalls.BindLong(_handle, ++_bound, value));

    public Statement Bind(long? value) => value is { } some ? Bind(some) : BindNull();

    public Statement Bind(bool value) => Bind(value ? 1L : 0L);

    // An empty span has no address, and SQLite would bind NULL for it.
    public Statement Bind(ReadOnlySpan<byte> value) => Bound(value.IsEmpty
        ? StatementCalls.BindZeros(_handle, ++_bound, 0)
        : StatementCalls.BindBlob(_handle, ++_bound, value, value.Length, StatementCalls.Copy));

    public Statement Bind(byte[]? value) => value is null ? BindNull() : Bind(value.AsSpan());

    public Statement Bind(ReadOnlyMemory<byte> value) => Bind(value.Span);

    public Statement Bind(string? value) => value is null ? BindNull() : Bound(raw.sqlite3_bind_text(_owner, ++_bound, value));

    public Statement BindNull() => Bound(StatementCalls.BindNull(_handle, ++_bound));

    /// <summary>True: a row is there. False: done.</summary>
    public bool Step()
    {
        var rc = StatementCalls.Step(_handle);
        return rc == raw.SQLITE_ROW || (rc == raw.SQLITE_DONE ? false : throw _database.Failure(rc, Sql));
    }

    /// <summary>Runs to the end and returns how many rows were inserted, updated or deleted.</summary>
    public int Run()
    {
        while (Step())
        {
        }

        return raw.sqlite3_changes(_database.Handle);
    }

    /// <summary>The first column of the first row; null without a row or for NULL. Runs to the end.</summary>
    public long? RunScalar()
    {
        long? value = Step() ? LongOrNull(0) : null;
        while (value is not null && Step())
        {
        }

        return value;
    }

    public bool IsNull(int column) => TypeOf(column) == raw.SQLITE_NULL;

    /// <summary>The value's own type, one of SQLite's five.</summary>
    internal int TypeOf(int column) => StatementCalls.ColumnType(_handle, column);

    internal double Double(int column) => StatementCalls.ColumnDouble(_handle, column);

    public long Long(int column) => StatementCalls.ColumnLong(_handle, column);

    public long? LongOrNull(int column) => IsNull(column) ? null : Long(column);

    public int Int(int column) => checked((int)Long(column));

    public bool Bool(int column) => Long(column) != 0;

    /// <summary>Valid until the next step or dispose. Empty for NULL too.</summary>
    public ReadOnlySpan<byte> Span(int column) => StatementCalls.ColumnBlob(_handle, column);

    public byte[] Bytes(int column) => Span(column).ToArray();

    public byte[]? BytesOrNull(int column) => IsNull(column) ? null : Bytes(column);

    // The blob form of a text column is its UTF-8.
    public string Text(int column) => Encoding.UTF8.GetString(Span(column));

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    /// <summary>For a second use with other values without going through the cache.</summary>
    public Statement Again()
    {
        Reset();
        return this;
    }

    public void Dispose()
    {
        Reset();
        _database.Return(this);
    }

    internal void Close() => _owner.Dispose();

    private void Reset()
    {
        // The code is that of the last step, which has been reported already.
        _ = StatementCalls.Reset(_handle);
        if (_bound > 0)
        {
            _ = StatementCalls.ClearBindings(_handle);
            _bound = 0;
        }
    }

    private Statement Bound(int rc)
    {
        _database.Check(rc, Sql);
        return this;
    }
}

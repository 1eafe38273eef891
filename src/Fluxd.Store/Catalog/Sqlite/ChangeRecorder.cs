using System.Buffers;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// Records which rows a transaction changes and gives them as one changeset: net effect, old and new values. Rows that a
/// rolled-back savepoint touched end up as they were and don't appear. SQLite's session extension does the same, but
/// parses three statements for each table of each transaction: a tenth of what a small file cost. This one knows the
/// tables from its beginning, so the schema must not change while it lives. One connection's, in its thread.
/// </summary>
internal sealed unsafe partial class ChangeRecorder : IDisposable
{
    /// <summary>
    /// Tables that the log does not carry as rows: the pack trailers name chunks and packs themselves, and the hash
    /// index and <c>local</c> belong to one copy of the catalogue.
    /// </summary>
    internal static readonly FrozenSet<string> Unlogged =
        new[] { "chunk", "pack", "pack_range", "hx1", "hx2", "local" }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string> s_never = new[] { "hx1", "hx2", "local" }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>What the buffers keep for the next transaction.</summary>
    private const int KeptBytes = 64 << 10;

    /// <summary>The same of the whole changeset: a group of some hundred small files.</summary>
    private const int KeptChangesBytes = 1 << 20;

    private readonly Database _database;
    private readonly nint _handle;
    private readonly GCHandle _self;
    private readonly Dictionary<string, RecordedTable> _tables;
    private readonly Dictionary<nint, RecordedTable?> _byName = []; // by the name's address, which holds for one transaction
    private readonly List<RecordedTable> _touched = [];
    private readonly ArrayBufferWriter<byte> _key = new();
    private readonly ArrayBufferWriter<byte> _otherKey = new();
    private ArrayBufferWriter<byte> _old = new();
    private ArrayBufferWriter<byte> _changes = new();
    private bool _everything;
    private Exception? _fault;

    internal ChangeRecorder(Database database)
    {
        _database = database;
        _handle = database.Handle.DangerousGetHandle();
        var names = new List<string>();
        using (var all = database.Sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"))
        {
            while (all.Step())
            {
                names.Add(all.Text(0));
            }
        }

        _tables = names.Where(name => !s_never.Contains(name)).ToDictionary(name => name, name => RecordedTable.Read(database, name), StringComparer.Ordinal);
        _self = GCHandle.Alloc(this);
    }

    internal bool IsEmpty => _touched.Count == 0 && _fault is null;

    /// <summary>Call it inside the transaction.</summary>
    /// <param name="everything">Record the chunk and pack tables too: for a transaction that moves chunks.</param>
    internal void Begin(bool everything = false)
    {
        _everything = everything;
        _ = SetHook(_handle, &Changing, GCHandle.ToIntPtr(_self));
    }

    /// <summary>The changes so far. They stay what they are until it is called again.</summary>
    internal ReadOnlyMemory<byte> Take()
    {
        if (_fault is not null)
        {
            throw new SqlException(raw.SQLITE_ERROR, $"The changes of the transaction could not be recorded: {_fault.Message}");
        }

        _changes.ResetWrittenCount();
        foreach (var table in _touched)
        {
            table.AppendChanges(_database, _changes);
        }

        return _changes.WrittenMemory;
    }

    /// <summary>Before the next transaction, and before the work that nobody records.</summary>
    internal void End()
    {
        _ = SetHook(_handle, null, 0);
        foreach (var table in _touched)
        {
            table.Forget();
        }

        _touched.Clear();
        _byName.Clear();
        _fault = null;
        if (_old.Capacity > KeptBytes)
        {
            _old = new ArrayBufferWriter<byte>();
        }

        if (_changes.Capacity > KeptChangesBytes)
        {
            _changes = new ArrayBufferWriter<byte>();
        }
    }

    /// <summary>Before the connection is closed.</summary>
    public void Dispose()
    {
        End();
        _self.Free();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "Nothing may fly through SQLite; the transaction fails with it.")]
    private static void Changing(nint context, nint database, int operation, byte* schema, byte* table, long oldId, long newId)
    {
        var recorder = (ChangeRecorder)GCHandle.FromIntPtr(context).Target!;
        try
        {
            if (recorder._fault is null && recorder.TableOf(table) is { } recorded)
            {
                recorder.Note(recorded, operation);
            }
        }
        catch (Exception e)
        {
            recorder._fault = e;
        }
    }

    /// <summary>Null: its rows are not for the log.</summary>
    private RecordedTable? TableOf(byte* name)
    {
        if (!_byName.TryGetValue((nint)name, out var table))
        {
            var text = Marshal.PtrToStringUTF8((nint)name)!;
            table = s_never.Contains(text) || (!_everything && Unlogged.Contains(text)) ? null
                : _tables.TryGetValue(text, out var known) && known.Columns == CountColumns(_handle) ? known
                : throw new InvalidOperationException($"the table {text} is not the one that was there at the start");
            _byName.Add((nint)name, table);
        }

        return table;
    }

    private void Note(RecordedTable table, int operation)
    {
        if (operation == raw.SQLITE_INSERT)
        {
            Touch(table, ReadKey(table, _key, isNew: true), hasOld: false);
            return;
        }

        var key = ReadKey(table, _key, isNew: false);
        Touch(table, key, hasOld: true);

        // A row with another key is another row: the one went, the other came.
        if (operation == raw.SQLITE_UPDATE && ReadKey(table, _otherKey, isNew: true) is var other && !other.SequenceEqual(key))
        {
            Touch(table, other, hasOld: false);
        }
    }

    private void Touch(RecordedTable table, ReadOnlySpan<byte> key, bool hasOld)
    {
        if (table.Knows(key))
        {
            return;
        }

        if (!table.IsTouched)
        {
            _touched.Add(table);
        }

        _old.ResetWrittenCount();
        for (var column = 0; hasOld && column < table.Columns; column++)
        {
            AppendValue(_old, column, isNew: false);
        }

        table.Touch(key, _old.WrittenSpan);
    }

    private ReadOnlySpan<byte> ReadKey(RecordedTable table, ArrayBufferWriter<byte> to, bool isNew)
    {
        to.ResetWrittenCount();
        foreach (var column in table.KeyColumns)
        {
            AppendValue(to, column, isNew);
        }

        return to.WrittenSpan;
    }

    private void AppendValue(ArrayBufferWriter<byte> to, int column, bool isNew)
    {
        var rc = isNew ? NewValue(_handle, column, out var value) : OldValue(_handle, column, out value);
        if (rc != raw.SQLITE_OK)
        {
            throw new SqlException(rc, $"SQLite {rc}: a value of the row could not be read.");
        }

        var type = TypeOf(value);
        switch (type)
        {
            case raw.SQLITE_INTEGER:
                ChangeFormat.AppendLong(to, LongOf(value));
                break;
            case raw.SQLITE_FLOAT:
                ChangeFormat.AppendDouble(to, DoubleOf(value));
                break;
            case raw.SQLITE_NULL:
                ChangeFormat.AppendNull(to);
                break;
            default:
                var bytes = BytesOf(value); // of a text its UTF-8; asked for before the length
                ChangeFormat.AppendBytes(to, type, new ReadOnlySpan<byte>(bytes, LengthOf(value)));
                break;
        }
    }

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_preupdate_hook")]
    private static partial nint SetHook(nint database, delegate* unmanaged[Cdecl]<nint, nint, int, byte*, byte*, long, long, void> hook, nint context);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_preupdate_count")]
    private static partial int CountColumns(nint database);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_preupdate_old")]
    private static partial int OldValue(nint database, int column, out nint value);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_preupdate_new")]
    private static partial int NewValue(nint database, int column, out nint value);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_value_type")]
    private static partial int TypeOf(nint value);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_value_int64")]
    private static partial long LongOf(nint value);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_value_double")]
    private static partial double DoubleOf(nint value);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_value_blob")]
    private static partial byte* BytesOf(nint value);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_value_bytes")]
    private static partial int LengthOf(nint value);
}

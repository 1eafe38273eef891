using System.Runtime.InteropServices;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// The calls that every row costs, without the binding's handle counting around each. A statement lives as long as its
/// connection's cache, and one thread at a time uses it, so the pointer is good. Calls that only touch memory of the
/// statement, and can't wait, don't tell the collector of garbage that they are away.
/// </summary>
internal static unsafe partial class StatementCalls
{
    /// <summary>SQLITE_TRANSIENT: the library makes a copy of its own.</summary>
    internal const nint Copy = -1;

    internal static ReadOnlySpan<byte> ColumnBlob(nint statement, int column)
    {
        // In this order: asking for the bytes may change the form that the length is of.
        var bytes = ColumnBlobAt(statement, column);
        return new ReadOnlySpan<byte>(bytes, ColumnBytes(statement, column));
    }

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_step")]
    internal static partial int Step(nint statement);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_reset")]
    internal static partial int Reset(nint statement);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_bind_blob")]
    internal static partial int BindBlob(nint statement, int index, ReadOnlySpan<byte> value, int length, nint release);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_bind_zeroblob")]
    internal static partial int BindZeros(nint statement, int index, int length);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_column_blob")]
    private static partial void* ColumnBlobAt(nint statement, int column);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_column_bytes")]
    private static partial int ColumnBytes(nint statement, int column);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_column_type")]
    internal static partial int ColumnType(nint statement, int column);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_column_int64")]
    internal static partial long ColumnLong(nint statement, int column);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_column_double")]
    internal static partial double ColumnDouble(nint statement, int column);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_bind_int64")]
    internal static partial int BindLong(nint statement, int index, long value);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_bind_null")]
    internal static partial int BindNull(nint statement, int index);

    [SuppressGCTransition]
    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_clear_bindings")]
    internal static partial int ClearBindings(nint statement);
}

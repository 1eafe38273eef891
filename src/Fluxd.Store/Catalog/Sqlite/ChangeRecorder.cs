using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// Records which rows a transaction changes (SQLite's session extension) and gives them as one changeset: net
/// effect, old and new values. Rows that a rolled-back savepoint touched end up as they were and don't appear.
/// Make one inside the transaction, dispose it before the next.
/// </summary>
internal sealed unsafe partial class ChangeRecorder : IDisposable
{
    /// <summary>
    /// Tables that the log does not carry as rows: the pack trailers name chunks and packs themselves, and the hash
    /// index and <c>local</c> belong to one copy of the catalogue.
    /// </summary>
    internal static readonly FrozenSet<string> Unlogged =
        new[] { "chunk", "pack", "pack_range", "hx1", "hx2", "local" }.ToFrozenSet(StringComparer.Ordinal);

    private readonly nint _session;

    /// <param name="everything">Record the chunk and pack tables too: for a transaction that moves chunks.</param>
    internal ChangeRecorder(Database database, bool everything = false)
    {
        database.Check(Create(database.Handle.DangerousGetHandle(), "main"u8, out _session), "record changes");
        SetFilter(_session, &IsLogged, everything ? 1 : 0);
        database.Check(Attach(_session, null), "record changes");
    }

    internal bool IsEmpty => IsEmptySession(_session) != 0;

    internal byte[] Take()
    {
        void* changes = null;
        try
        {
            var rc = Changeset(_session, out var length, out changes);
            return rc == raw.SQLITE_OK
                ? new ReadOnlySpan<byte>(changes, length).ToArray()
                : throw new SqlException(rc, $"SQLite {rc}: the changes of the transaction could not be collected.");
        }
        finally
        {
            Free(changes);
        }
    }

    public void Dispose() => Delete(_session);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int IsLogged(nint everything, byte* table)
    {
        var name = Marshal.PtrToStringUTF8((nint)table)!;
        return everything != 0 ? (name is "hx1" or "hx2" or "local" ? 0 : 1) : (Unlogged.Contains(name) ? 0 : 1);
    }

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3session_create")]
    private static partial int Create(nint database, ReadOnlySpan<byte> name, out nint session);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3session_table_filter")]
    private static partial void SetFilter(nint session, delegate* unmanaged[Cdecl]<nint, byte*, int> filter, nint context);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3session_attach")]
    private static partial int Attach(nint session, byte* table);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3session_isempty")]
    private static partial int IsEmptySession(nint session);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3session_changeset")]
    private static partial int Changeset(nint session, out int length, out void* changes);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3session_delete")]
    private static partial void Delete(nint session);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_free")]
    private static partial void Free(void* memory);
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// How many pages of the write-ahead log are in use, told by SQLite at each commit of this connection.
/// (The file's size says nothing: it is reused from its beginning.)
/// </summary>
internal sealed unsafe partial class WalMeter : IDisposable
{
    private readonly Database _database;
    private readonly int* _pages;

    internal WalMeter(Database database)
    {
        _database = database;
        _pages = (int*)NativeMemory.AllocZeroed(sizeof(int));
        // Takes the place of the automatic checkpoint, which is such a hook itself.
        _ = SetHook(database.Handle.DangerousGetHandle(), &Committed, _pages);
    }

    internal int Pages => *_pages;

    /// <summary>Call before the connection is closed.</summary>
    public void Dispose()
    {
        _ = SetHook(_database.Handle.DangerousGetHandle(), null, null);
        NativeMemory.Free(_pages);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Committed(void* context, nint database, byte* name, int pages)
    {
        *(int*)context = pages;
        return raw.SQLITE_OK;
    }

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3_wal_hook")]
    private static partial void* SetHook(nint database, delegate* unmanaged[Cdecl]<void*, nint, byte*, int, int> hook, void* context);
}

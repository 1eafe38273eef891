using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// Binds to the system's SQLite: security fixes come with the distribution's updates, and Debian's build has the
/// session extension that the log needs. Call <see cref="Load"/> before the first use of SQLite; again is free.
/// </summary>
internal static class SqliteLibrary
{
    /// <summary>The name that the binding and our own imports use; resolved here to what the system has.</summary>
    internal const string Name = "e_sqlite3";

    private static readonly Lazy<bool> s_loaded = new(LoadOnce);

    /// <summary>Can it be loaded at all?</summary>
    internal static bool IsThere => Find() is not 0;

    internal static void Load() => _ = s_loaded.Value;

    private static bool LoadOnce()
    {
        NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
        NativeLibrary.SetDllImportResolver(typeof(SqliteLibrary).Assembly, Resolve);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());

        // Its statistics of memory put one lock around every allocation of every connection. Refused where somebody in the
        // process has begun to use the library: then it is only slower.
        _ = raw.sqlite3_config(raw.SQLITE_CONFIG_MEMSTATUS, 0);
        return true;
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Name)
        {
            return 0;
        }

        return Find() is not 0 and var handle ? handle : throw new DllNotFoundException("SQLite is missing: install it (on Debian: apt-get install libsqlite3-0).");
    }

    private static nint Find()
    {
        foreach (var candidate in (ReadOnlySpan<string>)["libsqlite3.so.0", "libsqlite3.dylib", "libsqlite3.so"])
        {
            if (NativeLibrary.TryLoad(candidate, out var handle))
            {
                return handle;
            }
        }

        return 0;
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Fluxd.Core;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>
/// Plays recorded changesets, in the order in which they were recorded, onto the state that they were recorded on.
/// Anything that does not fit is damage and stops the replay; nothing is skipped or bent to fit. Only a pack's row may
/// differ in what the log does not carry of it (that it was sealed, say), since the row's key alone decides.
/// Call inside a transaction.
/// </summary>
internal static unsafe partial class ChangePlayer
{
    private const int Replace = 1;
    private const int Abort = 2;
    private const int DataConflict = 1;
    private const int ConstraintConflict = 4;

    internal static void Play(Database database, ReadOnlySpan<byte> changes)
    {
        database.Execute("SAVEPOINT play");
        var conflict = Apply(database, changes);
        if (conflict == ConstraintConflict)
        {
            // Two rows changed places under a unique index (a and b swapped names): no order of single rows gets there.
            database.Execute("ROLLBACK TO play");
            conflict = ApplyWithoutUniqueIndexes(database, changes);
        }

        if (conflict != 0)
        {
            database.Execute("ROLLBACK TO play");
            database.Execute("RELEASE play");
            throw new FluxException(FluxError.Corrupt, $"A record of the log does not fit the catalogue (conflict {conflict}).");
        }

        database.Execute("RELEASE play");
    }

    private static int ApplyWithoutUniqueIndexes(Database database, ReadOnlySpan<byte> changes)
    {
        var indexes = new List<(string Name, string Sql)>();
        using (var all = database.Sql("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE INDEX%'"))
        {
            while (all.Step())
            {
                indexes.Add((all.Text(0), all.Text(1)));
            }
        }

        foreach (var (name, _) in indexes)
        {
            database.Execute($"DROP INDEX \"{name}\"");
        }

        var conflict = Apply(database, changes);
        if (conflict == 0)
        {
            // Fails, and the replay with it, if two rows do clash in the end.
            foreach (var (_, sql) in indexes)
            {
                database.Execute(sql);
            }
        }

        return conflict;
    }

    /// <summary>0, or the kind of the first conflict.</summary>
    private static int Apply(Database database, ReadOnlySpan<byte> changes)
    {
        var conflict = 0;
        int rc;
        fixed (byte* bytes = changes)
        {
            rc = ApplyChanges(database.Handle.DangerousGetHandle(), changes.Length, bytes, null, &Conflicted, &conflict);
        }

        if (conflict == 0)
        {
            database.Check(rc, "play the log");
        }

        return conflict;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Conflicted(void* context, int kind, nint change)
    {
        if (kind == DataConflict && Describe(change, out var table, out _, out _, out _) == 0
            && MemoryMarshal.CreateReadOnlySpanFromNullTerminated(table).SequenceEqual("pack"u8))
        {
            return Replace;
        }

        *(int*)context = kind;
        return Abort;
    }

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3changeset_op")]
    private static partial int Describe(nint change, out byte* table, out int columns, out int operation, out int indirect);

    [LibraryImport(SqliteLibrary.Name, EntryPoint = "sqlite3changeset_apply")]
    private static partial int ApplyChanges(
        nint database, int length, byte* changes, void* filter, delegate* unmanaged[Cdecl]<void*, int, nint, int> conflict, void* context);
}

using SQLitePCL;

namespace Fluxd.Store.Catalog.Sqlite;

/// <summary>SQLite refused a statement. <see cref="Code"/> is the primary result code.</summary>
internal sealed class SqlException(int extendedCode, string message) : Exception(message)
{
    /// <summary>SQLITE_IOERR_SHMSIZE: the file could not be made longer.</summary>
    private const int NoRoomForSharedMemory = raw.SQLITE_IOERR | (19 << 8);

    public int ExtendedCode { get; } = extendedCode;

    public int Code => ExtendedCode & 0xFF;

    /// <summary>A UNIQUE, CHECK, NOT NULL or foreign-key rule said no.</summary>
    public bool IsConstraint => Code == raw.SQLITE_CONSTRAINT;

    public bool IsInterrupted => Code == raw.SQLITE_INTERRUPT;

    /// <summary>No room on the disk: for the write-ahead log, or for the memory that its readers share, which is a file too.</summary>
    public bool IsDiskFull => Code == raw.SQLITE_FULL || ExtendedCode == NoRoomForSharedMemory;

    /// <summary>The disk or the file can't be trusted any more: nothing may be written until a restart has looked at it.</summary>
    public bool IsDamage => !IsDiskFull && Code is raw.SQLITE_IOERR or raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_CANTOPEN
        or raw.SQLITE_PROTOCOL or raw.SQLITE_READONLY;
}

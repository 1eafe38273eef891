namespace Fluxd.Store.Uploads;

/// <summary>The bounds of upload sessions.</summary>
internal static class UploadLimits
{
    /// <summary>How long an unfinished session is kept after its last byte where nothing else is configured.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromDays(7);

    /// <summary>Pieces of one session that came out of order: each is a row and perhaps a sink.</summary>
    public const int PartsMax = 4096;

    /// <summary>Sessions that one concatenation names.</summary>
    public const int ConcatenatedMax = 10_000;

    /// <summary>Chunks that were put and not yet named by a recipe, of one session: some 100 bytes of memory each.</summary>
    public const int PutChunksMax = 65_536;

    /// <summary>Their bytes, in sizes of the upload: what a client sent before it was killed may lie beside what it sends now.</summary>
    public const int PutSizesMax = 2;

    /// <summary>Quota that an upload of unknown size takes ahead for them: one transaction for hundreds of chunks.</summary>
    public const long PutReserveBytes = 64 << 20;

    /// <summary>What one scratch file of put chunks takes: room comes back in steps of this size while a client sends ahead of its recipes.</summary>
    public const int SheetBytes = 32 << 20;

    /// <summary>Runs of a base file that a session looks through, 24 bytes each: the pieces that a file of many edits is in.</summary>
    public const int BaseRunsMax = 65_536;

    /// <summary>Sessions that remember their base file; others read what they share.</summary>
    public const int BasesMax = 64;

    /// <summary>Ranges of chunks that one session was promised. A range is a stretch of a file, so this is enough for any; beyond it the answer is no.</summary>
    public const int LeaseRowsMax = 65_536;

    /// <summary>After so long without a call what was put is forgotten; a client that comes back sends it again.</summary>
    public static readonly TimeSpan DeskIdle = TimeSpan.FromHours(1);
}

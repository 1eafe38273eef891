namespace Fluxd.Store.Uploads;

/// <summary>The bounds of upload sessions.</summary>
internal static class UploadLimits
{
    /// <summary>How long an unfinished session is kept after its last byte.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromDays(7);

    /// <summary>Pieces of one session that came out of order: each is a row and perhaps a sink.</summary>
    public const int PartsMax = 4096;

    /// <summary>Sessions that one concatenation names.</summary>
    public const int ConcatenatedMax = 10_000;

    /// <summary>Chunks that were put and not yet named by a recipe, of one session: some 4 GiB of fine chunks in a scratch file.</summary>
    public const int PutChunksMax = 65_536;

    /// <summary>Chunks of base files that a session was told it need not send: about 20 MB of memory.</summary>
    public const int KnownChunksMax = 262_144;

    /// <summary>After so long without a call what was put is forgotten; a client that comes back sends it again.</summary>
    public static readonly TimeSpan DeskIdle = TimeSpan.FromHours(1);
}

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
}

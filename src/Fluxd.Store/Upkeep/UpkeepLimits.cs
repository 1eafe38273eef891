namespace Fluxd.Store.Upkeep;

/// <summary>The bounds of what runs in the background, each with its reason.</summary>
internal static class UpkeepLimits
{
    /// <summary>Rows that one read looks at: far below the 5 s after which a reader's snapshot is cut, also on an old disk.</summary>
    public const int PageRows = 2_000;

    /// <summary>Findings kept of each kind; more are counted.</summary>
    public const int FindingsMax = 1_000;

    /// <summary>Catalogue copies kept in the store: the older one may be the only good one.</summary>
    public const int CopiesKept = 2;

    /// <summary>A rebuild plays at most a day's log and a bit on top of the newest copy.</summary>
    public static readonly TimeSpan CopyEvery = TimeSpan.FromDays(1);

    /// <summary>What scrub reads a second, by default: a 4 TB disk is read through in a bit more than two days of reading.</summary>
    public const long ScrubBytesPerSecond = 20 << 20;
}

namespace Fluxd.Store.Upkeep;

/// <summary>The bounds of what runs in the background, each with its reason.</summary>
internal static class UpkeepLimits
{
    /// <summary>Rows that one read looks at: far below the 5 s after which a reader's snapshot is cut, also on an old disk.</summary>
    public const int PageRows = 2_000;

    /// <summary>Parts of long recipes in one read: each holds up to 4,096 chunks.</summary>
    public const int PageParts = 500;

    /// <summary>Rows that one write removes, so that no client's commit waits long behind it.</summary>
    public const int RemoveRows = 500;

    /// <summary>Bytes that compaction moves in one commit.</summary>
    public const int MoveBytes = 4 << 20;

    /// <summary>Chunk rows that one commit moves or removes: their changes, some 300 bytes each, fit the log's bound many times.</summary>
    public const int SwapRows = 20_000;

    /// <summary>A sealed pack with more dead bytes than this share is compacted: below it the room won isn't worth the writing.</summary>
    public const double CompactAbove = 0.30;

    /// <summary>Findings kept of each kind; more are counted.</summary>
    public const int FindingsMax = 1_000;

    /// <summary>Catalogue copies kept in the store: the older one may be the only good one.</summary>
    public const int CopiesKept = 2;

    /// <summary>A copy a day, or earlier when the log has grown by this many groups since the newest.</summary>
    public const long CopyAfterGroups = 200_000;

    public static readonly TimeSpan CopyEvery = TimeSpan.FromDays(1);

    /// <summary>What scrub reads a second, by default: a 4 TB disk is read through in a bit more than two days of reading.</summary>
    public const long ScrubBytesPerSecond = 20 << 20;

    /// <summary>What compaction moves a second, by default: it leaves most of a disk to clients.</summary>
    public const long MoveBytesPerSecond = 40 << 20;
}

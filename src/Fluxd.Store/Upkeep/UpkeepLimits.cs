namespace Fluxd.Store.Upkeep;

/// <summary>The bounds of what runs in the background, each with its reason.</summary>
internal static class UpkeepLimits
{
    /// <summary>Rows that one read looks at: far below the 5 s after which a reader's snapshot is cut, also on an old disk.</summary>
    public const int PageRows = 2_000;

    /// <summary>Rows of the hash index that one read takes: 20 bytes each, one behind the other.</summary>
    public const int IndexPageRows = 20_000;

    /// <summary>Of a chunk that very many have, so many are looked at for a place to share; then it is written once more.</summary>
    public const int TwinsLookedAt = 16;

    /// <summary>Parts of long recipes in one read: each holds up to 4,096 chunks.</summary>
    public const int PageParts = 500;

    /// <summary>Contents that one write condemns or removes, so that no client's commit waits long behind it.</summary>
    public const int RemoveRows = 500;

    /// <summary>Parts of recipes that one write removes: their bytes stand in its record.</summary>
    public const int RemoveParts = 256;

    /// <summary>Bytes that compaction moves in one commit.</summary>
    public const int MoveBytes = 4 << 20;

    /// <summary>Chunk rows that one commit moves or removes: some 300 bytes of record each, and tens of milliseconds.</summary>
    public const int SwapRows = 2_000;

    /// <summary>What the log takes for a chunk's row that goes, at most.</summary>
    public const long RowRecordBytes = 300;

    /// <summary>Rows of the hash index that one write removes: each is likely on a page of its own.</summary>
    public const int IndexRows = 500;

    /// <summary>A sealed pack with more dead bytes than this share is compacted: below it the room won isn't worth the writing.</summary>
    public const double CompactAbove = 0.30;

    /// <summary>A sealed pack shorter than this part of a full one is short: every restart leaves a few.</summary>
    public const int ShortPackPart = 4;

    /// <summary>So many short packs are worth being merged; with fewer, each day's few would be written again and again.</summary>
    public const int MergeAtLeast = 8;

    /// <summary>Short packs that one run merges: their names and files are gone through one by one.</summary>
    public const int MergeAtMost = 1_000;

    /// <summary>What compaction moves a second, by default: it leaves most of a disk to clients.</summary>
    public const long MoveBytesPerSecond = 40 << 20;

    /// <summary>What one round on the timetable moves at most: the rest waits for the next.</summary>
    public const long MoveBytesPerRound = 32L << 30;

    /// <summary>How long a round waits for those who looked before a content was condemned; after that the next round removes it.</summary>
    public static readonly TimeSpan TicketWait = TimeSpan.FromSeconds(30);

    /// <summary>Together longer than any reader's snapshot lives.</summary>
    public const int CheckpointAttempts = 60;

    public static readonly TimeSpan CheckpointPause = TimeSpan.FromMilliseconds(100);

    /// <summary>Findings kept of each kind; more are counted.</summary>
    public const int FindingsMax = 1_000;

    /// <summary>Catalogue copies kept in the store: the older one may be the only good one.</summary>
    public const int CopiesKept = 2;

    /// <summary>A rebuild plays at most a day's log and a bit on top of the newest copy.</summary>
    public static readonly TimeSpan CopyEvery = TimeSpan.FromDays(1);

    /// <summary>What a collection may write before it gives room back: the ends of open packs, and its commits' records.</summary>
    public const long CollectRoom = 32L << 20;

    /// <summary>Garbage is looked for once a day.</summary>
    public static readonly TimeSpan CollectEvery = TimeSpan.FromDays(1);

    /// <summary>Each pack is read and compared once in that time.</summary>
    public static readonly TimeSpan ScrubEvery = TimeSpan.FromDays(30);

    /// <summary>What an hour's stretch of scrubbing reads of a store that is small enough for it: up to 8 TiB.</summary>
    public const long ScrubBytesPerRound = 16L << 30;

    /// <summary>Stretches in which all packs are read: one an hour makes 22 days, which leaves a week for hours that were missed.</summary>
    public const int ScrubRounds = 22 * 24;

    /// <summary>A stretch takes no longer than this at its rate, so that copies, collections and people find their turn: 38 TB a month at 20 MiB a second.</summary>
    public const int ScrubSecondsPerRound = 45 * 60;

    /// <summary>What the next hour's stretch reads, so that a round through all packs ends within the month where the rate allows it.</summary>
    /// <param name="bytesPerSecond">0: no limit.</param>
    public static long ScrubStretch(long packBytes, long bytesPerSecond) => Math.Min(
        Math.Max(ScrubBytesPerRound, packBytes / ScrubRounds), bytesPerSecond <= 0 ? long.MaxValue : bytesPerSecond * ScrubSecondsPerRound);

    /// <summary>What scrub reads a second, by default: a 4 TB disk is read through in a bit more than two days of reading.</summary>
    public const long ScrubBytesPerSecond = 20 << 20;
}

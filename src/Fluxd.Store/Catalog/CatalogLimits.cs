namespace Fluxd.Store.Catalog;

internal static class CatalogLimits
{
    /// <summary>Writes that may wait for the committer: beyond that callers wait to queue, so a flood can't fill memory.</summary>
    public const int QueuedWritesMax = 20_000;

    /// <summary>
    /// How long writes that nobody waits for may gather before their group is committed. An upload has five extents on
    /// their way: with 100 ms it could never be faster than 20 MiB in that time.
    /// </summary>
    public static readonly TimeSpan GroupWait = TimeSpan.FromMilliseconds(5);

    /// <summary>New bytes at which a group is committed: beyond this a sync costs nothing beside the writing.</summary>
    public const long GroupBytes = 64 << 20;

    public const int GroupChunks = 20_000;

    /// <summary>Row changes of one group in the log; bounds the trailer.</summary>
    public const int GroupChangesBytesMax = 96 << 20;

    /// <summary>Packs that are open for clients' data at once: big uploads side by side don't interleave.</summary>
    public const int ClientLanes = 4;

    /// <summary>What compaction moves stands together: files that lived long live on.</summary>
    public const int MovedLane = ClientLanes;

    public const int Lanes = ClientLanes + 1;

    /// <summary>Hashes of new chunks kept in memory (about 20 MB) until they are merged into the index on disk.</summary>
    public const int RecentChunks = 256 * 1024;

    /// <summary>Index rows merged in one transaction: tens of milliseconds at most, so that no commit waits long.</summary>
    public const int MergeSlice = 20_000;

    /// <summary>Most keys in the index's first tier: beyond it a batch that is merged into it writes a page for each two of its keys.</summary>
    public const int FirstTierKeys = 8 << 20;

    /// <summary>Connections that read at once: more would only wait for the disk, at 4 MiB of cache each.</summary>
    public const int Readers = 4;

    /// <summary>A reader's snapshot keeps the write-ahead log from being reused; a longer one is cut.</summary>
    public static readonly TimeSpan ReadMax = TimeSpan.FromSeconds(5);

    public const int PageBytes = 4096;

    /// <summary>With less than this free, a group takes the catalogue's room before its log is written: a few writes more, which
    /// nobody need pay for while there is plenty. Four times what is dirty in the writer's cache at most.</summary>
    public const long ShortRoom = 4L * WriterCacheKiB << 10;

    /// <summary>With less than this free, no group is begun that could not be finished: after the pages of its work are written,
    /// those of its chunks' rows are left (20,000 of 100 bytes), and a step of the write-ahead log's index.</summary>
    public const long CommitRoom = 8 << 20;

    /// <summary>The writer's page cache.</summary>
    public const int WriterCacheKiB = 32 << 10;

    public const int ReaderCacheKiB = 4 << 10;

    /// <summary>Beyond this the log is copied back after a commit, as far as readers allow.</summary>
    public const int WalPassivePages = (16 << 20) / PageBytes;

    /// <summary>Passive attempts are this far apart: each costs two syncs.</summary>
    public const int WalPassiveStepPages = (4 << 20) / PageBytes;

    /// <summary>Both of them where room is short: the log would take the room that deletes need.</summary>
    public const int WalShortPages = (1 << 20) / PageBytes;

    /// <summary>Beyond this the committer waits a moment for readers to end, so that the log starts again from its beginning.</summary>
    public const int WalRestartPages = (64 << 20) / PageBytes;

    /// <summary>How long it then waits for them each time.</summary>
    public static readonly TimeSpan RestartWait = TimeSpan.FromMilliseconds(200);
}

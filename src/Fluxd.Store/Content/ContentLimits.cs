namespace Fluxd.Store.Content;

internal static class ContentLimits
{
    /// <summary>Files up to here live in their catalogue row: a chunk's row alone would be half as big.</summary>
    public const int InlineBytesMax = 256;

    /// <summary>The first buffer of a sink: most files of most trees fit.</summary>
    public const int SmallBuffer = 64 << 10;

    /// <summary>What one sink gathers before it hands it to the packs: the shortest run of a big new file.</summary>
    public const int ExtentBytes = 4 << 20;

    /// <summary>The same for the media class, whose longest chunk is 4 MiB.</summary>
    public const int MediaExtentBytes = 8 << 20;

    /// <summary>Instead of <see cref="ExtentBytes"/> when memory is short, and what a sink waits for: the longest chunk of its class and a quarter MiB.</summary>
    public const int TightExtentBytes = 512 << 10;

    /// <summary>The most that one sink needs to go on: a budget below it would serve nobody.</summary>
    public const int LargestNeed = (4 << 20) + TightExtentBytes;

    /// <summary>All buffers of all sinks; beyond it they wait. One big upload at full speed or some slower ones; with the catalogue's
    /// caches and the runtime a process that stores stays at about 200 MiB.</summary>
    public static readonly long BufferBytesMax = Math.Min(40L << 20, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);

    /// <summary>Buffers that were let go, in bytes, before the runtime is told to collect them: a quarter of the budget.</summary>
    public const long ShedBytesMax = 10 << 20;

    /// <summary>After a burst of uploads, before half of their buffers are let go: longer than the pauses of somebody who uploads one file after another.</summary>
    public static readonly TimeSpan SparesKeptFor = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Extents of one sink that are being hashed, compressed or committed while the next one fills. Some of them wait for a
    /// sync while the others are hashed: with three of them a big file took a quarter longer. With the one that fills they are 24 MiB of the budget.
    /// </summary>
    public const int ExtentsInFlight = 5;

    /// <summary>Chunks of one part of a recipe: what a seek reads at most.</summary>
    public const int PartChunks = 4096;

    /// <summary>New bytes after which a sink gets a lane of its own, while one is free.</summary>
    public const long OwnLaneFrom = 16 << 20;

    /// <summary>Contents with the same bytes that are looked at before one more row is written: many may have the same file.</summary>
    public const int SameContentsLookedAt = 32;

    /// <summary>Chunks of recipes kept ready for reading, at about 100 bytes each.</summary>
    public const int PlannedChunksCached = 64 * 1024;

    /// <summary>Chunks kept because a reader took only a part of them, or because they are a whole small file.</summary>
    public const long ChunkCacheBytes = 16 << 20;

    /// <summary>Files of one chunk that are kept when they were read: the longest of the class that is never cut. Reading it again costs more than the copy.</summary>
    public const int SmallChunkKept = Core.Chunking.ChunkSizes.WholeMax;

    /// <summary>Chunks that are read in one call where they stand together.</summary>
    public const int ReadBytesMax = 1 << 20;
}

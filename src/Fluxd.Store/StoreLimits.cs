namespace Fluxd.Store;

/// <summary>The store's bounds, each with its reason.</summary>
public static class StoreLimits
{
    /// <summary>Where a pack is sealed: small enough to compact or copy in one go, few enough files in 10 TB (40,000).</summary>
    public const long PackBytes = 256L << 20;

    /// <summary>The smallest pack that a configuration may ask for: two of the largest chunks.</summary>
    public const long PackBytesMin = 8L << 20;

    /// <summary>One trailer with its journal record: bounds what a reader of a damaged pack allocates. A group of
    /// 20,000 files makes a record of about 10 MiB.</summary>
    public const int TrailerBytesMax = 128 << 20;

    /// <summary>Chunks in one segment: a group commit fires at 20,000 new chunks, and the last batch may overshoot.</summary>
    public const int SegmentChunksMax = 1 << 20;

    /// <summary>Pack files held open for reading: far below the usual limit of 1,024 descriptors a process.</summary>
    public const int OpenPacksMax = 256;

    /// <summary>store.json is a page of text; more is not ours.</summary>
    public const int ManifestBytesMax = 64 << 10;

    /// <summary>Kept on the disk so that deletes can still be committed when it is full (some thousands, in the first half), and
    /// a collection can begin (32 MiB, the other).</summary>
    public const long BallastBytes = 64L << 20;
}

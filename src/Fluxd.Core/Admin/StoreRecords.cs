namespace Fluxd.Core.Admin;

public sealed record StoreStatRecord
{
    public required string Path { get; init; }

    public required string Id { get; init; }

    public long Packs { get; init; }

    /// <summary>What the files' bytes take on the disk: each chunk once, compressed where that pays.</summary>
    public long PackBytes { get; init; }

    public long Chunks { get; init; }

    public long CatalogBytes { get; init; }

    /// <summary>Current files and folders of all trees, as quotas count them.</summary>
    public long CurrentFiles { get; init; }

    public long CurrentBytes { get; init; }

    public long DiskBytesTotal { get; init; }

    public long DiskBytesFree { get; init; }

    public DateTimeOffset? LastCopyAt { get; init; }

    /// <summary>Every closed pack was read and compared since then; null: not all of them ever.</summary>
    public DateTimeOffset? OldestScrubAt { get; init; }

    /// <summary>The long task that runs now, and how far it is.</summary>
    public string? Doing { get; init; }

    /// <summary>When garbage was last collected to the end.</summary>
    public DateTimeOffset? LastGcAt { get; init; }

    /// <summary>Why the store is read-only.</summary>
    public string? Problem { get; init; }
}

/// <param name="More">Findings that are not listed.</param>
public sealed record FsckRecord(bool Damaged, IReadOnlyList<FsckFindingRecord> Findings, int More, long ChunksRead, long BytesRead);

/// <param name="Paths">Files that are hit.</param>
public sealed record FsckFindingRecord(string Kind, bool Damage, string What, IReadOnlyList<string> Paths);

public sealed record ScrubRecord(int Packs, long Chunks, long Bytes, int NewlyBad, int Healed, int StillBad);

/// <summary>What a collection of garbage did; of a dry one, what it would find.</summary>
public sealed record GcRecord
{
    public bool DryRun { get; init; }

    public long ContentsRemoved { get; init; }

    /// <summary>Files' contents that nothing refers to and that were left, because somebody had them open or because it was a dry run.</summary>
    public long ContentsWaiting { get; init; }

    /// <summary>What nothing refers to, in the packs that are closed.</summary>
    public long BytesDead { get; init; }

    public long BytesLive { get; init; }

    /// <summary>Of these, what is there more than once, each for an owner of its own.</summary>
    public long BytesDouble { get; init; }

    public int PacksEmptied { get; init; }

    public long BytesMoved { get; init; }

    /// <summary>Owners' own copies of the same bytes that are kept in one place now.</summary>
    public long BytesFolded { get; init; }

    /// <summary>Packs with damage in a piece that a file needs: left as they are.</summary>
    public int PacksKeptForDamage { get; init; }

    public long BytesFreed { get; init; }

    /// <summary>Empty packs that stay until copies of the catalogue are new enough.</summary>
    public long BytesWaiting { get; init; }

    /// <summary>Why less was done than there was to do.</summary>
    public string? Stopped { get; init; }
}

/// <summary>Where a backup or an export goes.</summary>
/// <param name="Folder">A whole path on the daemon's machine.</param>
public sealed record StoreFolderRequest(string Folder);

public sealed record BackupRecord(string Folder, int PacksCopied, int PacksKept, int PacksRemoved, long BytesCopied);

/// <param name="Problems">Files that could not be written, each with the reason.</param>
/// <param name="More">Problems that are not listed.</param>
public sealed record ExportRecord(string Folder, long Files, long Bytes, IReadOnlyList<string> Problems, int More);

public sealed record CopyRecord(string Path, DateTimeOffset MadeAt, long Bytes);

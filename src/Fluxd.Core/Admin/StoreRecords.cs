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

    /// <summary>Why the store is read-only.</summary>
    public string? Problem { get; init; }
}

/// <param name="More">Findings that are not listed.</param>
public sealed record FsckRecord(bool Damaged, IReadOnlyList<FsckFindingRecord> Findings, int More, long ChunksRead, long BytesRead);

/// <param name="Paths">Files that are hit.</param>
public sealed record FsckFindingRecord(string Kind, bool Damage, string What, IReadOnlyList<string> Paths);

public sealed record ScrubRecord(int Packs, long Chunks, long Bytes, int NewlyBad, int Healed, int StillBad);

/// <param name="Folder">A whole path on the daemon's machine.</param>
public sealed record BackupRequest(string Folder);

public sealed record BackupRecord(string Folder, int PacksCopied, int PacksKept, int PacksRemoved, long BytesCopied);

public sealed record CopyRecord(string Path, DateTimeOffset MadeAt, long Bytes);

namespace Fluxd.Core.Files;

[Flags]
public enum OpenAccess
{
    Read = 1,
    Write = 2,
    ReadWrite = Read | Write,
}

/// <summary>How to open a file; the flags mean what POSIX means by them.</summary>
public sealed record OpenRequest
{
    public required OpenAccess Access { get; init; }

    public bool Create { get; init; }

    /// <summary>With <see cref="Create"/>: fail with Exists when the name is taken.</summary>
    public bool Exclusive { get; init; }

    public bool Truncate { get; init; }

    /// <summary>Every write goes to the end, whatever its offset.</summary>
    public bool Append { get; init; }

    /// <summary>
    /// Go on with this principal's unfinished upload of that name, if there is one (SFTP <c>reput</c>);
    /// without it a write with <see cref="Truncate"/> starts anew and the old partial is dropped.
    /// </summary>
    public bool ContinuePartial { get; init; }

    public AttributeChange? Attributes { get; init; }

    public string Frontend { get; init; } = "";

    public string? TransferId { get; init; }
}

/// <summary>Null members stay as they are.</summary>
public sealed record AttributeChange
{
    public long? Size { get; init; }

    public int? Mode { get; init; }

    public FileTime? ModifiedAt { get; init; }

    public FileTime? AccessedAt { get; init; }
}

public enum ListSort
{
    Name,
    ModifiedAt,
    Size,
}

public sealed record ListRequest
{
    /// <summary>The cursor of the page before; null starts at the beginning.</summary>
    public string? Cursor { get; init; }

    public int Count { get; init; } = Limits.ListPageMax;

    public ListSort Sort { get; init; }

    public bool Descending { get; init; }

    public NodeKind? Kind { get; init; }

    /// <summary>Part of a name, compared without case.</summary>
    public string? NameContains { get; init; }

    /// <summary>Show the caller's own unfinished uploads under their names (SFTP).</summary>
    public bool IncludePartials { get; init; }
}

public sealed record ListPage(IReadOnlyList<NodeInfo> Entries, string? Next);

public sealed record FoundNode(FilePath Path, NodeInfo Node);

public sealed record FoundPage(IReadOnlyList<FoundNode> Entries, string? Next);

/// <summary>What must be true of the target when the change commits; all null means anything goes.</summary>
public sealed record Precondition
{
    public static readonly Precondition None = new();

    public static readonly Precondition MustNotExist = new() { NotExists = true };

    public bool NotExists { get; init; }

    public bool MustExist { get; init; }

    /// <summary>The content version that the caller saw.</summary>
    public long? Version { get; init; }

    /// <summary>One of these content tags (If-Match).</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? Tags { get; init; }

    /// <summary>None of these content tags (If-None-Match).</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? TagsNot { get; init; }
}

/// <summary>For statvfs, <c>df</c> and status pages: the quota where there is one, else the disk.</summary>
public sealed record SpaceInfo(long BytesTotal, long BytesFree, long FilesTotal, long FilesFree);

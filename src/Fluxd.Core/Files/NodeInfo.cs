namespace Fluxd.Core.Files;

public enum NodeKind
{
    File = 1,
    Folder = 2,
    Symlink = 3,
}

/// <summary>
/// What a name stands for, as one principal sees it at one moment. Immutable.
/// <see cref="Version"/> changes with every committed change of content, <see cref="Revision"/> with any change of the node.
/// </summary>
public sealed record NodeInfo
{
    public required long Id { get; init; }

    public required FileName Name { get; init; }

    public required NodeKind Kind { get; init; }

    /// <summary>Bytes of content; of the target's name for a symlink; 0 for a folder.</summary>
    public long Size { get; init; }

    /// <summary>Content version; 0 for folders and symlinks. A client's optimistic lock.</summary>
    public long Version { get; init; }

    public long Revision { get; init; }

    /// <summary>Identity of the content (32 bytes): equal content has an equal tag. Empty for folders, symlinks and files being written.</summary>
    public ReadOnlyMemory<byte> ContentTag { get; init; }

    /// <summary>The 12 permission bits, without the file type. Kept and shown; access is decided by rights, not by these.</summary>
    public int Mode { get; init; }

    public FileTime ModifiedAt { get; init; }

    public FileTime AccessedAt { get; init; }

    /// <summary>When the node last changed, by the server's clock.</summary>
    public FileTime ChangedAt { get; init; }

    public FileTime CreatedAt { get; init; }

    public long OwnerId { get; init; }

    public string OwnerName { get; init; } = "";

    public bool CanWrite { get; init; } = true;

    /// <summary>Set on the root of a folder that was shared with this principal.</summary>
    public bool IsSharedFolder { get; init; }

    /// <summary>This is the owner's own unfinished upload shown over SFTP, not committed content.</summary>
    public bool IsPartial { get; init; }
}

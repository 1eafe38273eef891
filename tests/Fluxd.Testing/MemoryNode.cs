using System.Security.Cryptography;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Testing;

/// <summary>One node of <see cref="MemoryFiles"/>. All fields are guarded by the lock of the tree that owns it.</summary>
internal sealed class MemoryNode(long id, FileName name, NodeKind kind)
{
    public long Id { get; } = id;

    public FileName Name { get; set; } = name;

    public NodeKind Kind { get; } = kind;

    public MemoryNode? Parent { get; set; }

    public SortedDictionary<FileName, MemoryNode> Children { get; } = [];

    public byte[] Content { get; set; } = [];

    /// <summary>False between O_CREAT and the first commit: only the owner's partial-aware calls see it.</summary>
    public bool Committed { get; set; } = true;

    /// <summary>What open handles wrote and nobody committed yet; shared by all handles of the node.</summary>
    public byte[]? Pending { get; set; }

    /// <summary>Left by a handle that was dropped without close.</summary>
    public bool PendingIsPartial { get; set; }

    public int Handles { get; set; }

    public int Mode { get; set; }

    public FileTime ModifiedAt { get; set; }

    public FileTime AccessedAt { get; set; }

    public FileTime ChangedAt { get; set; }

    public FileTime CreatedAt { get; set; }

    public long Version { get; set; }

    public long Revision { get; set; }

    /// <summary>Handles that may write.</summary>
    public int Writers { get; set; }

    /// <summary>Set while something is pending: its commit must not overwrite it.</summary>
    public AttributeChange Pinned { get; set; } = new();

    public bool IsWithin(MemoryNode ancestor)
    {
        for (var at = this; at is not null; at = at.Parent)
        {
            if (ReferenceEquals(at, ancestor))
            {
                return true;
            }
        }

        return false;
    }

    public void Pin(AttributeChange change)
    {
        if (Pending is not null && !PendingIsPartial)
        {
            Pinned = new AttributeChange
            {
                Mode = change.Mode ?? Pinned.Mode,
                ModifiedAt = change.ModifiedAt ?? Pinned.ModifiedAt,
                AccessedAt = change.AccessedAt ?? Pinned.AccessedAt,
            };
        }
    }

    public void Apply(AttributeChange change, FileTime now)
    {
        Mode = change.Mode is { } mode ? mode & 0xFFF : Mode;
        ModifiedAt = change.ModifiedAt ?? ModifiedAt;
        AccessedAt = change.AccessedAt ?? AccessedAt;
        ChangedAt = now;
        Revision++;
    }

    public NodeInfo Info(Principal who, bool withPending)
    {
        var bytes = withPending && Pending is not null ? Pending : Content;
        var pinned = withPending ? Pinned : new AttributeChange();
        return new NodeInfo
        {
            Id = Id,
            Name = Name,
            Kind = Kind,
            Size = Kind == NodeKind.Folder ? 0 : bytes.Length,
            Version = Version,
            Revision = Revision,
            ContentTag = Kind == NodeKind.File && Committed ? SHA256.HashData(Content) : ReadOnlyMemory<byte>.Empty,
            Mode = pinned.Mode & 0xFFF ?? Mode,
            ModifiedAt = pinned.ModifiedAt ?? ModifiedAt,
            AccessedAt = pinned.AccessedAt ?? AccessedAt,
            ChangedAt = ChangedAt,
            CreatedAt = CreatedAt,
            OwnerId = who.UserId,
            OwnerName = who.UserName,
            IsPartial = withPending && (!Committed || Pending is not null),
        };
    }
}

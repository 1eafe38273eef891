using Fluxd.Core.Files;
using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Files;

/// <summary>One row of <c>node</c> with its current content. Times are nanoseconds.</summary>
internal sealed record NodeRow
{
    /// <summary>The columns that <see cref="From"/> reads, in order; <c>n</c> is the node.</summary>
    public const string Columns =
        "n.id, n.parent, n.name, n.kind, n.owner, n.version, n.revision, n.size, n.target, n.mode, n.mtime, n.atime, n.ctime, n.created, n.since, v.content, c.root";

    public const string Tables = "node n LEFT JOIN version v ON v.id = n.version LEFT JOIN content c ON c.id = v.content";

    public required long Id { get; init; }

    public required long Parent { get; init; }

    public required FileName Name { get; init; }

    public required NodeKind Kind { get; init; }

    public long Owner { get; init; }

    public long Version { get; init; }

    public long Revision { get; init; }

    public long Size { get; init; }

    public byte[]? Target { get; init; }

    public int Mode { get; init; }

    public long ModifiedAt { get; init; }

    public long AccessedAt { get; init; }

    public long ChangedAt { get; init; }

    public long CreatedAt { get; init; }

    /// <summary>Since when it has been at this place.</summary>
    public long Since { get; init; }

    /// <summary>0 for folders and symlinks.</summary>
    public long Content { get; init; }

    public byte[] Tag { get; init; } = [];

    public bool IsFolder => Kind == NodeKind.Folder;

    public static NodeRow From(Statement row)
    {
        // Tops of trees and removed nodes are named by their id, which holds NULs: not a name that a client can see.
        FileName.TryFrom(row.Span(2), out var name);
        return new NodeRow
        {
            Id = row.Long(0),
            Parent = row.Long(1),
            Name = name,
            Kind = (NodeKind)row.Int(3),
            Owner = row.Long(4),
            Version = row.Long(5),
            Revision = row.Long(6),
            Size = row.Long(7),
            Target = row.BytesOrNull(8),
            Mode = row.Int(9),
            ModifiedAt = row.Long(10),
            AccessedAt = row.Long(11),
            ChangedAt = row.Long(12),
            CreatedAt = row.Long(13),
            Since = row.Long(14),
            Content = row.LongOrNull(15) ?? 0,
            Tag = row.Bytes(16),
        };
    }
}

using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Uploads;

/// <summary>One row of <c>upload</c>.</summary>
internal sealed record UploadRow
{
    public const string Columns = """
        id, owner, state, target, root, parent, name, node, size, reserved, content, durable, digest_algorithm, digest,
        hash_algorithm, hash_state, request, metadata, is_part, frontend, transfer, result_node, result_version, created, updated, expires
        """;

    public required UploadId Id { get; init; }

    public required long Owner { get; init; }

    public UploadState State { get; init; }

    public required FilePath Target { get; init; }

    public required long Root { get; init; }

    /// <summary>With <see cref="Name"/>: the place that an SFTP handle's upload shadows for its owner; 0 for others.</summary>
    public long Parent { get; init; }

    public FileName Name { get; init; }

    /// <summary>The node that it shadows, where there is one.</summary>
    public long Node { get; init; }

    public long? Size { get; init; }

    public long Reserved { get; init; }

    public long? Content { get; init; }

    public long Durable { get; init; }

    public ContentDigest? Digest { get; init; }

    /// <summary>Which digest is computed while the bytes come, and where it stands at <see cref="Durable"/>.</summary>
    public DigestAlgorithm? Hashing { get; init; }

    public byte[]? HashState { get; init; }

    public string Request { get; init; } = "{}";

    public string? Metadata { get; init; }

    public bool IsPart { get; init; }

    public string Frontend { get; init; } = "";

    public string? Transfer { get; init; }

    public long ResultNode { get; init; }

    public long ResultVersion { get; init; }

    public long Created { get; init; }

    public long Updated { get; init; }

    public long Expires { get; init; }

    /// <summary>Begun by an SFTP handle, which shows it to its owner under the name.</summary>
    public bool IsShadow => Parent != 0;

    public static UploadRow From(Statement row)
    {
        FileName.TryFrom(row.Span(6), out var name);
        return new UploadRow
        {
            Id = UploadId.From(row.Span(0)),
            Owner = row.Long(1),
            State = (UploadState)row.Int(2),
            Target = FilePath.Parse(row.Span(3)),
            Root = row.Long(4),
            Parent = row.LongOrNull(5) ?? 0,
            Name = name,
            Node = row.LongOrNull(7) ?? 0,
            Size = row.LongOrNull(8),
            Reserved = row.Long(9),
            Content = row.LongOrNull(10),
            Durable = row.Long(11),
            Digest = row.IsNull(12) ? null : new ContentDigest((DigestAlgorithm)row.Int(12), row.Bytes(13)),
            Hashing = row.IsNull(14) ? null : (DigestAlgorithm)row.Int(14),
            HashState = row.BytesOrNull(15),
            Request = row.Text(16),
            Metadata = row.TextOrNull(17),
            IsPart = row.Bool(18),
            Frontend = row.Text(19),
            Transfer = row.TextOrNull(20),
            ResultNode = row.LongOrNull(21) ?? 0,
            ResultVersion = row.LongOrNull(22) ?? 0,
            Created = row.Long(23),
            Updated = row.Long(24),
            Expires = row.Long(25),
        };
    }
}

using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Fluxd.Core.Files;

namespace Fluxd.Core.Uploads;

/// <summary>16 random bytes, written as 22 URL-safe characters: not guessable, yet never a right by itself.</summary>
public readonly record struct UploadId(UInt128 Value)
{
    public static UploadId New()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return From(bytes);
    }

    public static UploadId From(ReadOnlySpan<byte> bytes) => new(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes));

    public byte[] ToBytes()
    {
        var bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);
        return bytes;
    }

    public override string ToString() => Base64Url.EncodeToString(ToBytes());

    public static bool TryParse([NotNullWhen(true)] string? text, out UploadId id)
    {
        id = default;
        Span<byte> bytes = stackalloc byte[16];
        if (text is not { Length: 22 } || !Base64Url.IsValid(text) || !Base64Url.TryDecodeFromChars(text, bytes, out var written) || written != 16)
        {
            return false;
        }

        id = From(bytes);
        return true;
    }
}

public enum UploadState
{
    Open = 0,
    Completed = 1,
}

public sealed record UploadRequest
{
    public required FilePath Target { get; init; }

    /// <summary>Final size if known: reserves quota and space.</summary>
    public long? Size { get; init; }

    /// <summary>Checked at completion; its state survives a restart, so no second pass over the bytes is needed.</summary>
    public ContentDigest? ExpectedDigest { get; init; }

    /// <summary>Compute a whole-file SHA-256 while the bytes arrive, and remember it.</summary>
    public bool WantSha256 { get; init; }

    public Precondition Precondition { get; init; } = Precondition.None;

    public AttributeChange? Attributes { get; init; }

    /// <summary>Make missing parent folders at completion.</summary>
    public bool MakeParents { get; init; }

    /// <summary>Opaque to the core (tus metadata).</summary>
    public string? Metadata { get; init; }

    /// <summary>Part of a later concatenation: it has no target of its own and is never published.</summary>
    public bool IsPart { get; init; }

    public string Frontend { get; init; } = "";

    public string? TransferId { get; init; }
}

/// <summary>A resumable session as any frontend shows it. Offsets are durable: the bytes before them survive power loss.</summary>
public sealed record UploadInfo
{
    public required UploadId Id { get; init; }

    public required FilePath Target { get; init; }

    public required UploadState State { get; init; }

    public long? Size { get; init; }

    public required long DurableOffset { get; init; }

    /// <summary>Durable ranges beyond <see cref="DurableOffset"/> (parts that came out of order), ascending.</summary>
    public IReadOnlyList<ByteRange> Parts { get; init; } = [];

    public ContentDigest? ExpectedDigest { get; init; }

    public bool IsPart { get; init; }

    public string? Metadata { get; init; }

    public string Frontend { get; init; } = "";

    public FileTime CreatedAt { get; init; }

    public FileTime UpdatedAt { get; init; }

    public FileTime ExpiresAt { get; init; }

    /// <summary>Once completed: what was published.</summary>
    public NodeInfo? Result { get; init; }
}

/// <summary>Half-open: <see cref="Start"/> is in it, <see cref="End"/> is not.</summary>
public readonly record struct ByteRange(long Start, long End)
{
    public long Length => End - Start;
}

public sealed record UploadPage(IReadOnlyList<UploadInfo> Entries, string? Next);

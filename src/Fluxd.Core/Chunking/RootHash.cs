using System.Buffers.Binary;

namespace Fluxd.Core.Chunking;

/// <summary>
/// The identity of a file's content: a SHA-256 chain over its chunks' hashes and lengths, in order.
/// <c>root(0) = SHA-256("fluxd-content-1")</c>, <c>root(n) = SHA-256(root(n-1) || hash(n) || length(n) as u32 LE)</c>.
/// A chain, so that the whole state of an unfinished upload is 32 bytes: it survives a restart in a column, and
/// adding the last chunk costs the same whatever came before. Equal roots mean equal bytes; equal bytes have equal
/// roots when they were cut in the same class.
/// </summary>
public readonly struct RootHash : IEquatable<RootHash>
{
    public const int Size = ChunkHash.Size;

    private readonly ChunkHash _value;

    private RootHash(ChunkHash value) => _value = value;

    /// <param name="bytes">Exactly 32 bytes, as <see cref="CopyTo"/> wrote them.</param>
    public RootHash(ReadOnlySpan<byte> bytes) => _value = new ChunkHash(bytes);

    /// <summary>The root of no chunks: the empty file.</summary>
    public static RootHash Empty { get; } = new(ChunkHash.Of("fluxd-content-1"u8));

    /// <summary>The root after one more chunk.</summary>
    /// <param name="chunk">The chunk's hash.</param>
    /// <param name="length">The chunk's raw length.</param>
    public RootHash Append(ChunkHash chunk, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        Span<byte> link = stackalloc byte[Size + ChunkHash.Size + sizeof(uint)];
        _value.CopyTo(link);
        chunk.CopyTo(link[Size..]);
        BinaryPrimitives.WriteUInt32LittleEndian(link[(Size + ChunkHash.Size)..], (uint)length);
        return new RootHash(ChunkHash.Of(link));
    }

    /// <param name="destination">At least 32 bytes.</param>
    public void CopyTo(Span<byte> destination) => _value.CopyTo(destination);

    public byte[] ToArray() => _value.ToArray();

    public bool Equals(RootHash other) => _value == other._value;

    public override bool Equals(object? obj) => obj is RootHash other && Equals(other);

    public override int GetHashCode() => _value.GetHashCode();

    /// <summary>64 lower-case hex digits.</summary>
    public override string ToString() => _value.ToString();

    public static bool operator ==(RootHash left, RootHash right) => left.Equals(right);

    public static bool operator !=(RootHash left, RootHash right) => !left.Equals(right);
}

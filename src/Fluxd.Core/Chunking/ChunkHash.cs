using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Fluxd.Core.Chunking;

/// <summary>
/// The identity of a chunk: the SHA-256 of its raw bytes. Ordered as its bytes are (and as its hex form is),
/// so that sorted hashes and a sorted index agree.
/// </summary>
public readonly struct ChunkHash : IEquatable<ChunkHash>, IComparable<ChunkHash>
{
    public const int Size = 32;

    // Big-endian words: comparing them is comparing the bytes.
    private readonly ulong _a, _b, _c, _d;

    /// <param name="bytes">Exactly 32 bytes.</param>
    public ChunkHash(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Size);
        _a = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _b = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        _c = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        _d = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    /// <summary>The first eight bytes as a big-endian integer: the key of the store's index.
    /// Two hashes may share it, so a hit is confirmed on the whole hash.</summary>
    public long FirstEight => (long)_a;

    /// <summary>The hash of one chunk's raw bytes.</summary>
    public static ChunkHash Of(ReadOnlySpan<byte> chunk)
    {
        Span<byte> hash = stackalloc byte[Size];
        SHA256.HashData(chunk, hash);
        return new ChunkHash(hash);
    }

    /// <summary>Reads 64 hex digits of either case.</summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out ChunkHash hash)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (hex.Length != 2 * Size || Convert.FromHexString(hex, bytes, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            hash = default;
            return false;
        }
        hash = new ChunkHash(bytes);
        return true;
    }

    /// <param name="destination">At least 32 bytes.</param>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, _a);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _b);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], _c);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], _d);
    }

    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    public bool Equals(ChunkHash other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;

    public override bool Equals(object? obj) => obj is ChunkHash other && Equals(other);

    // A prefix of a SHA-256 is as good a table hash as any.
    public override int GetHashCode() => (int)_a;

    public int CompareTo(ChunkHash other)
    {
        var order = _a.CompareTo(other._a);
        if (order == 0)
            order = _b.CompareTo(other._b);
        if (order == 0)
            order = _c.CompareTo(other._c);
        return order != 0 ? order : _d.CompareTo(other._d);
    }

    /// <summary>64 lower-case hex digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(ToArray());

    public static bool operator ==(ChunkHash left, ChunkHash right) => left.Equals(right);

    public static bool operator !=(ChunkHash left, ChunkHash right) => !left.Equals(right);

    public static bool operator <(ChunkHash left, ChunkHash right) => left.CompareTo(right) < 0;

    public static bool operator >(ChunkHash left, ChunkHash right) => left.CompareTo(right) > 0;

    public static bool operator <=(ChunkHash left, ChunkHash right) => left.CompareTo(right) <= 0;

    public static bool operator >=(ChunkHash left, ChunkHash right) => left.CompareTo(right) >= 0;
}

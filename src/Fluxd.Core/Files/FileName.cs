using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Fluxd.Core.Files;

/// <summary>
/// One component of a path: 1–255 bytes, no '/', no NUL, not "." or "..". Kept byte for byte:
/// it need not be valid UTF-8, and no Unicode form or case is ever changed.
/// </summary>
public readonly struct FileName : IEquatable<FileName>, IComparable<FileName>
{
    private readonly byte[]? _bytes;

    private FileName(byte[] bytes) => _bytes = bytes;

    public ReadOnlySpan<byte> Bytes => _bytes;

    public ReadOnlyMemory<byte> Memory => _bytes;

    public bool IsDefault => _bytes is null;

    /// <summary>For people and logs only: bytes that are no UTF-8 show as U+FFFD, so it can't be turned back.</summary>
    public override string ToString() => _bytes is null ? "" : Encoding.UTF8.GetString(_bytes);

    public static bool IsValid(ReadOnlySpan<byte> bytes) =>
        bytes.Length is > 0 and <= Limits.NameBytesMax
        && bytes.IndexOfAny((byte)'/', (byte)0) < 0
        && !bytes.SequenceEqual("."u8)
        && !bytes.SequenceEqual(".."u8);

    public static bool TryFrom(ReadOnlySpan<byte> bytes, out FileName name)
    {
        var ok = IsValid(bytes);
        name = ok ? new FileName(bytes.ToArray()) : default;
        return ok;
    }

    /// <exception cref="FluxException">Invalid or TooLarge, in words.</exception>
    public static FileName From(ReadOnlySpan<byte> bytes) =>
        TryFrom(bytes, out var name) ? name : throw Refuse(bytes);

    public static FileName From(string text) => From(Encoding.UTF8.GetBytes(text));

    private static FluxException Refuse(ReadOnlySpan<byte> bytes) => bytes.Length > Limits.NameBytesMax
        ? new FluxException(FluxError.TooLarge, $"The name is {bytes.Length} bytes long; at most {Limits.NameBytesMax} are possible.")
        : FluxException.Invalid("A name must not be empty, \".\" or \"..\", and must not contain '/' or a NUL byte.");

    public bool Equals(FileName other) => Bytes.SequenceEqual(other.Bytes);

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is FileName other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>Byte order: the order of every listing.</summary>
    public int CompareTo(FileName other) => Bytes.SequenceCompareTo(other.Bytes);

    public static bool operator ==(FileName left, FileName right) => left.Equals(right);

    public static bool operator !=(FileName left, FileName right) => !left.Equals(right);

    public static bool operator <(FileName left, FileName right) => left.CompareTo(right) < 0;

    public static bool operator >(FileName left, FileName right) => left.CompareTo(right) > 0;

    public static bool operator <=(FileName left, FileName right) => left.CompareTo(right) <= 0;

    public static bool operator >=(FileName left, FileName right) => left.CompareTo(right) >= 0;
}

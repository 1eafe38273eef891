namespace Fluxd.Core.Files;

/// <summary>A digest that a client named or asked for.</summary>
public enum DigestAlgorithm
{
    Sha256,
    Sha512,
    Sha1,
    Md5,
}

public sealed record ContentDigest(DigestAlgorithm Algorithm, ReadOnlyMemory<byte> Value)
{
    public bool Matches(ReadOnlySpan<byte> other) => Value.Span.SequenceEqual(other);
}

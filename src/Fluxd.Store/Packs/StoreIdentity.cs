using System.Security.Cryptography;

namespace Fluxd.Store.Packs;

/// <summary>Whose packs these are: the store's uuid, and the key that proves that fluxd and no uploaded file wrote a
/// trailer. Both from store.json.</summary>
internal sealed class StoreIdentity(Guid uuid, byte[] key)
{
    public const int KeyBytes = 32;
    public const int SealBytes = HMACSHA256.HashSizeInBytes;

    public Guid Uuid => uuid;

    public void Seal(ReadOnlySpan<byte> content, Span<byte> seal) => HMACSHA256.HashData(key, content, seal);

    public bool IsSealed(ReadOnlySpan<byte> content, ReadOnlySpan<byte> seal)
    {
        Span<byte> expected = stackalloc byte[SealBytes];
        Seal(content, expected);
        return CryptographicOperations.FixedTimeEquals(expected, seal);
    }
}

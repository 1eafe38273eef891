using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;

namespace Fluxd.Store.Accounts;

/// <summary>
/// PBKDF2-HMAC-SHA-512 in a string that describes itself: <c>$pbkdf2-sha512$i=210000$salt$hash</c>, Base64 without
/// padding. Another algorithm gets another name in front, so that old rows stay readable.
/// </summary>
internal sealed record PasswordHash(int Iterations, byte[] Salt, byte[] Hash)
{
    /// <summary>OWASP's figure for PBKDF2-HMAC-SHA-512 (2023); raising it re-hashes each password at its next login.</summary>
    public const int IterationsDefault = 210_000;

    private const string Algorithm = "pbkdf2-sha512";
    private const int SaltBytes = 16;
    private const int HashBytes = 64;

    /// <summary>A stored row must not be able to stop the daemon with a work factor of hours.</summary>
    private const int IterationsMax = 10_000_000;

    public static PasswordHash Create(ReadOnlySpan<byte> password, int iterations)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return new PasswordHash(iterations, salt, Derive(password, salt, iterations));
    }

    public bool Matches(ReadOnlySpan<byte> password) =>
        CryptographicOperations.FixedTimeEquals(Derive(password, Salt, Iterations), Hash);

    public static byte[] Derive(ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(password, salt, iterations, HashAlgorithmName.SHA512, HashBytes);

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"${Algorithm}$i={Iterations}${Encode(Salt)}${Encode(Hash)}");

    public static bool TryParse(string? text, [NotNullWhen(true)] out PasswordHash? hash)
    {
        hash = null;
        if (text?.Split('$') is not ["", Algorithm, ['i', '=', .. var count], var salt, var value]
            || !int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var iterations)
            || iterations is < 1 or > IterationsMax
            || Decode(salt) is not { Length: >= 8 } saltBytes
            || Decode(value) is not { Length: HashBytes } hashBytes)
        {
            return false;
        }

        hash = new PasswordHash(iterations, saltBytes, hashBytes);
        return true;
    }

    private static string Encode(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    private static byte[]? Decode(string text)
    {
        var padded = text.PadRight((text.Length + 3) / 4 * 4, '=');
        var bytes = new byte[padded.Length / 4 * 3];
        return Convert.TryFromBase64String(padded, bytes, out var written) ? bytes[..written] : null;
    }
}

using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Fluxd.Store.Accounts;

/// <summary>
/// An API key as a person carries it: <c>flx_</c>, 12 characters that name it, <c>_</c>, 43 characters of secret
/// (32 random bytes). The store keeps a SHA-256 of the whole: with 256 random bits no slow hash is needed.
/// </summary>
internal static class TokenText
{
    private const string Prefix = "flx_";
    private const int IdChars = 12;
    private const int SecretChars = 43;
    private const int Length = 4 + IdChars + 1 + SecretChars;

    /// <summary>Without vowels and look-alikes, so that an id is easy to read out and never a word.</summary>
    private const string IdAlphabet = "bcdfghjkmnpqrstvwxz23456789";

    public static (string Id, string Text) New()
    {
        var id = RandomNumberGenerator.GetString(IdAlphabet, IdChars);
        return (id, Prefix + id + "_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
    }

    public static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    public static bool TryGetId(string text, [NotNullWhen(true)] out string? id)
    {
        id = null;
        if (text.Length != Length || !text.StartsWith(Prefix, StringComparison.Ordinal) || text[4 + IdChars] != '_')
        {
            return false;
        }

        id = text.Substring(4, IdChars);
        return id.All(IdAlphabet.Contains);
    }
}

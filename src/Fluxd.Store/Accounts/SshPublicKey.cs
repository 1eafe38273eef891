using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Store.Accounts;

/// <summary>
/// One line of authorized_keys, understood and checked: the type, the whole of the blob, and the options
/// <c>from=</c> and <c>expires=</c>. Whatever is not understood is refused, because an ignored option may be a
/// restriction that somebody relies on.
/// </summary>
internal sealed record SshPublicKey(string Type, byte[] Blob, string Comment, AddressPatterns From, FileTime? ExpiresAt)
{
    public string Fingerprint => FingerprintOf(Blob);

    public static string FingerprintOf(ReadOnlySpan<byte> blob) => "SHA256:" + Convert.ToBase64String(SHA256.HashData(blob)).TrimEnd('=');

    /// <exception cref="FluxException">Invalid, saying what is wrong with the line.</exception>
    public static SshPublicKey Parse(string line)
    {
        var text = line.Trim();
        if (text.Length > AccountLimits.SshKeyLineCharsMax)
        {
            throw FluxException.Invalid($"The key line is longer than {AccountLimits.SshKeyLineCharsMax} characters; give one public key as in authorized_keys.");
        }

        if (text.Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            throw FluxException.Invalid("This is a private key, which must stay secret; give the file that ends in .pub.");
        }

        if (text.Length == 0 || text.AsSpan().ContainsAny('\n', '\r', '\0'))
        {
            throw FluxException.Invalid("Expected exactly one line with one public key, as in authorized_keys.");
        }

        var options = SshKeyOptions.None;
        if (!StartsWithType(text))
        {
            options = SshKeyOptions.Take(ref text);
        }

        return ParseKey(text, options);
    }

    private static SshPublicKey ParseKey(string text, SshKeyOptions options)
    {
        var parts = text.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length < 2)
        {
            throw FluxException.Invalid("Expected \"type base64 comment\", as in a .pub file.");
        }

        var blob = new byte[parts[1].Length];
        if (!Convert.TryFromBase64String(parts[1], blob, out var length))
        {
            throw FluxException.Invalid("The middle part of the key is not Base64; copy the whole line of the .pub file.");
        }

        blob = blob[..length];
        SshKeyBlob.Check(parts[0], blob);
        var comment = parts.Length > 2 ? parts[2] : "";
        return new SshPublicKey(parts[0], blob, CleanComment(comment), options.From, options.ExpiresAt);
    }

    private static bool StartsWithType(string text)
    {
        var first = text.AsSpan(0, text.AsSpan().IndexOf(' ') is var at and >= 0 ? at : text.Length);
        return first.StartsWith("ssh-", StringComparison.Ordinal) || first.StartsWith("ecdsa-", StringComparison.Ordinal)
            || first.StartsWith("sk-", StringComparison.Ordinal) || first.StartsWith("webauthn-", StringComparison.Ordinal)
            || first.StartsWith("rsa-sha2-", StringComparison.Ordinal);
    }

    // It is shown in terminals and logs: no control characters may come through it.
    private static string CleanComment(string comment)
    {
        var clean = string.Concat(comment.Where(c => !char.IsControl(c)));
        return clean.Length <= AccountLimits.SshKeyCommentCharsMax ? clean : clean[..AccountLimits.SshKeyCommentCharsMax];
    }
}

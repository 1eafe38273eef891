using System.Globalization;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Http.Files;

/// <summary>Digest fields (RFC 9530): <c>sha-256=:base64:</c>, and the preferences that ask for them.</summary>
internal static class Digests
{
    public static string Name(DigestAlgorithm algorithm) => algorithm switch
    {
        DigestAlgorithm.Sha256 => "sha-256",
        DigestAlgorithm.Sha512 => "sha-512",
        DigestAlgorithm.Sha1 => "sha",
        _ => "md5",
    };

    public static DigestAlgorithm? Parse(string name) => name.Trim().ToLowerInvariant() switch
    {
        "sha-256" or "sha256" => DigestAlgorithm.Sha256,
        "sha-512" or "sha512" => DigestAlgorithm.Sha512,
        "sha" or "sha-1" or "sha1" => DigestAlgorithm.Sha1,
        "md5" => DigestAlgorithm.Md5,
        _ => null,
    };

    public static int Length(DigestAlgorithm algorithm) => algorithm switch
    {
        DigestAlgorithm.Sha256 => 32,
        DigestAlgorithm.Sha512 => 64,
        DigestAlgorithm.Sha1 => 20,
        _ => 16,
    };

    public static IncrementalHash Start(DigestAlgorithm algorithm) => IncrementalHash.CreateHash(algorithm switch
    {
        DigestAlgorithm.Sha256 => HashAlgorithmName.SHA256,
        DigestAlgorithm.Sha512 => HashAlgorithmName.SHA512,
        DigestAlgorithm.Sha1 => HashAlgorithmName.SHA1,
        _ => HashAlgorithmName.MD5,
    });

    public static string Format(ContentDigest digest) => $"{Name(digest.Algorithm)}=:{Convert.ToBase64String(digest.Value.Span)}:";

    /// <summary>The strongest digest in a field that we know; null when there is none we know. Invalid when malformed.</summary>
    public static ContentDigest? Read(string? field)
    {
        ContentDigest? best = null;
        foreach (var item in (field ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = item.IndexOf('=');
            if (equals < 0)
            {
                throw Malformed();
            }

            if (Parse(item[..equals]) is not { } algorithm)
            {
                continue;
            }

            var digest = new ContentDigest(algorithm, Bytes(item[(equals + 1)..].Trim(), Length(algorithm)));
            best = best is null || Strength(algorithm) > Strength(best.Algorithm) ? digest : best;
        }

        return best;
    }

    /// <summary>The algorithm that a Want-* field likes best among ours ("sha-256=10, md5=0"); null when none.</summary>
    public static DigestAlgorithm? Wanted(string? field)
    {
        DigestAlgorithm? best = null;
        var weight = 0;
        foreach (var item in (field ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = item.IndexOf('=');
            var name = equals < 0 ? item : item[..equals];
            var likes = equals < 0 ? 1 : int.TryParse(item.AsSpan(equals + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n <= 10 ? n : 0;
            if (likes > weight && Parse(name) is { } algorithm)
            {
                (best, weight) = (algorithm, likes);
            }
        }

        return best;
    }

    private static int Strength(DigestAlgorithm algorithm) => Length(algorithm);

    private static byte[] Bytes(string value, int length)
    {
        var buffer = new byte[value.Length];
        return value.Length > 2 && value[0] == ':' && value[^1] == ':' && Convert.TryFromBase64String(value[1..^1], buffer, out var written) && written == length
            ? buffer[..length]
            : throw Malformed();
    }

    private static FluxException Malformed() =>
        FluxException.Invalid("A digest field is a list like sha-256=:BASE64:, with the digest's full length.");
}

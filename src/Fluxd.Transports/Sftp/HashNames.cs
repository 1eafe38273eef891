using System.Security.Cryptography;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Sftp;

/// <summary>The names that clients and shells use for hashes.</summary>
internal static class HashNames
{
    private static readonly Dictionary<string, (HashAlgorithmName Name, DigestAlgorithm Digest)> Known = new()
    {
        ["md5"] = (HashAlgorithmName.MD5, DigestAlgorithm.Md5),
        ["sha1"] = (HashAlgorithmName.SHA1, DigestAlgorithm.Sha1),
        ["sha256"] = (HashAlgorithmName.SHA256, DigestAlgorithm.Sha256),
        ["sha512"] = (HashAlgorithmName.SHA512, DigestAlgorithm.Sha512),
    };

    public static bool IsKnown(string name) => Known.ContainsKey(name);

    public static HashAlgorithmName Find(string name) => Known[name].Name;

    public static DigestAlgorithm DigestOf(string name) => Known[name].Digest;
}

using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Auth;

internal enum UserKeyKind
{
    Ed25519,
    Ecdsa,
    Rsa,
    SkEd25519,
    SkEcdsa,
}

/// <summary>One signature algorithm of users' keys, as data.</summary>
/// <param name="KeyType">The type in the plain key's blob.</param>
/// <param name="Certificate">The blob is a certificate of <paramref name="KeyType"/>.</param>
internal sealed record UserKeyAlgorithm(string Name, string KeyType, UserKeyKind Kind, HashAlgorithmName Hash, bool Certificate)
{
    private const string CertificateSuffix = "-cert-v01@openssh.com";

    /// <summary>What the signature names: never the certificate's name.</summary>
    public string SignatureName => Certificate ? Plain(Name) : Name;

    /// <summary>What the key's blob begins with.</summary>
    public string BlobType => Certificate ? CertificateOf(KeyType) : KeyType;

    public static string CertificateOf(string name) => name.EndsWith("@openssh.com", StringComparison.Ordinal)
        ? name.Replace("@openssh.com", CertificateSuffix, StringComparison.Ordinal)
        : name + CertificateSuffix;

    private static string Plain(string certificateName) => certificateName.StartsWith("sk-", StringComparison.Ordinal)
        ? certificateName.Replace(CertificateSuffix, "@openssh.com", StringComparison.Ordinal)
        : certificateName.Replace(CertificateSuffix, "", StringComparison.Ordinal);
}

/// <summary>What server-sig-algs says. ssh-rsa (SHA-1) and DSA are not among it.</summary>
internal static class UserKeyAlgorithms
{
    private static readonly UserKeyAlgorithm[] Plain =
    [
        new("ssh-ed25519", "ssh-ed25519", UserKeyKind.Ed25519, HashAlgorithmName.SHA512, false),
        new("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", UserKeyKind.SkEd25519, HashAlgorithmName.SHA512, false),
        new("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", UserKeyKind.Ecdsa, HashAlgorithmName.SHA256, false),
        new("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", UserKeyKind.Ecdsa, HashAlgorithmName.SHA384, false),
        new("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", UserKeyKind.Ecdsa, HashAlgorithmName.SHA512, false),
        new("sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", UserKeyKind.SkEcdsa, HashAlgorithmName.SHA256, false),
        new("rsa-sha2-512", "ssh-rsa", UserKeyKind.Rsa, HashAlgorithmName.SHA512, false),
        new("rsa-sha2-256", "ssh-rsa", UserKeyKind.Rsa, HashAlgorithmName.SHA256, false),
    ];

    public static readonly IReadOnlyList<UserKeyAlgorithm> All =
        [.. Plain, .. Plain.Select(a => a with { Name = UserKeyAlgorithm.CertificateOf(a.Name), Certificate = true })];

    public static IEnumerable<string> Names => All.Select(a => a.Name);

    public static UserKeyAlgorithm? Find(string name) => All.FirstOrDefault(a => a.Name == name);
}

using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.HostKeys;

/// <summary>A host key as people compare it.</summary>
/// <param name="Fingerprint">As OpenSSH prints it.</param>
/// <param name="SshfpRecords">RFC 4255 and RFC 6594, without the owner name: <c>IN SSHFP 4 2 …</c>.</param>
/// <param name="PublicKey">A line for known_hosts, after the host name.</param>
/// <param name="InUse">False for one that is only announced, before a rotation.</param>
public sealed record HostKeyText(string Type, string Fingerprint, string PublicKey, IReadOnlyList<string> SshfpRecords, bool InUse)
{
    internal static HostKeyText Of(HostKey key, bool inUse) => new(
        key.Type,
        FingerprintOf(key.PublicBlob),
        $"{key.Type} {Convert.ToBase64String(key.PublicBlob)}",
        [$"IN SSHFP {SshfpNumber(key.Type)} 2 {Convert.ToHexStringLower(SHA256.HashData(key.PublicBlob))}"],
        inUse);

    public static string FingerprintOf(ReadOnlySpan<byte> blob) => "SHA256:" + Convert.ToBase64String(SHA256.HashData(blob)).TrimEnd('=');

    private static int SshfpNumber(string type) => type switch
    {
        RsaHostKey.Name => 1,
        EcdsaHostKey.Name => 3,
        _ => 4,
    };
}

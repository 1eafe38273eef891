using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.Ciphers;

/// <param name="Bytes">Of the tag and of the key.</param>
internal sealed record MacAlgorithm(string Name, HashAlgorithmName Hash, int Bytes, bool EncryptThenMac)
{
    public static readonly MacAlgorithm HmacSha256Etm = new("hmac-sha2-256-etm@openssh.com", HashAlgorithmName.SHA256, 32, true);
    public static readonly MacAlgorithm HmacSha512Etm = new("hmac-sha2-512-etm@openssh.com", HashAlgorithmName.SHA512, 64, true);
    public static readonly MacAlgorithm HmacSha256 = new("hmac-sha2-256", HashAlgorithmName.SHA256, 32, false);
}

using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Ciphers;
using Fluxd.Transports.Ssh.Crypto;
using Fluxd.Transports.Ssh.KeyExchange;

namespace Fluxd.Transports.Ssh;

/// <summary>
/// What the server offers, best first. The default has nothing that ssh-audit warns about; the compat profile adds
/// what clients on libssh2 before 1.11 and old Java libraries need.
/// </summary>
internal sealed record SshAlgorithms(IReadOnlyList<KeyExchangeMethod> KeyExchange, IReadOnlyList<CipherAlgorithm> Ciphers, IReadOnlyList<MacAlgorithm> Macs)
{
    public static readonly SshAlgorithms Default = new(
        [.. PostQuantum(), new Curve25519Method("curve25519-sha256"), new Curve25519Method("curve25519-sha256@libssh.org"), .. Dh("diffie-hellman-group16-sha512", DhGroups.Group16, HashAlgorithmName.SHA512)],
        [.. CipherAlgorithm.All.Where(c => c.IsAvailable)],
        [MacAlgorithm.HmacSha256Etm, MacAlgorithm.HmacSha512Etm]);

    public static readonly SshAlgorithms Compat = new(
        [
            .. Default.KeyExchange,
            new EcdhNistMethod("ecdh-sha2-nistp256", ECCurve.NamedCurves.nistP256, 32, HashAlgorithmName.SHA256),
            new EcdhNistMethod("ecdh-sha2-nistp384", ECCurve.NamedCurves.nistP384, 48, HashAlgorithmName.SHA384),
            new EcdhNistMethod("ecdh-sha2-nistp521", ECCurve.NamedCurves.nistP521, 66, HashAlgorithmName.SHA512),
            .. Dh("diffie-hellman-group14-sha256", DhGroups.Group14, HashAlgorithmName.SHA256),
        ],
        Default.Ciphers,
        [.. Default.Macs, MacAlgorithm.HmacSha256]);

    private static IEnumerable<KeyExchangeMethod> PostQuantum() => MlKem768.IsSupported ? [new MlKem768X25519Method()] : [];

    private static IEnumerable<KeyExchangeMethod> Dh(string name, byte[] prime, HashAlgorithmName hash) =>
        LibCrypto.IsAvailable ? [new DiffieHellmanMethod(name, prime, hash)] : [];
}

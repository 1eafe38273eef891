using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;

namespace Fluxd.Transports.Ssh.Ciphers;

/// <summary>A cipher as data: how much key it needs and how one direction is made.</summary>
internal sealed record CipherAlgorithm(string Name, int KeyBytes, int IvBytes, bool IsAead, bool IsAvailable, CipherAlgorithm.Factory Create)
{
    public delegate PacketCipher Factory(ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv, MacAlgorithm? mac, ReadOnlySpan<byte> macKey);

    /// <summary>In the order to offer.</summary>
    public static readonly IReadOnlyList<CipherAlgorithm> All =
    [
        new("chacha20-poly1305@openssh.com", ChaChaPolyCipher.KeyBytes, 0, true, LibCrypto.IsAvailable, (key, _, _, _) => new ChaChaPolyCipher(key)),
        Gcm("aes256-gcm@openssh.com", 32),
        Gcm("aes128-gcm@openssh.com", 16),
        Ctr("aes256-ctr", 32),
        Ctr("aes128-ctr", 16),
    ];

    private static CipherAlgorithm Gcm(string name, int keyBytes) =>
        new(name, keyBytes, 12, true, AesGcm.IsSupported, (key, iv, _, _) => new AesGcmCipher(key, iv));

    private static CipherAlgorithm Ctr(string name, int keyBytes) =>
        new(name, keyBytes, 16, false, LibCrypto.IsAvailable, (key, iv, mac, macKey) => new AesCtrCipher(key, iv, mac!, macKey));
}

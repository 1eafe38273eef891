using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;

namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>mlkem768x25519-sha256: K = SHA-256(ML-KEM secret ‖ X25519 secret), safe while either of the two holds.</summary>
internal sealed class MlKem768X25519Method() : KeyExchangeMethod("mlkem768x25519-sha256", HashAlgorithmName.SHA256, ValueEncoding.String, ValueEncoding.String)
{
    private const int Ciphertext = ManagedMlKem768.CiphertextBytes;
    private const int Key = ManagedMlKem768.EncapsulationKeyBytes;

    public override KeyExchangeResult Answer(ReadOnlySpan<byte> clientValue)
    {
        if (clientValue.Length != Key + X25519.Bytes)
        {
            throw Refused();
        }

        var own = new byte[Ciphertext + X25519.Bytes];
        Span<byte> secrets = stackalloc byte[ManagedMlKem768.SecretBytes + X25519.Bytes];
        Span<byte> scalar = stackalloc byte[X25519.Bytes];
        RandomNumberGenerator.Fill(scalar);
        X25519.PublicKey(scalar, own.AsSpan(Ciphertext));
        var agreed = MlKem768.TryEncapsulate(clientValue[..Key], own.AsSpan(0, Ciphertext), secrets[..ManagedMlKem768.SecretBytes])
            && X25519.TryAgree(scalar, clientValue[Key..], secrets[ManagedMlKem768.SecretBytes..]);
        var shared = SHA256.HashData(secrets);
        scalar.Clear();
        secrets.Clear();
        return agreed ? new(own, shared) : throw Refused();
    }
}

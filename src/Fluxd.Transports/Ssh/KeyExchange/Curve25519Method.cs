using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;

namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>RFC 8731; the second name is what it was called before.</summary>
internal sealed class Curve25519Method(string name) : KeyExchangeMethod(name, HashAlgorithmName.SHA256, ValueEncoding.String, ValueEncoding.Mpint)
{
    public override KeyExchangeResult Answer(ReadOnlySpan<byte> clientValue)
    {
        var own = new byte[X25519.Bytes];
        var shared = new byte[X25519.Bytes];
        Span<byte> secret = stackalloc byte[X25519.Bytes];
        RandomNumberGenerator.Fill(secret);
        X25519.PublicKey(secret, own);
        var agreed = X25519.TryAgree(secret, clientValue, shared);
        secret.Clear();
        return agreed ? new(own, shared) : throw Refused();
    }
}

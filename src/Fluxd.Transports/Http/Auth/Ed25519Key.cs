using Fluxd.Transports.Ssh.Crypto;

namespace Fluxd.Transports.Http.Auth;

/// <summary>EdDSA (RFC 8037): others can verify with the public key alone.</summary>
internal sealed class Ed25519Key : IJwtKey
{
    private readonly byte[] _seed;
    private readonly byte[] _public = new byte[Ed25519.KeyBytes];

    public Ed25519Key(byte[] seed)
    {
        _seed = seed;
        Ed25519.PublicKey(seed, _public);
    }

    public string Algorithm => "EdDSA";

    public byte[] Sign(ReadOnlySpan<byte> data)
    {
        var signature = new byte[Ed25519.SignatureBytes];
        Ed25519.Sign(_seed, data, signature);
        return signature;
    }

    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) => Ed25519.Verify(_public, data, signature);
}

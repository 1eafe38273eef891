using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Crypto;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.HostKeys;

/// <summary>RFC 8709.</summary>
internal sealed class Ed25519HostKey : HostKey
{
    public const string Name = "ssh-ed25519";

    private readonly byte[] _seed;
    private readonly byte[] _public = new byte[Ed25519.KeyBytes];

    public Ed25519HostKey(ReadOnlySpan<byte> seed)
    {
        _seed = seed.ToArray();
        Ed25519.PublicKey(_seed, _public);
        PublicBlob = new SshWriter().String(Name).String(_public).ToArray();
    }

    public override string Type => Name;

    public override IReadOnlyList<string> Algorithms { get; } = [Name];

    public override byte[] PublicBlob { get; }

    public static Ed25519HostKey Create() => new(RandomNumberGenerator.GetBytes(Ed25519.KeyBytes));

    public override void WritePrivate(SshWriter writer) => writer.String(_public).String([.. _seed, .. _public]);

    public override void Dispose() => CryptographicOperations.ZeroMemory(_seed);

    protected override byte[] SignRaw(string algorithm, ReadOnlySpan<byte> data)
    {
        var signature = new byte[Ed25519.SignatureBytes];
        Ed25519.Sign(_seed, data, signature);
        return signature;
    }
}

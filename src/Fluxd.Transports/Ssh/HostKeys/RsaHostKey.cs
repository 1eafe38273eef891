using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.HostKeys;

/// <summary>RFC 8332: SHA-2 signatures only; ssh-rsa (SHA-1) is never offered.</summary>
internal sealed class RsaHostKey : HostKey
{
    public const string Name = "ssh-rsa";
    public const string Sha256 = "rsa-sha2-256";
    public const string Sha512 = "rsa-sha2-512";

    /// <summary>NIST's 128-bit level; ssh-audit warns below.</summary>
    public const int BitsMin = 3072;

    private readonly RSA _rsa;

    public RsaHostKey(RSA rsa)
    {
        _rsa = rsa;
        var parameters = rsa.ExportParameters(includePrivateParameters: false);
        PublicBlob = new SshWriter(600).String(Name).Mpint(parameters.Exponent).Mpint(parameters.Modulus).ToArray();
    }

    public override string Type => Name;

    public override IReadOnlyList<string> Algorithms { get; } = [Sha512, Sha256];

    public override byte[] PublicBlob { get; }

    public static RsaHostKey Create() => new(RSA.Create(BitsMin));

    public override void WritePrivate(SshWriter writer)
    {
        var p = _rsa.ExportParameters(includePrivateParameters: true);
        writer.Mpint(p.Modulus).Mpint(p.Exponent).Mpint(p.D).Mpint(p.InverseQ).Mpint(p.P).Mpint(p.Q);
    }

    public override void Dispose() => _rsa.Dispose();

    protected override byte[] SignRaw(string algorithm, ReadOnlySpan<byte> data)
    {
        var hash = algorithm == Sha512 ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256;
        lock (_rsa)
        {
            return _rsa.SignData(data, hash, RSASignaturePadding.Pkcs1);
        }
    }
}

using System.Security.Cryptography;
using Fluxd.Transports.Ssh.Wire;

namespace Fluxd.Transports.Ssh.HostKeys;

/// <summary>ecdsa-sha2-nistp256 (RFC 5656), only in the compat profile.</summary>
internal sealed class EcdsaHostKey : HostKey
{
    public const string Name = "ecdsa-sha2-nistp256";
    public const string CurveName = "nistp256";
    private const int FieldBytes = 32;

    private readonly ECDsa _key;
    private readonly byte[] _point;

    public EcdsaHostKey(ECDsa key)
    {
        _key = key;
        var q = key.ExportParameters(includePrivateParameters: false).Q;
        _point = [4, .. q.X!, .. q.Y!];
        PublicBlob = new SshWriter().String(Name).String(CurveName).String(_point).ToArray();
    }

    public override string Type => Name;

    public override IReadOnlyList<string> Algorithms { get; } = [Name];

    public override byte[] PublicBlob { get; }

    public static EcdsaHostKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    public override void WritePrivate(SshWriter writer) =>
        writer.String(CurveName).String(_point).Mpint(_key.ExportParameters(includePrivateParameters: true).D);

    public override void Dispose() => _key.Dispose();

    protected override byte[] SignRaw(string algorithm, ReadOnlySpan<byte> data)
    {
        byte[] fixedForm;
        lock (_key)
        {
            fixedForm = _key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }

        return new SshWriter(100).Mpint(fixedForm.AsSpan(0, FieldBytes)).Mpint(fixedForm.AsSpan(FieldBytes)).ToArray();
    }
}

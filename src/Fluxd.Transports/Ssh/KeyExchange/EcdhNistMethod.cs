using System.Security.Cryptography;

namespace Fluxd.Transports.Ssh.KeyExchange;

/// <summary>RFC 5656 (4) over .NET's ECDH; only in the compat profile.</summary>
internal sealed class EcdhNistMethod(string name, ECCurve curve, int fieldBytes, HashAlgorithmName hash)
    : KeyExchangeMethod(name, hash, ValueEncoding.String, ValueEncoding.Mpint)
{
    private const byte Uncompressed = 4;

    public override KeyExchangeResult Answer(ReadOnlySpan<byte> clientValue)
    {
        if (clientValue.Length != 1 + (2 * fieldBytes) || clientValue[0] != Uncompressed)
        {
            throw Refused();
        }

        using var own = ECDiffieHellman.Create(curve);
        var point = own.ExportParameters(includePrivateParameters: false).Q;
        try
        {
            // The import checks that the point is on the curve.
            using var peer = ECDiffieHellman.Create(new ECParameters
            {
                Curve = curve,
                Q = new ECPoint { X = clientValue.Slice(1, fieldBytes).ToArray(), Y = clientValue[(1 + fieldBytes)..].ToArray() },
            });
            return new([Uncompressed, .. point.X!, .. point.Y!], own.DeriveRawSecretAgreement(peer.PublicKey));
        }
        catch (CryptographicException)
        {
            throw Refused();
        }
    }
}

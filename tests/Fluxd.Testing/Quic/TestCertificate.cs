using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Core.Tls;

namespace Fluxd.Testing.Quic;

/// <summary>A certificate for localhost, made anew, and replaceable while a server runs.</summary>
public sealed class TestCertificate : ICertificateProvider
{
    public X509Certificate2 Current { get; private set; } = Make();

    public IReadOnlyList<X509Certificate2> Chain => [];

    public bool IsSelfMade => true;

    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(Current.RawDataMemory.Span));

    public event Action? Changed;

    public void Renew()
    {
        Current = Make();
        Changed?.Invoke();
    }

    public static X509Certificate2 Make()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        var now = TimeProvider.System.GetUtcNow();
        // The detour over PKCS#12 gives the key a form that TLS on every system accepts.
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(13));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}

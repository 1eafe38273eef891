using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Core;
using Fluxd.Core.Tls;

namespace Fluxd.Transports.Http.Tls;

/// <summary>
/// A certificate of our own making, made once and then read: clients pin its fingerprint, so it must never change by
/// itself. Key and certificate are one file that only the daemon's user may read.
/// </summary>
public sealed class SelfMadeCertificate : ICertificateProvider, IDisposable
{
    private const string FileName = "tls-self-made.pem";
    private const int YearsValid = 30;

    private SelfMadeCertificate(X509Certificate2 certificate) => Current = certificate;

    public X509Certificate2 Current { get; }

    public IReadOnlyList<X509Certificate2> Chain => [];

    public bool IsSelfMade => true;

    public string Fingerprint => Current.GetCertHashString(HashAlgorithmName.SHA256);

    public event Action? Changed
    {
        // It never changes.
        add { }
        remove { }
    }

    /// <param name="stateFolder">Where the daemon keeps what must survive: the certificate is read from there or made there.</param>
    public static SelfMadeCertificate OpenOrMake(string stateFolder, TimeProvider clock)
    {
        var path = Path.Combine(stateFolder, FileName);
        try
        {
            if (!File.Exists(path))
            {
                Write(path, Make(clock));
            }

            using var pem = X509Certificate2.CreateFromPemFile(path, path);
            return new SelfMadeCertificate(X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // Making another one silently would break every pin.
            throw new FluxException(FluxError.Unavailable, $"The self-made certificate can't be read or made: {error.Message} Repair {FileName} in the state folder, or remove it and tell every client the new fingerprint.", error);
        }
    }

    private static string Make(TimeProvider clock)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=fluxd self-made", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        if (Uri.CheckHostName(Dns.GetHostName()) == UriHostNameType.Dns)
        {
            names.AddDnsName(Dns.GetHostName());
        }

        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        var now = clock.GetUtcNow();

        // A clock that is not set yet must not make it invalid: it begins a day ago.
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(YearsValid));
        return certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    private static void Write(string path, string pem)
    {
        var temporary = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var file = new FileStream(temporary, options))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(pem));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path);
    }

    public void Dispose() => Current.Dispose();
}

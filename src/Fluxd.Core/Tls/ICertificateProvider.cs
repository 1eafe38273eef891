using System.Security.Cryptography.X509Certificates;

namespace Fluxd.Core.Tls;

/// <summary>
/// The one certificate of HTTPS, HTTP/3 and fluxd/1: from configured PEM files, reloaded when they change, or
/// self-made and then the same for ever. Readers take <see cref="Current"/> for each handshake.
/// </summary>
public interface ICertificateProvider
{
    /// <summary>With its private key. Owned by the provider: never dispose it.</summary>
    X509Certificate2 Current { get; }

    /// <summary>The intermediates to send with it.</summary>
    IReadOnlyList<X509Certificate2> Chain { get; }

    bool IsSelfMade { get; }

    /// <summary>SHA-256 of the DER form, in hex: what clients pin.</summary>
    string Fingerprint { get; }

    event Action? Changed;
}

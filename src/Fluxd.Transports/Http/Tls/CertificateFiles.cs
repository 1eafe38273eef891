using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Core;
using Fluxd.Core.Tls;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Http.Tls;

/// <summary>
/// The configured PEM files. They are looked at again every half minute (and when told to), because renewing tools
/// replace them without telling anybody; a broken pair changes nothing but the log. Handshakes under way keep the
/// certificate that they began with, so replaced ones are left to the garbage collector.
/// </summary>
public sealed partial class CertificateFiles : ICertificateProvider, IAsyncDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(30);

    private readonly string _certPath;
    private readonly string _keyPath;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;
    private volatile Loaded _loaded;

    private sealed record Loaded(X509Certificate2 Certificate, IReadOnlyList<X509Certificate2> Chain, string Fingerprint);

    private CertificateFiles(string certPath, string keyPath, Loaded loaded, TimeProvider clock, ILogger log)
    {
        (_certPath, _keyPath, _loaded, _log) = (certPath, keyPath, loaded, log);
        _watching = WatchAsync(new PeriodicTimer(LookEvery, clock));
    }

    /// <exception cref="FluxException">Invalid: which file is wrong, and how.</exception>
    public static CertificateFiles Open(string certPath, string keyPath, TimeProvider clock, ILoggerFactory loggers) =>
        new(certPath, keyPath, Load(certPath, keyPath), clock, loggers.CreateLogger("Fluxd.Tls"));

    public X509Certificate2 Current => _loaded.Certificate;

    public IReadOnlyList<X509Certificate2> Chain => _loaded.Chain;

    public bool IsSelfMade => false;

    public string Fingerprint => _loaded.Fingerprint;

    public event Action? Changed;

    /// <summary>Reads the files again; true when there is another certificate now. Never throws for bad files.</summary>
    public bool Reload()
    {
        try
        {
            var fresh = Load(_certPath, _keyPath);
            if (fresh.Fingerprint == _loaded.Fingerprint)
            {
                return false;
            }

            _loaded = fresh;
            LogReloaded(_log, fresh.Fingerprint, fresh.Certificate.NotAfter);
            Changed?.Invoke();
            return true;
        }
        catch (FluxException error)
        {
            LogKept(_log, error.Message);
            return false;
        }
    }

    private async Task WatchAsync(PeriodicTimer timer)
    {
        using (timer)
        {
            var seen = Stamp();
            try
            {
                while (await timer.WaitForNextTickAsync(_stop.Token))
                {
                    var now = Stamp();
                    if (now != seen)
                    {
                        seen = now;
                        Reload();
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // Disposed.
            }
        }
    }

    private (DateTime Cert, DateTime Key) Stamp() => (File.GetLastWriteTimeUtc(_certPath), File.GetLastWriteTimeUtc(_keyPath));

    private static Loaded Load(string certPath, string keyPath)
    {
        try
        {
            using var pem = X509Certificate2.CreateFromPemFile(certPath, keyPath);

            // Some platforms want a key that lives in a container of its own rather than an ephemeral one.
            var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
            var all = new X509Certificate2Collection();
            all.ImportFromPemFile(certPath);
            return new Loaded(certificate, [.. all.Skip(1)], certificate.GetCertHashString(HashAlgorithmName.SHA256));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new FluxException(FluxError.Invalid, $"[tls] cert and key can't be used: {error.Message} Both must be PEM, and the key must belong to the first certificate.", error);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
    }

    [LoggerMessage(5020, LogLevel.Information, "TLS certificate reloaded: SHA-256 {Fingerprint}, valid until {Until}")]
    private static partial void LogReloaded(ILogger logger, string fingerprint, DateTime until);

    [LoggerMessage(5021, LogLevel.Warning, "The TLS files changed but the certificate in use is kept: {Reason}")]
    private static partial void LogKept(ILogger logger, string reason);
}

using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Core.Tls;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Fluxd.Transports.Http.Tls;

/// <summary>TLS on a listener from the one certificate provider: each handshake takes the certificate of that moment.</summary>
public static class HttpTls
{
    public static void UseFluxdTls(this ListenOptions listen, ICertificateProvider certificates)
    {
        var context = new Cached(certificates);
        listen.Protocols = HttpProtocols.Http1AndHttp2;
        listen.Use(RecordGathering.Wrap);
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = context.Get(),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            }),
        });
        listen.Use(WholeRecords.Wrap);
    }

    /// <summary>Building a context walks the chain: once per certificate, not per connection.</summary>
    private sealed class Cached(ICertificateProvider certificates)
    {
        private volatile Tuple<X509Certificate2, SslStreamCertificateContext>? _made;

        public SslStreamCertificateContext Get()
        {
            var now = certificates.Current;
            var made = _made;
            if (made is null || !ReferenceEquals(made.Item1, now))
            {
                _made = made = Tuple.Create(now, SslStreamCertificateContext.Create(now, [.. certificates.Chain], offline: true));
            }

            return made.Item2;
        }
    }
}

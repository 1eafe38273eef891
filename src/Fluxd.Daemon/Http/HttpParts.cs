using Fluxd.Core.Tls;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Hosting;
using Fluxd.Transports.Http;
using Fluxd.Transports.Http.Proxies;
using Fluxd.Transports.Http.Tls;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon.Http;

/// <summary>
/// The HTTP API with its listener: give it the core's seams, get a frontend. Owns the API; the certificate provider is
/// shared with QUIC and owned by the composition.
/// </summary>
internal static class HttpParts
{
    /// <summary>The configured PEM files, else the self-made certificate in the state folder.</summary>
    public static ICertificateProvider OpenCertificates(TlsConfig config, string stateFolder, ILoggerFactory loggers) => config.Cert.Length > 0
        ? CertificateFiles.Open(config.Cert, config.Key.Length > 0 ? config.Key : config.Cert, TimeProvider.System, loggers)
        : SelfMadeCertificate.OpenOrMake(stateFolder, TimeProvider.System);

    /// <param name="altSvc">Where HTTP/3 is served too; empty while it is not.</param>
    public static HttpFrontend Make(HttpApi api, HouseEndpoints house, HttpConfig config, InheritedSockets inherited, ILoggerFactory loggers, ICertificateProvider certificates, LinkTuning tuning, ConnectionBudget connections, Func<HttpOptions> options, Func<string> altSvc) => new(new HttpFrontendOptions
    {
        Config = config,
        Inherited = inherited,
        Loggers = loggers,
        Connections = connections,
        Before = listen =>
        {
            if (config.ProxyProtocol)
            {
                listen.UseProxyProtocol(options, TimeProvider.System);
            }
        },
        Configure = kestrel =>
        {
            HttpKestrel.Configure(kestrel);
            kestrel.ConfigureEndpointDefaults(listen => listen.UseLinkTuning(tuning));
        },
        UseTls = listen => listen.UseFluxdTls(certificates),
        Map = app =>
        {
            app.Use(next => http => AdvertiseAsync(http, altSvc(), next));
            app.UseFluxdHttp(api);
            app.UseRouting();
            house.Map(app);
            app.UseEndpoints(_ => { });
        },
    });

    /// <summary>Only to who speaks TLS with us directly: behind a proxy our UDP port is not the one that clients could reach.</summary>
    private static Task AdvertiseAsync(HttpContext http, string altSvc, RequestDelegate next)
    {
        if (altSvc.Length > 0 && http.Request.IsHttps)
        {
            http.Response.Headers.AltSvc = altSvc;
        }

        return next(http);
    }
}

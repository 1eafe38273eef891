using System.Net;
using Fluxd.Core.Coordination;
using Fluxd.Daemon.Config;
using Fluxd.Transports.Http;

namespace Fluxd.Daemon.Http;

/// <summary>Turns the configuration in force into the HTTP API's options; once per snapshot, not per request.</summary>
internal sealed class HttpSettings(LiveConfig config, bool hasRealCertificate)
{
    private volatile Tuple<FluxdConfig, HttpOptions>? _made;

    public HttpOptions Current
    {
        get
        {
            var now = config.Current;
            var made = _made;
            if (made is null || !ReferenceEquals(made.Item1, now))
            {
                _made = made = Tuple.Create(now, Make(now));
            }

            return made.Item2;
        }
    }

    private HttpOptions Make(FluxdConfig config)
    {
        var window = TimeSpan.FromSeconds((double)config.Limits.RequestsBurst / config.Limits.RequestsPerSecond);
        return new HttpOptions
        {
            TrustedProxies = [.. config.Http.TrustedProxies.Select(Network)],
            PublicUrl = config.Http.PublicUrl is { Length: > 0 } url ? url.TrimEnd('/') : null,
            LogRequests = config.Log.Requests switch { "errors" => LoggedRequests.Errors, "off" => LoggedRequests.None, _ => LoggedRequests.All },
            LogNames = config.Log.Names,
            AllowPlain = config.Http.AllowPlain,
            CorsOrigins = config.Http.CorsOrigins,
            TlsPort = config.Http.ListenTls.Select(ListenAddress.TryParse).FirstOrDefault(a => a is not null)?.Port,
            Hsts = hasRealCertificate,
            Requests = new Limiter(Limiters.Requests.Name, config.Limits.RequestsBurst, window),
        };
    }

    /// <summary>An address alone is a network of one.</summary>
    private static IPNetwork Network(string text) =>
        text.Contains('/', StringComparison.Ordinal) ? IPNetwork.Parse(text) : new IPNetwork(IPAddress.Parse(text), IPAddress.Parse(text).GetAddressBytes().Length * 8);
}

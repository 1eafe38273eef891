using System.Net;
using Fluxd.Core.Accounts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Http.Proxies;

/// <param name="IsSecure">Encrypted from the client on: our own TLS, or a trusted proxy's word for its own.</param>
/// <param name="Trusted">The connection comes from a trusted proxy.</param>
/// <param name="RefusePlain">Plain HTTP from afar that nobody allowed.</param>
/// <param name="Host">The host a trusted proxy was asked for.</param>
internal readonly record struct Caller(PeerInfo Info, bool IsSecure, bool Trusted, bool RefusePlain, string? Host);

/// <summary>
/// Who the client is when proxies stand between. Headers of trusted proxies are believed, read from the right;
/// from anybody else they only take the privileges of being local away, and one warning names the key to set.
/// </summary>
internal sealed partial class PeerResolver(HttpServices services)
{
    private readonly ILogger _log = services.Loggers.CreateLogger("Fluxd.Http");
    private int _warned;

    public Caller Resolve(HttpContext http, HttpOptions options)
    {
        var direct = Plain(http.Connection.RemoteIpAddress ?? IPAddress.None);
        if (http.Features.Get<IProxiedConnectionFeature>() is not null)
        {
            var encrypted = http.Request.IsHttps;
            return new Caller(new PeerInfo(direct, "http", IsForwarded: true), encrypted, false, !encrypted && !options.AllowPlain, null);
        }

        var headers = http.Request.Headers;
        var forwarded = ForwardedHeaders.AreThere(headers);
        var trusted = forwarded && IsTrusted(direct, options);
        if (forwarded && !trusted && Interlocked.Exchange(ref _warned, 1) == 0)
        {
            LogUntrusted(_log, direct);
        }

        var tls = http.Request.IsHttps;
        if (!trusted)
        {
            var local = IPAddress.IsLoopback(direct) && !forwarded;
            // A proxy on this machine that nobody named: refuse too, else its clients' passwords go in the clear unseen.
            return new Caller(new PeerInfo(direct, "http", forwarded), tls, false, !tls && !options.AllowPlain && !local, null);
        }

        var chain = ForwardedHeaders.Read(headers);
        var secure = tls || chain.Proto == "https";
        var client = chain.Client(address => IsTrusted(address, options)) ?? direct;
        return new Caller(new PeerInfo(client, "http", IsForwarded: true), secure, true, false, chain.Host);
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static bool IsTrusted(IPAddress address, HttpOptions options)
    {
        var plain = Plain(address);
        return options.TrustedProxies.Any(network => network.Contains(plain));
    }

    [LoggerMessage(5010, LogLevel.Warning, "Requests with forwarding headers come from {Proxy}, which is not trusted, so all its clients look like one and none is local; if it is your reverse proxy, add it to [http] trusted_proxies")]
    private static partial void LogUntrusted(ILogger logger, IPAddress proxy);
}

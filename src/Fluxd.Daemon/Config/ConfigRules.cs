using System.Net;

namespace Fluxd.Daemon.Config;

/// <summary>What single values can't tell: addresses, files, and keys that must agree. Each rule reports all it finds.</summary>
internal static class ConfigRules
{
    private delegate IEnumerable<(string Key, object? Value, string Expected)> Rule(FluxdConfig config);

    /// <summary>About keys of which a reload may change one and leave the other.</summary>
    private static readonly Rule[] Agreements = [PlainHttpStaysHome, ProxyProtocolNeedsProxies];

    private static readonly Rule[] Rules = [Addresses, EachAddressOnce, SomebodyEnabled, Proxies, Certificate, Authorities, Paths, Endpoints, .. Agreements];

    public static IEnumerable<ConfigFault> Check(FluxdConfig config, Func<string, string> originOf) => Check(Rules, config, originOf);

    /// <summary>Parts of a new file beside parts of the old one.</summary>
    public static IEnumerable<ConfigFault> CheckAgreements(FluxdConfig config, string where) => Check(Agreements, config, _ => where);

    private static IEnumerable<ConfigFault> Check(IEnumerable<Rule> rules, FluxdConfig config, Func<string, string> originOf) =>
        rules.SelectMany(rule => rule(config))
            .Select(fault => new ConfigFault(fault.Key, fault.Value is null ? null : ConfigKey.Show(fault.Value), fault.Expected, originOf(fault.Key)));

    private static IEnumerable<(string Key, object? Value, string Expected)> Addresses(FluxdConfig config) =>
        new (string Key, string[] Entries)[]
        {
            ("sftp.listen", config.Sftp.Listen), ("http.listen", config.Http.Listen),
            ("http.listen_tls", config.Http.ListenTls), ("quic.listen", config.Quic.Listen),
        }
        .SelectMany(list => list.Entries.Where(entry => ListenAddress.TryParse(entry) is null)
            .Select(entry => (list.Key, (object?)entry, ListenAddress.Expectation)));

    /// <summary>TCP only: QUIC may have the number of an HTTPS port, and should.</summary>
    private static IEnumerable<(string Key, object? Value, string Expected)> EachAddressOnce(FluxdConfig config)
    {
        var taken = new Dictionary<IPEndPoint, string>();
        var entries = new (bool Enabled, string Key, string[] Entries)[]
        {
            (config.Sftp.Enabled, "sftp.listen", config.Sftp.Listen), (config.Http.Enabled, "http.listen", config.Http.Listen), (config.Http.Enabled, "http.listen_tls", config.Http.ListenTls),
        }
        .Where(list => list.Enabled).SelectMany(list => list.Entries.Select(entry => (list.Key, Entry: entry, ListenAddress.TryParse(entry)?.EndPoint)));
        foreach (var (key, entry, endPoint) in entries)
        {
            if (endPoint is { Port: > 0 } && !taken.TryAdd(endPoint, key))
            {
                yield return (key, entry, $"this address is in {taken[endPoint]} already; only one can listen there");
            }
        }
    }

    /// <summary>An empty <c>listen</c> is no fault here: sockets from systemd replace it. The runner tells where there are none.</summary>
    private static IEnumerable<(string Key, object? Value, string Expected)> SomebodyEnabled(FluxdConfig config)
    {
        if (!config.Sftp.Enabled && !config.Http.Enabled && !config.Quic.Enabled)
        {
            yield return ("sftp.enabled", false, "at least one of sftp, http and quic must be enabled, or nobody can reach the files");
        }
    }

    private static IEnumerable<(string Key, object? Value, string Expected)> PlainHttpStaysHome(FluxdConfig config) =>
        !config.Http.Enabled || config.Http.AllowPlain || config.Http.TrustedProxies.Length > 0
            ? []
            : config.Http.Listen.Where(entry => ListenAddress.TryParse(entry) is { IsLoopback: false })
                .Select(entry => ("http.listen", (object?)entry,
                    "without TLS passwords would travel in the clear: use http.listen_tls, name the proxy in http.trusted_proxies, or set http.allow_plain = true"));

    private static IEnumerable<(string Key, object? Value, string Expected)> Proxies(FluxdConfig config) =>
        config.Http.TrustedProxies.Where(proxy => !IPAddress.TryParse(proxy, out _) && !IPNetwork.TryParse(proxy, out _))
            .Select(proxy => ("http.trusted_proxies", (object?)proxy, "expected an address or a network like \"10.0.0.0/8\""));

    private static IEnumerable<(string Key, object? Value, string Expected)> ProxyProtocolNeedsProxies(FluxdConfig config) =>
        config.Http is { ProxyProtocol: true, TrustedProxies.Length: 0 }
            ? [("http.proxy_protocol", true, "name the proxies in http.trusted_proxies: nobody else may say who the client is")]
            : [];

    private static IEnumerable<(string Key, object? Value, string Expected)> Certificate(FluxdConfig config)
    {
        var (cert, key) = (config.Tls.Cert, config.Tls.Key);
        if ((cert.Length == 0) != (key.Length == 0))
        {
            yield return (cert.Length == 0 ? "tls.cert" : "tls.key", "", "tls.cert and tls.key belong together: set both or neither");
        }

        foreach (var (name, file) in new[] { ("tls.cert", cert), ("tls.key", key) }.Where(entry => entry.Item2.Length > 0 && !File.Exists(entry.Item2)))
        {
            yield return (name, file, "there is no such file, or it can't be seen by this user");
        }
    }

    private static IEnumerable<(string Key, object? Value, string Expected)> Authorities(FluxdConfig config) =>
        config.Sftp.UserCa.Where(file => !File.Exists(file)).Select(file => ("sftp.user_ca", (object?)file, "there is no such file, or it can't be seen by this user"));

    private static IEnumerable<(string Key, object? Value, string Expected)> Paths(FluxdConfig config)
    {
        // sun_path holds 108 bytes with its NUL.
        const int SocketPathBytesMax = 107;
        if (config.Store.Path.Length == 0)
        {
            yield return ("store.path", "", "expected the folder of the store");
        }

        if (config.Admin.Socket.Length == 0 || System.Text.Encoding.UTF8.GetByteCount(config.Admin.Socket) > SocketPathBytesMax)
        {
            yield return ("admin.socket", config.Admin.Socket, $"expected a path of 1 to {SocketPathBytesMax} bytes, the kernel's limit for sockets");
        }
    }

    private static IEnumerable<(string Key, object? Value, string Expected)> Endpoints(FluxdConfig config)
    {
        foreach (var (key, url) in new[] { ("telemetry.otlp", config.Telemetry.Otlp), ("http.public_url", config.Http.PublicUrl) })
        {
            if (url.Length > 0 && !(Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "http" or "https"))
            {
                yield return (key, url, "expected an address that begins with http:// or https://");
            }
        }
    }
}

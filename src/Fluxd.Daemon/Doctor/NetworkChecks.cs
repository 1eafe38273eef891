using System.Net;
using System.Net.Sockets;
using System.Text;
using Fluxd.Core.Admin;
using Fluxd.Core.Frontends;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Hosting;

namespace Fluxd.Daemon.Doctor;

/// <summary>Where it listens and who gets that far: ports, what is reachable from elsewhere, encryption, CORS, names, links.</summary>
internal sealed class NetworkChecks(Func<FluxdConfig> config, Func<IReadOnlyList<IFrontend>> frontends) : IDoctorCheck
{
    private const int Tcp = 6;
    private const int TcpCongestion = 13; // linux/tcp.h
    private static readonly TimeSpan s_dnsPatience = TimeSpan.FromSeconds(5);

    public string Name => "network";

    /// <summary>False where it looks on behalf of a daemon that is not there: then ports ought to be free, and nobody is let in.</summary>
    public bool IsRunning { get; init; } = true;

    /// <summary>The congestion control that connections from beyond the local network really got, and how many did.</summary>
    public Func<IReadOnlyDictionary<string, long>> LinksGiven { get; init; } = static () => new Dictionary<string, long>();

    public async ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct)
    {
        var now = config();
        return [.. Ports(now), .. IsRunning ? [Isolation(now), Https(now)] : Array.Empty<CheckRecord>(), Cors(now.Http), Proxies(now.Http), Congestion(now.Net), await PublicNameAsync(now.Http.PublicUrl, ct)];
    }

    private IEnumerable<CheckRecord> Ports(FluxdConfig now) =>
        new[] { ("sftp", now.Sftp.Enabled, now.Sftp.Listen, false), ("http", now.Http.Enabled, [.. now.Http.Listen, .. now.Http.ListenTls], false), ("quic", now.Quic.Enabled, now.Quic.Listen, true) }
            .Select(part => Port(part.Item1, part.Item2, part.Item3, part.Item4));

    private CheckRecord Port(string part, bool isEnabled, string[] listen, bool udp)
    {
        var name = "ports." + part;
        if (!isEnabled)
        {
            return Check.Skipped(name, $"{part} is off.");
        }

        if (EndpointsOf(part) is { Count: > 0 } endpoints)
        {
            return Check.Good(name, "Listens on " + string.Join(", ", endpoints) + ".");
        }

        var busy = listen.Select(ListenAddress.TryParse).OfType<ListenAddress>()
            .Select(address => (address, holder: PortHolder.Find(address.EndPoint, udp))).FirstOrDefault(found => found.holder is not null);
        if (!IsRunning)
        {
            return busy.holder is null ? Check.Good(name, $"Free: {string.Join(", ", listen)}.")
                : busy.holder.StartsWith("systemd (", StringComparison.Ordinal) ? Check.Good(name, $"Port {busy.address.Port} is held by systemd, which hands it over through fluxd's socket unit.")
                : Check.Bad(name, $"Port {busy.address.Port} is held by {busy.holder}.", $"Stop what holds it, or change [{part}] listen");
        }

        return busy.holder is null
            ? Check.Bad(name, $"{part} does not listen; its ports are free.", "The log says why: journalctl -u fluxd -n 50")
            : Check.Bad(name, $"{part} does not listen; port {busy.address.Port} is held by {busy.holder}.", $"Stop what holds it, or change [{part}] listen; then: sudo systemctl restart fluxd");
    }

    private CheckRecord Isolation(FluxdConfig now)
    {
        const string name = "security.network";
        var reachable = Reachable().ToArray();
        return now.Telemetry.Metrics == "any" && reachable.Any(entry => entry.Part == "http")
            ? Check.Warning(name, "Anybody who reaches this server may read /metrics.", "[telemetry] metrics = \"loopback\", then: fluxctl reload")
            : Check.Good(name, reachable.Length == 0
                ? "Nothing listens beyond this machine."
                : "Reachable from elsewhere: " + string.Join(", ", reachable.Select(entry => $"{entry.Part} on {entry.Endpoint}")) + ".");
    }

    private CheckRecord Https(FluxdConfig now)
    {
        const string name = "security.https";
        var plain = Reachable().FirstOrDefault(entry => entry.Endpoint.StartsWith("http://", StringComparison.Ordinal));
        return plain == default ? Check.Good(name, "Beyond this machine everything is encrypted.")
            : now.Http.TrustedProxies.Length > 0 && !now.Http.AllowPlain
                ? Check.Good(name, $"{plain.Endpoint} speaks without TLS, for the proxies in [http] trusted_proxies alone.")
                : Check.Bad(name, $"{plain.Endpoint} speaks without TLS to everybody: passwords travel in the clear.", "[http] listen = [\"127.0.0.1:8080\"], listen_tls = [\"[::]:8443\"], allow_plain = false");
    }

    private static CheckRecord Cors(HttpConfig http)
    {
        const string name = "security.cors";
        const string cure = "[http] cors_origins = [\"https://app.example\"], exactly as browsers send it, then: fluxctl reload";
        return http.CorsOrigins switch
        {
            _ when !http.Enabled => Check.Skipped(name, "HTTP is off."),
            [] => Check.Good(name, "Only our own pages may use the API from a browser."),
            var all when all.Contains("*") => Check.Warning(name, "Pages of every origin may use the API with a key that they hold.", cure),
            var all when Array.Find(all, origin => !IsOrigin(origin)) is { } wrong => Check.Bad(name, $"No browser ever sends the origin \"{wrong}\", so that page is locked out.", cure),
            var all when Array.Find(all, IsPlainAndFar) is { } plain => Check.Warning(name, $"{plain} comes without encryption: whoever is on its way may use the API in its name.", cure),
            var all => Check.Good(name, "These pages may use the API: " + string.Join(", ", all)),
        };
    }

    private static CheckRecord Proxies(HttpConfig http)
    {
        const string name = "security.proxies";
        var wide = http.TrustedProxies.FirstOrDefault(proxy => proxy.EndsWith("/0", StringComparison.Ordinal));
        return wide is null
            ? Check.Good(name, http.TrustedProxies.Length == 0 ? "No proxy is believed." : "Believed about clients' addresses: " + string.Join(", ", http.TrustedProxies))
            : Check.Bad(name, $"{wide} in [http] trusted_proxies: everybody may claim any address, and so slip every limit.", "[http] trusted_proxies = [\"ADDRESS OF THE PROXY\"], then: fluxctl reload");
    }

    /// <summary>Asks the kernel the way each connection will (lists in /proc don't show what this user may have), and tells what they got.</summary>
    private CheckRecord Congestion(NetConfig net)
    {
        const string name = "network.congestion";
        if (!OperatingSystem.IsLinux() || net.Congestion is not ("auto" or "bbr"))
        {
            return Check.Skipped(name, "The system chooses the congestion control.");
        }

        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.SetRawSocketOption(Tcp, TcpCongestion, Encoding.ASCII.GetBytes("bbr"));
            return Check.Good(name, "Transfers beyond the local network get BBR." + Given());
        }
        catch (SocketException)
        {
            return Check.Warning(
                name, "The kernel doesn't give BBR: transfers over distant, lossy links are slow." + Given(),
                "echo tcp_bbr | sudo tee /etc/modules-load.d/fluxd.conf && sudo modprobe tcp_bbr && sudo sysctl -w net.ipv4.tcp_allowed_congestion_control=\"reno cubic bbr\"");
        }
    }

    private string Given() => LinksGiven() is { Count: > 0 } given
        ? $" Such connections since the start: {string.Join(", ", given.OrderByDescending(pair => pair.Value).Select(pair => $"{pair.Value} got {pair.Key}"))}."
        : IsRunning ? " There was no such connection since the start." : "";

    private static async Task<CheckRecord> PublicNameAsync(string publicUrl, CancellationToken ct)
    {
        const string name = "network.public-name";
        if (publicUrl.Length == 0)
        {
            return Check.Skipped(name, "No public address is set ([http] public_url); a proxy before fluxd is probed by: fluxctl doctor --url URL");
        }

        var host = new Uri(publicUrl).IdnHost;
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(host, ct).WaitAsync(s_dnsPatience, ct);
            return Check.Good(name, $"{host} leads to {string.Join(", ", addresses.Take(4).Select(address => address.ToString()))}. Probe it from outside: fluxctl doctor --url {publicUrl}");
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            return Check.Warning(name, $"This machine can't resolve {host} of [http] public_url: {e.Message}", $"Make an A or AAAA record for {host} (dig {host}), or correct [http] public_url");
        }
    }

    private IReadOnlyList<string> EndpointsOf(string part) => frontends().FirstOrDefault(frontend => frontend.Name == part)?.Endpoints ?? [];

    private IEnumerable<(string Part, string Endpoint)> Reachable() => frontends()
        .Where(frontend => frontend.Name != "admin")
        .SelectMany(frontend => frontend.Endpoints.Select(endpoint => (frontend.Name, endpoint)))
        .Where(entry => Listening.Parse(entry.endpoint) is { IsLoopback: false });

    private static bool IsOrigin(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var url) && url.Scheme is "https" or "http" && url.GetLeftPart(UriPartial.Authority) == origin;

    private static bool IsPlainAndFar(string origin) => new Uri(origin) is { Scheme: "http", IsLoopback: false };
}

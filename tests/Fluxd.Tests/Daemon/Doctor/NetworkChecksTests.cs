using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Core.Frontends;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Doctor;
using Fluxd.Testing;
using Fluxd.Tests.Store.Accounts;
using Fluxd.Transports.Http.Tls;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static Fluxd.Testing.Findings;

namespace Fluxd.Tests.Daemon.Doctor;

/// <summary>What listens where, CORS, limits, and the certificate: real files, ports and accounts.</summary>
public sealed class NetworkChecksTests : IDisposable
{
    private static readonly DateTimeOffset s_start = new ManualTime().GetUtcNow();

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-doctor-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("http://127.0.0.1:8080", "tcp", "127.0.0.1", 8080)]
    [InlineData("https://[::]:8443", "tcp", "::", 8443)]
    [InlineData("0.0.0.0:2022", "tcp", "0.0.0.0", 2022)]
    [InlineData("udp [::1]:8443", "udp", "::1", 8443)]
    public void What_a_frontend_writes_is_read_back(string endpoint, string protocol, string address, int port) =>
        Assert.Equal(new Listening(protocol, IPAddress.Parse(address), port), Listening.Parse(endpoint));

    [Theory]
    [InlineData("unix:/run/fluxd.sock")]
    [InlineData("nowhere")]
    [InlineData("")]
    public void What_has_no_port_is_no_listener(string endpoint) => Assert.Null(Listening.Parse(endpoint));

    [Fact(Timeout = 60_000)]
    public async Task What_is_reachable_from_elsewhere_is_named()
    {
        var here = await CheckAsync(new FluxdConfig(), ("http", "http://127.0.0.1:8080"), ("sftp", "127.0.0.1:2022"));
        Assert.Contains("Nothing listens beyond", Is(here, "security.network", CheckState.Good).Found, StringComparison.Ordinal);
        Is(here, "security.https", CheckState.Good);

        var open = await CheckAsync(
            new FluxdConfig { Http = new HttpConfig { AllowPlain = true }, Telemetry = new TelemetryConfig { Metrics = "any" } }, ("http", "http://[::]:8080"), ("sftp", "0.0.0.0:2022"));
        Is(open, "security.network", CheckState.Warning, "metrics = \"loopback\"");
        Is(open, "security.https", CheckState.Bad, "listen_tls");

        var proxied = await CheckAsync(new FluxdConfig { Http = new HttpConfig { TrustedProxies = ["10.0.0.1"] } }, ("http", "http://0.0.0.0:8080"), ("sftp", "[::]:2022"));
        Assert.Contains("sftp on [::]:2022", Is(proxied, "security.network", CheckState.Good).Found, StringComparison.Ordinal);
        Is(proxied, "security.https", CheckState.Good);
        Is(await CheckAsync(new FluxdConfig { Http = new HttpConfig { TrustedProxies = ["::/0"] } }), "security.proxies", CheckState.Bad, "trusted_proxies");
    }

    [Fact(Timeout = 60_000)]
    public async Task A_port_that_somebody_else_holds_is_named_with_its_holder()
    {
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        var port = ((IPEndPoint)holder.LocalEndpoint).Port;

        var checks = await CheckAsync(new FluxdConfig { Sftp = new SftpConfig { Listen = [$"127.0.0.1:{port}"] }, Quic = new QuicConfig { Enabled = false } });

        Assert.Contains($"(process {Environment.ProcessId})", Is(checks, "ports.sftp", CheckState.Bad, "[sftp] listen").Found, StringComparison.Ordinal);
        Is(checks, "ports.quic", CheckState.Skipped);
    }

    [Theory(Timeout = 60_000)]
    [InlineData(CheckState.Good)]
    [InlineData(CheckState.Good, "https://app.example", "http://localhost:3000")]
    [InlineData(CheckState.Warning, "*")]
    [InlineData(CheckState.Warning, "http://app.example")]
    [InlineData(CheckState.Bad, "https://app.example/")]
    [InlineData(CheckState.Bad, "app.example")]
    public async Task Origins_of_other_pages_are_judged(CheckState state, params string[] origins) =>
        Is(await CheckAsync(new FluxdConfig { Http = new HttpConfig { CorsOrigins = origins } }), "security.cors", state);

    [Fact(Timeout = 60_000)]
    public async Task A_public_name_that_does_not_resolve_is_told()
    {
        Is(await CheckAsync(new FluxdConfig { Http = new HttpConfig { PublicUrl = "https://localhost" } }), "network.public-name", CheckState.Good);
        Is(await CheckAsync(new FluxdConfig { Http = new HttpConfig { PublicUrl = "https://files.invalid" } }), "network.public-name", CheckState.Warning, "dig files.invalid");
        Is(await CheckAsync(new FluxdConfig()), "network.public-name", CheckState.Skipped);
    }

    [Fact(Timeout = 120_000)]
    public async Task Who_must_wait_for_failed_logins_is_counted()
    {
        await using var house = await House.MakeAsync();
        var check = new LimiterChecks(() => new FluxdConfig(), () => house.Identity.PenaltiesNow);
        Assert.Contains("Nobody has to wait", Is(await check.RunAsync(default), "security.penalties", CheckState.Good).Found, StringComparison.Ordinal);

        var stranger = new PeerInfo(IPAddress.Parse("192.0.2.7"), "http");
        for (var i = 0; i < 10; i++)
        {
            await house.Identity.Authenticator.AuthenticateAsync(new PasswordCredential("ghost", "wrong"u8.ToArray()), stranger, AuthMethods.None, default);
        }

        Assert.Matches("^[1-9]", Is(await check.RunAsync(default), "security.penalties", CheckState.Good).Found);
        Is(await new LimiterChecks(() => new FluxdConfig { Limits = new LimitsConfig { RequestsPerSecond = 100_000 } }, () => 0).RunAsync(default), "security.rate-limits", CheckState.Warning, "requests_per_second");
    }

    [Fact(Timeout = 60_000)]
    public async Task A_certificate_is_followed_to_its_end()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var tls = Write("fluxd.example", key, s_start.AddDays(-1), s_start.AddDays(60));
        var clock = new ManualTime();
        await using var files = CertificateFiles.Open(tls.Cert, tls.Key, TimeProvider.System, NullLoggerFactory.Instance);
        var config = new FluxdConfig { Tls = tls, Http = new HttpConfig { ListenTls = ["127.0.0.1:8443"], PublicUrl = "https://fluxd.example" } };
        var checks = new TlsChecks(() => config, files, clock);

        Assert.All(await checks.RunAsync(default), check => Assert.True(check.State == CheckState.Good, check.ToString()));

        File.SetUnixFileMode(tls.Key, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Is(await checks.RunAsync(default), "tls.key", CheckState.Bad, "chmod 640 " + tls.Key);
        config = config with { Http = config.Http with { PublicUrl = "https://other.example" } };
        Is(await checks.RunAsync(default), "tls.names", CheckState.Bad, "certbot certonly -d other.example");
        clock.Advance(TimeSpan.FromDays(50));
        Is(await checks.RunAsync(default), "tls.expiry", CheckState.Warning, "certbot renew");
        clock.Advance(TimeSpan.FromDays(20));
        Is(await checks.RunAsync(default), "tls.expiry", CheckState.Bad, "certbot renew");
        await File.WriteAllTextAsync(tls.Key, "nothing");
        Is(await checks.RunAsync(default), "tls.certificate", CheckState.Bad, tls.Key);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_certificate_that_is_sent_without_its_issuer_is_noticed()
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=An authority nobody knows", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var root = rootRequest.CreateSelfSigned(s_start.AddDays(-2), s_start.AddDays(90));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = Request("fluxd.example", key).Create(root, s_start.AddDays(-1), s_start.AddDays(60), [1, 2, 3]);
        var tls = Write(leaf.ExportCertificatePem(), key);
        await using var files = CertificateFiles.Open(tls.Cert, tls.Key, TimeProvider.System, NullLoggerFactory.Instance);

        Is(await new TlsChecks(() => new FluxdConfig { Tls = tls }, files, new ManualTime()).RunAsync(default), "tls.chain", CheckState.Warning, "fullchain.pem");
    }

    [Fact(Timeout = 60_000)]
    public async Task A_self_made_certificate_is_good_and_shows_what_to_pin()
    {
        using var certificate = SelfMadeCertificate.OpenOrMake(_folder.FullName, TimeProvider.System);

        var checks = await new TlsChecks(() => new FluxdConfig(), certificate, TimeProvider.System).RunAsync(default);

        Assert.All(checks, check => Assert.Equal(CheckState.Good, check.State));
        Assert.Contains(checks, check => check.Found.Contains(certificate.Fingerprint, StringComparison.Ordinal));
        var quiet = new FluxdConfig { Quic = new QuicConfig { Enabled = false } };
        Is(await new TlsChecks(() => quiet, certificate, TimeProvider.System).RunAsync(default), "tls.certificate", CheckState.Skipped);
    }

    [Theory(Timeout = 60_000)]
    [InlineData(0, 0, "There was no such connection since the start.")]
    [InlineData(3, 12, "Such connections since the start: 12 got bbr, 3 got cubic.")]
    public async Task What_distant_connections_really_got_is_told(int cubic, int bbr, string said)
    {
        var given = new Dictionary<string, long> { ["cubic"] = cubic, ["bbr"] = bbr }.Where(pair => pair.Value > 0).ToDictionary();

        var checks = await new NetworkChecks(() => new FluxdConfig(), () => []) { LinksGiven = () => given }.RunAsync(default);

        var found = checks.Single(check => check.Name == "network.congestion");
        Assert.True(found.State == CheckState.Skipped || found.Found.EndsWith(said, StringComparison.Ordinal), found.Found);
    }

    private static async Task<IReadOnlyList<CheckRecord>> CheckAsync(FluxdConfig config, params (string Name, string Endpoint)[] listening) =>
        await new NetworkChecks(() => config, () => [.. listening.Select(entry => new Listener(entry.Name, entry.Endpoint))]).RunAsync(default);

    private TlsConfig Write(string host, ECDsa key, DateTimeOffset from, DateTimeOffset until)
    {
        using var certificate = Request(host, key).CreateSelfSigned(from, until);
        return Write(certificate.ExportCertificatePem(), key);
    }

    private static CertificateRequest Request(string host, ECDsa key)
    {
        var request = new CertificateRequest("CN=" + host, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        return request;
    }

    private TlsConfig Write(string certificate, ECDsa key)
    {
        var (cert, file) = (Path.Combine(_folder.FullName, "cert.pem"), Path.Combine(_folder.FullName, "key.pem"));
        File.WriteAllText(cert, certificate);
        File.WriteAllText(file, key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new TlsConfig { Cert = cert, Key = file };
    }

    private sealed class Listener(string name, string endpoint) : IFrontend
    {
        public string Name => name;

        public IReadOnlyList<string> Endpoints => [endpoint];

        public int ConnectionCount => 0;

        public Task StartAsync(CancellationToken ct) => Task.CompletedTask;

        public Task StopAcceptingAsync(CancellationToken ct) => Task.CompletedTask;

        public Task DrainAsync(CancellationToken deadline) => Task.CompletedTask;

        public Task AbortAsync() => Task.CompletedTask;
    }
}

using System.Net;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Core.Coordination;
using Fluxd.Core.Frontends;
using Fluxd.Core.Tls;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Doctor;
using Fluxd.Daemon.Hosting;
using Fluxd.Daemon.Http;
using Fluxd.Daemon.Telemetry;
using Fluxd.Store;
using Fluxd.Store.Accounts;
using Fluxd.Store.Feed;
using Fluxd.Store.Files;
using Fluxd.Store.Upkeep;
using Fluxd.Transports.Http;
using Fluxd.Transports.Net;
using Fluxd.Transports.Quic;
using Fluxd.Transports.Quic.Engine;
using Fluxd.Transports.Quic.Protocol;
using Fluxd.Transports.Sftp;
using Fluxd.Transports.Ssh;
using Fluxd.Transports.Ssh.Auth;
using Fluxd.Transports.Ssh.HostKeys;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon;

/// <summary>
/// The one place that knows everybody: makes the parts from the configuration and hands each what it needs. Owns them;
/// disposal goes the other way round, so that nothing outlives what it stands on.
/// </summary>
internal sealed partial class Composition : IAsyncDisposable
{
    private readonly LiveConfig _config;
    private readonly InheritedSockets _inherited;
    private readonly ILoggerFactory _loggers;
    private readonly FluxdStore _store;
    private readonly TreeServices _trees;
    private readonly StateFolder _state;
    private readonly ICertificateProvider _certificates;
    private readonly LinkTuning _links;
    private readonly ConnectionBudget _connections;
    private readonly HttpSettings _http;
    private readonly Hourly _past;
    private readonly StoreUpkeep _upkeep;
    private readonly Hourly _copies;
    private readonly Hourly _tidying;
    private readonly OtlpExport? _otlp;
    private readonly IAuthenticator _authenticator;
    private readonly ICoordinator _coordinator;
    private readonly GaugeSources _gaugeSources;
    private readonly DaemonGauges _gauges;
    private readonly Hourly? _figures;
    private readonly List<IDisposable> _owned = [];

    private Composition(LiveConfig config, InheritedSockets inherited, ILoggerFactory loggers, FluxdStore store, Identity identity, TreeServices trees)
    {
        (_config, _inherited, _loggers, _store, Identity, _trees) = (config, inherited, loggers, store, identity, trees);
        var now = config.Current;
        _state = StateFolder.Open(now);
        Transfers = new Transfers(now.Telemetry.Transfers, TimeProvider.System, loggers.CreateLogger("Fluxd.Transfers"));
        (_authenticator, _coordinator) = (new MeteredAuthenticator(identity.Authenticator), new MeteredCoordinator(identity.Coordinator));
        _certificates = HttpParts.OpenCertificates(now.Tls, _state.Path, loggers);
        _links = new LinkTuning(Enum.Parse<CongestionControl>(now.Net.Congestion, ignoreCase: true), OwnSubnets.Read());
        _http = new HttpSettings(config, !_certificates.IsSelfMade);
        _connections = new ConnectionBudget(now.Limits.Connections);
        _past = PastTimetable.Start(trees.Keeper, TimeProvider.System, loggers.CreateLogger(typeof(PastTimetable)));
        _upkeep = new StoreUpkeep(store);
        _copies = CopyTimetable.Start(_upkeep, TimeProvider.System, loggers.CreateLogger(typeof(CopyTimetable)));
        _gaugeSources = new GaugeSources(store, _upkeep, identity.Sessions, Transfers, _connections);
        _gauges = new DaemonGauges(_gaugeSources);
        _tidying = UpkeepTimetable.Start(_upkeep, () => config.Current.Store, TimeProvider.System, loggers.CreateLogger(typeof(UpkeepTimetable)));
        _otlp = OtlpExport.Start(now.Telemetry);
        _figures = _otlp is null ? null : new Hourly(_gauges.RefreshAsync, atOnce: true, _ => { }, TimeProvider.System, TimeSpan.FromMinutes(1));
        Health.Register("store", () => _store.Fault?.Message);
        Health.Register("disk", () => _store.Space.IsGettingFull ? "The store's disk is nearly full: free space, or uploads will be refused." : null, blocksReadiness: false);
    }

    public Identity Identity { get; }

    public HealthRegistry Health { get; } = new();

    public Transfers Transfers { get; }

    public PrometheusMetrics Metrics { get; } = new();

    public static async Task<Composition> OpenAsync(LiveConfig config, InheritedSockets inherited, ILoggerFactory loggers, bool mayCreate, CancellationToken ct)
    {
        var store = await StoreOpening.OpenAsync(config, mayCreate);
        try
        {
            var logger = loggers.CreateLogger("Fluxd.Daemon");
            var identity = await Identity.OpenAsync(store.Catalog, TimeProvider.System, IdentityOptions.Default with { SessionsPerUser = () => config.Current.Limits.SessionsPerUser }, e => Log.AuditFailed(logger, e), ct);
            var trees = await TreeServices.OpenAsync(
                new TreeParts(
                    store.Catalog, store.Contents, store.Disk, AccountView.Of(identity.Accounts), TimeProvider.System,
                    () => StoreOpening.RetentionOf(config.Current.Store), SystemClock.IsSynchronised)
                {
                    RequireRoom = store.Space.RequireRoom,
                },
                ct);
            return new Composition(config, inherited, loggers, store, identity, trees);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>In the order in which they start: whoever administers comes in first and is shown out last.</summary>
    public async Task<IReadOnlyList<IFrontend>> MakeFrontendsAsync(DaemonControl control, CancellationToken ct)
    {
        var config = _config.Current;
        var hostKeys = config.Sftp.Enabled ? OpenHostKeys(config.Sftp) : null;
        var frontends = new List<IFrontend> { MakeAdmin(config.Admin, control, hostKeys) };
        var api = MakeApi();
        var quic = config.Quic.Enabled ? await MakeQuicAsync(config.Quic, api, ct) : null;
        if (hostKeys is not null)
        {
            frontends.Add(MakeSftp(config.Sftp, hostKeys));
        }

        if (config.Http.Enabled)
        {
            frontends.Add(MakeHttp(config.Http, api, () => quic?.AltSvc ?? ""));
        }

        if (quic is not null)
        {
            frontends.Add(quic);
        }

        _gaugeSources.Frontends = frontends;
        foreach (var frontend in frontends)
        {
            Health.Register(frontend.Name, () => frontend.Endpoints.Count > 0 ? null : "It does not listen.");
        }

        return frontends;
    }

    /// <summary>The store's own thread answers a question: the proof that systemd's watchdog asks for.</summary>
    public async Task<bool> IsAliveAsync(CancellationToken ct)
    {
        try
        {
            return await _store.Catalog.ReadAsync(_ => true, ct);
        }
        catch (FluxException)
        {
            return false;
        }
    }

    public Task<StoreStatRecord> StoreStatAsync(CancellationToken ct) => _upkeep.StatAsync(ct);

    public async ValueTask DisposeAsync()
    {
        if (_figures is not null)
        {
            await _figures.DisposeAsync();
        }

        await _past.DisposeAsync();
        await _copies.DisposeAsync();
        await _tidying.DisposeAsync();
        _upkeep.Dispose();
        _owned.ForEach(part => part.Dispose());
        await Identity.DisposeAsync();
        await _store.DisposeAsync();
        (_certificates as IDisposable)?.Dispose();
        _otlp?.Dispose();
        _gauges.Dispose();
        Metrics.Dispose();
    }

    private AdminFrontend MakeAdmin(AdminConfig config, DaemonControl control, HostKeyStore? hostKeys)
    {
        var services = new AdminServices(Identity.Accounts, Identity.Sessions, Transfers, control)
        {
            Checks = MakeChecks(() => control.Frontends),
            Routes = [new SftpRoutes(hostKeys), new StoreRoutes(_upkeep, Identity.Accounts), new PurgeRoutes(new HomePurge(_store.Catalog, TimeProvider.System))],
        };
        var inherited = _inherited.Descriptors("admin");
        return new AdminFrontend(
            services,
            new AdminOptions(config.Socket) { Group = config.Group, InheritedHandle = inherited.Count > 0 ? (ulong)inherited[0] : null },
            _loggers);
    }

    private IReadOnlyList<IDoctorCheck> MakeChecks(Func<IReadOnlyList<IFrontend>> frontends)
    {
        var kernel = new Kernel();
        var now = _config.Current;
        return
        [
            new LimitChecks(kernel) { IsBySystemd = _inherited.Descriptors("quic").Count > 0 },
            new DiskChecks(now.Store, _state.Path, kernel),
            new LibraryChecks(now),
            new SecurityChecks(() => _config.Current, _config.File, _state.Path, Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null),
            new TlsChecks(() => _config.Current, _certificates, TimeProvider.System),
            new NetworkChecks(() => _config.Current, frontends) { LinksGiven = () => _links.Given },
            new LimiterChecks(() => _config.Current, () => Identity.PenaltiesNow),
            new StoreChecks(_upkeep, TimeProvider.System),
            new AccountChecks(Identity.Accounts),
        ];
    }

    private HttpApi MakeApi()
    {
        var api = new HttpApi(new HttpServices
        {
            Files = _trees.Files,
            Uploads = _trees.Uploads,
            Chunks = _trees.ChunkUploads,
            Versions = _trees.Versions,
            Feed = _trees.Feed,
            Authenticator = _authenticator,
            Coordinator = _coordinator,
            Sessions = Identity.Sessions,
            SignIns = Identity.SignIns,
            PushAnswers = new PushAnswerRows(_store.Catalog),
            Transfers = Transfers,
            Clock = TimeProvider.System,
            Loggers = _loggers,
            Options = () => _http.Current,
            Secret = _state.Secret("http"),
        });
        _owned.Add(api);
        return api;
    }

    private HttpFrontend MakeHttp(HttpConfig config, HttpApi api, Func<string> altSvc) => HttpParts.Make(
        api, new HouseEndpoints(Health, ReadMetricsAsync, _config), config, _inherited, _loggers, _certificates, _links, _connections, () => _http.Current, altSvc);

    private async Task<string> ReadMetricsAsync(CancellationToken ct)
    {
        await _gauges.RefreshAsync(ct);
        return Metrics.Write();
    }

    private HostKeyStore OpenHostKeys(SftpConfig config)
    {
        var keys = HostKeyStore.Open(config.HostKeys.Length > 0 ? config.HostKeys : Path.Combine(_state.Path, "hostkeys"), config.Compat);
        _owned.Add(keys);
        return keys;
    }

    private SshEndpoint MakeSftp(SftpConfig config, HostKeyStore keys)
    {
        var options = new SshServerOptions
        {
            HostKeys = keys,
            Authenticator = _authenticator,
            Coordinator = _coordinator,
            Sessions = Identity.Sessions,
            Services = SftpOverSsh.Services(new SftpServices(_trees.Files, _authenticator, Transfers, TimeProvider.System, _loggers.CreateLogger("Fluxd.Sftp"))),
            Authorities = SshUserAuthorities.Parse(config.UserCa.SelectMany(ReadAuthorities)),
            Compat = config.Compat,
            LoginGrace = config.LoginGrace.Span,
            UnauthenticatedPerSource = config.UnauthenticatedPerAddress,
            Unauthenticated = config.UnauthenticatedMax,
            HolderOf = port => PortHolder.Find(port, udp: false),
            Connections = _connections,
            Logger = _loggers.CreateLogger("Fluxd.Ssh"),
        };
        var inherited = _inherited.Descriptors("sftp");
        IReadOnlyList<EndPoint> listen = inherited.Count > 0
            ? [.. inherited.Select(descriptor => new FileHandleEndPoint((ulong)descriptor, FileHandleType.Tcp))]
            : [.. config.Listen.Select(EndPointOf)];
        return new SshEndpoint(options, listen, _links);
    }

    /// <summary>Null, and one plain line in the log, where the engine can't run: the other frontends do.</summary>
    private async Task<QuicFrontend?> MakeQuicAsync(QuicConfig config, HttpApi api, CancellationToken ct)
    {
        var options = new QuicFrontendOptions
        {
            Listen = [.. config.Listen.Select(EndPointOf)],
            Inherited = [.. _inherited.Descriptors("quic").Select(InheritedSockets.Open)],
            Certificates = _certificates,
            Locality = OwnSubnets.Read(),
            Congestion = config.Congestion switch { "bbr" => QuicCongestion.Bbr, "cubic" => QuicCongestion.Cubic, _ => null },
            Engine = config.Engine,
            Secret = _state.Secret("quic"),
            Http = app => app.UseFluxdHttp(api),
            ConfigureKestrel = HttpKestrel.Configure,
            Services = new FluxdServices
            {
                Authenticator = _authenticator,
                Files = _trees.Files,
                Uploads = _trees.Uploads,
                Chunks = _trees.ChunkUploads,
                Feed = _trees.Feed,
                Sessions = Identity.Sessions,
                Transfers = Transfers,
                IssueToken = api.IssueToken,
                VerifyToken = api.VerifyToken,
                Loggers = _loggers,
            },
            Loggers = _loggers,
            Connections = _connections,
            ConnectionsPerAddress = config.ConnectionsPerAddress,
            HolderOf = port => PortHolder.Find(port, udp: true),
        };
        if (await QuicFrontend.WhyUnavailableAsync(options, ct) is not { } why)
        {
            return new QuicFrontend(options);
        }

        Log.NoQuic(_loggers.CreateLogger("Fluxd.Daemon"), why);
        foreach (var socket in options.Inherited)
        {
            socket.Dispose();
        }

        return null;
    }

    private static IPEndPoint EndPointOf(string listen) => ListenAddress.TryParse(listen)!.EndPoint;

    private static IEnumerable<string> ReadAuthorities(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw FluxException.Invalid($"[sftp] user_ca: {path} can't be read: {e.Message}");
        }
    }

    /// <summary>120 to 139 are the composition's; next free: 122.</summary>
    private static partial class Log
    {
        [LoggerMessage(120, LogLevel.Error, "The audit log can't be written; logins go on, their lines are kept in memory while they fit")]
        public static partial void AuditFailed(ILogger logger, Exception exception);

        [LoggerMessage(121, LogLevel.Warning, "QUIC is off: {Why}")]
        public static partial void NoQuic(ILogger logger, string why);
    }
}

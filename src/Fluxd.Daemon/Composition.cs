using Fluxd.Core;
using Fluxd.Core.Frontends;
using Fluxd.Daemon.AdminSocket;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Doctor;
using Fluxd.Daemon.Hosting;
using Fluxd.Daemon.Http;
using Fluxd.Daemon.Telemetry;
using Fluxd.Store.Accounts;
using Fluxd.Store.Catalog;
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
    private readonly SqliteCatalog _catalog;
    private readonly OtlpExport? _otlp;

    private Composition(LiveConfig config, InheritedSockets inherited, ILoggerFactory loggers, SqliteCatalog catalog, Identity identity)
    {
        (_config, _inherited, _loggers, _catalog, Identity) = (config, inherited, loggers, catalog, identity);
        Transfers = new Transfers(config.Current.Telemetry.Transfers, TimeProvider.System);
        _otlp = OtlpExport.Start(config.Current.Telemetry);
        Health.Register("store", () => _catalog.Fault?.Message);
    }

    public Identity Identity { get; }

    public HealthRegistry Health { get; } = new();

    public Transfers Transfers { get; }

    public PrometheusMetrics Metrics { get; } = new();

    public static async Task<Composition> OpenAsync(LiveConfig config, InheritedSockets inherited, ILoggerFactory loggers, bool mayCreate, CancellationToken ct)
    {
        var catalog = OpenCatalog(config.Current.Store, mayCreate);
        try
        {
            var logger = loggers.CreateLogger("Fluxd.Daemon");
            var identity = await Identity.OpenAsync(catalog, TimeProvider.System, IdentityOptions.Default, e => Log.AuditFailed(logger, e), ct);
            return new Composition(config, inherited, loggers, catalog, identity);
        }
        catch
        {
            await catalog.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an empty store where there is none.</summary>
    /// <exception cref="FluxException">Exists: there is one.</exception>
    public static async Task InitStoreAsync(StoreConfig config)
    {
        if (File.Exists(CatalogPathOf(config)))
        {
            throw new FluxException(FluxError.Exists, $"There is a store at {config.Path} already; nothing was changed.");
        }

        await OpenCatalog(config, mayCreate: true).DisposeAsync();
    }

    /// <summary>In the order in which they start: whoever administers comes in first and is shown out last.</summary>
    public IReadOnlyList<IFrontend> MakeFrontends(DaemonControl control)
    {
        var config = _config.Current;
        var frontends = new List<IFrontend> { MakeAdmin(config.Admin, control) };
        if (config.Http.Enabled)
        {
            frontends.Add(MakeHttp(config.Http));
        }

        return frontends;
    }

    /// <summary>The store's own thread answers a question: the proof that systemd's watchdog asks for.</summary>
    public async Task<bool> IsAliveAsync(CancellationToken ct)
    {
        try
        {
            return await _catalog.ReadAsync(_ => true, ct);
        }
        catch (FluxException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Identity.DisposeAsync();
        await _catalog.DisposeAsync();
        Metrics.Dispose();
        _otlp?.Dispose();
    }

    private AdminFrontend MakeAdmin(AdminConfig config, DaemonControl control)
    {
        var services = new AdminServices(Identity.Accounts, Identity.Sessions, Transfers, control)
        {
            Checks = [new SystemChecks(_config.Current.Store.Path, _config.File), new AccountChecks(Identity.Accounts)],
        };
        var inherited = _inherited.Descriptors("admin");
        return new AdminFrontend(
            services,
            new AdminOptions(config.Socket) { Group = config.Group, InheritedHandle = inherited.Count > 0 ? (ulong)inherited[0] : null },
            _loggers);
    }

    private HttpFrontend MakeHttp(HttpConfig config) => new(new HttpFrontendOptions
    {
        Config = config,
        Inherited = _inherited,
        Loggers = _loggers,
        Map = app => new HouseEndpoints(Health, Metrics, _config, Identity.Authenticator).Map(app),
    });

    private static string CatalogPathOf(StoreConfig config) =>
        config.CatalogPath.Length > 0 ? config.CatalogPath : Path.Combine(config.Path, "catalog.db");

    private static SqliteCatalog OpenCatalog(StoreConfig config, bool mayCreate)
    {
        var path = CatalogPathOf(config);
        var create = mayCreate && !File.Exists(path);
        try
        {
            if (create)
            {
                Directory.CreateDirectory(config.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
            else if (!File.Exists(path))
            {
                throw FluxException.NotFound(
                    $"There is no store at {config.Path}. If it is on another disk, mount that first; a new, empty one is made by: fluxctl store init --config FILE");
            }

            return SqliteCatalog.Open(new CatalogOptions(path, TimeProvider.System) { Create = create, CopyBeforeMigration = step => $"{path}.before-{step}" });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FluxException(FluxError.Unavailable, $"The store at {config.Path} can't be opened: {e.Message}", e);
        }
    }

    /// <summary>120 to 139 are the composition's; next free: 121.</summary>
    private static partial class Log
    {
        [LoggerMessage(120, LogLevel.Error, "The audit log can't be written; logins go on, their lines are kept in memory while they fit")]
        public static partial void AuditFailed(ILogger logger, Exception exception);
    }
}

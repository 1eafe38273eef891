using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Fluxd.Core;
using Fluxd.Core.Frontends;
using Fluxd.Core.Net;
using Fluxd.Core.Tls;
using Fluxd.Transports.Net;
using Fluxd.Transports.Quic.Engine;
using Fluxd.Transports.Quic.Kestrel;
using Fluxd.Transports.Quic.Native;
using Fluxd.Transports.Quic.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic;

public sealed record QuicFrontendOptions
{
    public required IReadOnlyList<IPEndPoint> Listen { get; init; }

    /// <summary>Bound UDP sockets from systemd, owned by the frontend from its start on; they replace <see cref="Listen"/> where there are any.</summary>
    public IReadOnlyList<Socket> Inherited { get; init; } = [];

    public required ICertificateProvider Certificates { get; init; }

    public required NetworkLocality Locality { get; init; }

    /// <summary>auto: BBR beyond the local network, CUBIC on it; or one of them everywhere.</summary>
    public QuicCongestion? Congestion { get; init; }

    /// <summary>"auto" and "ngtcp2": our engine; "msquic": System.Net.Quic, where libmsquic is.</summary>
    public string Engine { get; init; } = "auto";

    /// <summary>32 bytes that stay the same over restarts: peers of the last life are told at once.</summary>
    public ReadOnlyMemory<byte> Secret { get; init; }

    /// <summary>The HTTP API and page, as the TCP side has them; null serves fluxd/1 alone.</summary>
    public Action<IApplicationBuilder>? Http { get; init; }

    /// <summary>Kestrel's limits, as the TCP side has them.</summary>
    public Action<KestrelServerOptions> ConfigureKestrel { get; init; } = _ => { };

    /// <summary>What fluxd/1 works on; null serves HTTP/3 alone.</summary>
    public FluxdServices? Services { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Who holds a UDP port, for the sentence that a failed start ends with.</summary>
    public Func<IPEndPoint, string?> HolderOf { get; init; } = _ => null;

    /// <summary>Connections of one address (IPv6: one /64), with our engine.</summary>
    public int ConnectionsPerAddress { get; init; } = QuicLimits.ConnectionsPerAddressMax;

    /// <summary>What all frontends together may hold open.</summary>
    public ConnectionBudget Connections { get; init; } = ConnectionBudget.Unbounded;
}

/// <summary>
/// HTTP/3 and fluxd/1 on the same UDP ports, told apart by ALPN. HTTP/3 is Kestrel's own, on our transport; it runs in a
/// small host of its own, so that it starts, drains and stops by itself.
/// </summary>
public sealed partial class QuicFrontend(QuicFrontendOptions options) : IFrontend, IAsyncDisposable
{
    public const string FrontendName = "quic";

    private readonly ILogger _log = options.Loggers.CreateLogger("Fluxd.Quic");
    private readonly List<FluxdListener> _listeners = [];
    private readonly List<IPEndPoint> _bound = [];
    private NgtcpTransport? _transport;
    private IMultiplexedConnectionListenerFactory? _factory;
    private WebApplication? _web;

    public string Name => FrontendName;

    public IReadOnlyList<string> Endpoints => [.. _bound.Select(endPoint => $"udp {endPoint}")];

    /// <summary>Where it listens, with the ports that the system chose.</summary>
    public IReadOnlyList<IPEndPoint> Bound => _bound;

    public int ConnectionCount => _transport?.ConnectionCount ?? _listeners.Sum(listener => listener.ConnectionCount);

    /// <summary>What the TCP side says in Alt-Svc so that browsers come over; empty while HTTP/3 is not served.</summary>
    public string AltSvc => options.Http is null || _bound.Count == 0 ? "" : $"h3=\":{_bound[0].Port}\"; ma=86400";

    /// <summary>
    /// Null when the engine can run here; else the one plain line to log instead of making this frontend, so that the
    /// others run without it.
    /// </summary>
    /// <param name="engine">As in <see cref="QuicFrontendOptions.Engine"/>.</param>
    public static string? WhyUnavailable(string engine)
    {
        if (engine == "msquic")
        {
            return MsQuicProbe.IsAvailable ? null : MsQuicProbe.Missing;
        }

        var state = QuicLibraries.Probe();
        return state.IsAvailable ? null : state.Message;
    }

    /// <summary>As <see cref="WhyUnavailable(string)"/>, with what only shows when an engine that isn't ours is tried with these options.</summary>
    public static async Task<string?> WhyUnavailableAsync(QuicFrontendOptions options, CancellationToken ct) => options.Engine switch
    {
        "msquic" when options.Inherited.Count > 0 => MsQuicProbe.PortIsHeld,
        "msquic" => await MsQuicProbe.TryAsync(options.Certificates.Current, ct),
        _ => WhyUnavailable(options.Engine),
    };

    /// <exception cref="FluxException">Unavailable: the engine's libraries are missing, or an address can't be used.</exception>
    public async Task StartAsync(CancellationToken ct)
    {
        if (options.Engine == "msquic")
        {
            _bound.AddRange(options.Listen);
        }
        else
        {
            OpenOurs();
        }

        await StartWebAsync(ct);
        if (options.Services is { } services)
        {
            foreach (var endPoint in _bound)
            {
                _listeners.Add(new FluxdListener(await ListenAsync(endPoint, ct), services));
            }
        }

        LogListening(string.Join(", ", Endpoints));
    }

    private void OpenOurs()
    {
        var state = QuicLibraries.Probe();
        if (!state.IsAvailable)
        {
            throw new FluxException(FluxError.Unavailable, state.Message);
        }

        var transport = new NgtcpTransport(
            new NgtcpTransportOptions
            {
                Certificates = options.Certificates,
                Congestion = options.Congestion ?? QuicCongestion.Bbr,
                LocalCongestion = options.Congestion ?? QuicCongestion.Cubic,
                IsLocal = options.Locality.IsLocal,
                Secret = options.Secret,
                Limits = new AdmissionLimits { Budget = options.Connections, ConnectionsPerAddressMax = options.ConnectionsPerAddress },
                HolderOf = options.HolderOf,
            },
            options.Loggers);
        _transport = transport;
        _factory = transport;
        if (options.Inherited.Count > 0)
        {
            _bound.AddRange(options.Inherited.Select(transport.Adopt));
        }
        else
        {
            _bound.AddRange(options.Listen.Select(transport.Open));
        }
    }

    /// <summary>Kestrel, for HTTP/3 alone. It also gives us msquic's listener factory when that engine was asked for.</summary>
    private async Task StartWebAsync(CancellationToken ct)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ApplicationName = "fluxd" });
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(options.Loggers);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.WebHost.UseKestrelHttpsConfiguration();
        if (_transport is not null)
        {
            builder.Services.AddSingleton<IMultiplexedConnectionListenerFactory>(_transport);
        }
        else if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            builder.WebHost.UseQuic();
            Count(builder.Services);
        }

        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            options.ConfigureKestrel(kestrel);
            foreach (var endPoint in options.Http is null ? [] : _bound)
            {
                kestrel.Listen(endPoint, ListenHttp3);
            }
        });
        _web = builder.Build();
        _factory ??= _web.Services.GetServices<IMultiplexedConnectionListenerFactory>().Last();
        if (options.Http is { } http)
        {
            http(_web);
            await _web.StartAsync(ct);
        }
    }

    private void Count(IServiceCollection services)
    {
        var engine = services.Last(service => service.ServiceType == typeof(IMultiplexedConnectionListenerFactory));
        services.Remove(engine);
        services.AddSingleton<IMultiplexedConnectionListenerFactory>(provider => new CountedListeners(
            (IMultiplexedConnectionListenerFactory)ActivatorUtilities.CreateInstance(provider, engine.ImplementationType!), options.Connections));
    }

    private void ListenHttp3(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http3;
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificate = options.Certificates.Current,
                ApplicationProtocols = [SslApplicationProtocol.Http3],
            }),
        });
    }

    private ValueTask<IMultiplexedConnectionListener> ListenAsync(IPEndPoint endPoint, CancellationToken ct)
    {
        var features = new FeatureCollection();
        features.Set(new TlsConnectionCallbackOptions
        {
            ApplicationProtocols = [new SslApplicationProtocol(FluxdProtocol.Alpn)],
            OnConnection = (_, _) => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificate = options.Certificates.Current,
                ApplicationProtocols = [new SslApplicationProtocol(FluxdProtocol.Alpn)],
            }),
        });
        return _factory!.BindAsync(endPoint, features, ct);
    }

    public async Task StopAcceptingAsync(CancellationToken ct)
    {
        _transport?.StopAccepting();
        foreach (var listener in _listeners)
        {
            await listener.StopAcceptingAsync(ct);
        }
    }

    public async Task DrainAsync(CancellationToken deadline)
    {
        var draining = _listeners.Select(listener => listener.DrainAsync(deadline)).ToList();
        if (options.Http is not null && _web is not null)
        {
            draining.Add(_web.StopAsync(deadline)); // GOAWAY, then waits for running requests
        }

        await Task.WhenAll(draining);
    }

    public async Task AbortAsync()
    {
        foreach (var listener in _listeners)
        {
            await listener.AbortAsync();
        }

        if (_web is not null)
        {
            await _web.DisposeAsync();
            _web = null;
        }

        if (_transport is not null)
        {
            await _transport.DisposeAsync();
            _transport = null;
        }
    }

    public async ValueTask DisposeAsync() => await AbortAsync();

    [LoggerMessage(6010, LogLevel.Information, "HTTP/3 and fluxd/1 listen on {Endpoints}")]
    private partial void LogListening(string endpoints);

    /// <summary>Signals are the daemon's business.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

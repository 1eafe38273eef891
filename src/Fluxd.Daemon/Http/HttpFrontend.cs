using Fluxd.Core;
using Fluxd.Core.Frontends;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Hosting;
using Fluxd.Transports.Http;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon.Http;

/// <summary>What the HTTP frontend is made of. The HTTP API adds its endpoints by <see cref="Map"/> and TLS by <see cref="UseTls"/>.</summary>
internal sealed record HttpFrontendOptions
{
    public required HttpConfig Config { get; init; }

    public required InheritedSockets Inherited { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Every endpoint and middleware, in order.</summary>
    public required Action<WebApplication> Map { get; init; }

    /// <summary>Null while there is no certificate: <c>listen_tls</c> is then refused.</summary>
    public Action<ListenOptions>? UseTls { get; init; }

    /// <summary>What a connection goes through before TLS and HTTP.</summary>
    public Action<ListenOptions> Before { get; init; } = _ => { };

    /// <summary>What all frontends together may hold open.</summary>
    public ConnectionBudget Connections { get; init; } = ConnectionBudget.Unbounded;

    public Action<KestrelServerOptions> Configure { get; init; } = _ => { };

    public Action<IServiceCollection> Services { get; init; } = _ => { };
}

/// <summary>One Kestrel for all HTTP listeners. Sockets from systemd named "http" and "https" replace the configured ones.</summary>
internal sealed class HttpFrontend(HttpFrontendOptions options) : IFrontend, IAsyncDisposable
{
    private readonly ConnectionCount _connections = new();
    private readonly KestrelHost _host = new(options.Loggers);

    public string Name => "http";

    public IReadOnlyList<string> Endpoints => _host.Urls;

    public int ConnectionCount => _connections.Value;

    public async Task StartAsync(CancellationToken ct)
    {
        try
        {
            await _host.StartAsync(
                kestrel =>
                {
                    options.Configure(kestrel);
                    Listen(kestrel);
                },
                options.Map,
                options.Services,
                ct);
        }
        catch (IOException e)
        {
            throw CanNotListen(e);
        }
    }

    public Task StopAcceptingAsync(CancellationToken ct) => _host.StopAcceptingAsync();

    public Task DrainAsync(CancellationToken deadline) => _host.DrainAsync(deadline);

    public Task AbortAsync() => _host.AbortAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private void Listen(KestrelServerOptions kestrel)
    {
        var plain = EndpointsOf("http", options.Config.Listen).ToArray();
        var tls = EndpointsOf("https", options.Config.ListenTls).ToArray();
        if (plain.Length + tls.Length == 0)
        {
            // Kestrel would take a port of its own choice.
            throw FrontendRunner.NowhereToListen(Name);
        }

        foreach (var endpoint in plain)
        {
            Bind(kestrel, endpoint, Admit);
        }

        if (tls.Length > 0 && options.UseTls is null)
        {
            throw new FluxException(FluxError.Unavailable, "http.listen_tls is set, but there is no certificate to serve.");
        }

        foreach (var endpoint in tls)
        {
            Bind(kestrel, endpoint, listen =>
            {
                Admit(listen);
                options.UseTls!(listen);
            });
        }
    }

    private IEnumerable<System.Net.EndPoint> EndpointsOf(string socketName, string[] configured)
    {
        var inherited = options.Inherited.Descriptors(socketName);
        return inherited.Count > 0
            ? inherited.Select(descriptor => new FileHandleEndPoint((ulong)descriptor, FileHandleType.Auto))
            : configured.Select(entry => ListenAddress.TryParse(entry)!.EndPoint);
    }

    private static void Bind(KestrelServerOptions kestrel, System.Net.EndPoint endpoint, Action<ListenOptions> configure)
    {
        if (endpoint is FileHandleEndPoint handle)
        {
            kestrel.ListenHandle(handle.FileHandle, configure);
        }
        else
        {
            kestrel.Listen(endpoint, configure);
        }
    }

    private void Admit(ListenOptions listen)
    {
        listen.AnswerFirstRequests(TimeProvider.System);
        listen.Use(next => context => ServeAsync(context, next));
        options.Before(listen);
    }

    private async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (!options.Connections.TryEnter())
        {
            connection.Abort(new ConnectionAbortedException("[limits] connections is reached."));
            return;
        }

        try
        {
            await _connections.DuringAsync(() => next(connection));
        }
        finally
        {
            options.Connections.Leave();
        }
    }

    private FluxException CanNotListen(IOException cause)
    {
        var busy = options.Config.Listen.Select(entry => (entry, key: "http.listen"))
            .Concat(options.Config.ListenTls.Select(entry => (entry, key: "http.listen_tls")))
            .Select(listen => (listen.entry, listen.key, holder: PortHolder.Find(ListenAddress.TryParse(listen.entry)!.EndPoint, udp: false)))
            .FirstOrDefault(found => found.holder is not null);
        var holder = busy.holder is null ? "" : $" {busy.entry} is held by {busy.holder}.";
        return new FluxException(FluxError.Unavailable,
            $"HTTP can't listen: {cause.InnerException?.Message ?? cause.Message}.{holder} Stop what holds the port, or change {busy.key ?? "http.listen"}.", cause);
    }
}

/// <summary>Open connections of one frontend.</summary>
internal sealed class ConnectionCount
{
    private int _value;

    public int Value => Volatile.Read(ref _value);

    public async Task DuringAsync(Func<Task> connection)
    {
        Interlocked.Increment(ref _value);
        try
        {
            await connection();
        }
        finally
        {
            Interlocked.Decrement(ref _value);
        }
    }
}

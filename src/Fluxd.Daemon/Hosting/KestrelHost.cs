using Fluxd.Transports.Http;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon.Hosting;

/// <summary>One Kestrel with its listeners: how the frontends that speak HTTP start and stop.</summary>
internal sealed class KestrelHost(ILoggerFactory loggers) : IAsyncDisposable
{
    private readonly QuietListeners _listeners = new();
    private WebApplication? _app;

    /// <summary>Empty while it does not run.</summary>
    public IReadOnlyList<string> Urls => _app is { } app ? [.. app.Urls] : [];

    public bool IsRunning => _app is not null;

    /// <param name="map">Every endpoint and middleware, in order.</param>
    public async Task StartAsync(Action<KestrelServerOptions> configure, Action<WebApplication> map, Action<IServiceCollection>? services, CancellationToken ct)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<ILoggerFactory>(new HostLoggers(loggers));
        builder.Services.AddRoutingCore();
        services?.Invoke(builder.Services);
        _listeners.Serve(builder).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            configure(kestrel);
        });
        var app = builder.Build();
        app.NoteFirstRequests();
        map(app);
        try
        {
            await app.StartAsync(ct);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        _app = app;
    }

    /// <summary>Who waits in the kernel's queue stays there.</summary>
    public Task StopAcceptingAsync() => _listeners.StopAcceptingAsync();

    /// <summary>Kestrel unbinds and lets running requests finish in one step.</summary>
    public async Task DrainAsync(CancellationToken deadline)
    {
        if (_app is { } app)
        {
            await app.StopAsync(deadline);
        }
    }

    /// <returns>Whether it ran until now.</returns>
    public async Task<bool> AbortAsync()
    {
        if (Interlocked.Exchange(ref _app, null) is not { } app)
        {
            return false;
        }

        await app.DisposeAsync();
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        await AbortAsync();
        _listeners.Dispose();
    }
}

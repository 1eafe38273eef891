using System.Net.Sockets;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Frontends;
using Fluxd.Daemon.Hosting;
using Fluxd.Transports.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>
/// HTTP on a Unix socket for <c>fluxctl</c>. The file's mode (0660, group fluxd) keeps others from connecting, and the
/// kernel's word about the peer is checked again for each connection, because a mode can be changed by mistake.
/// It answers until the very end of a stop, so that one can ask what the daemon is waiting for.
/// </summary>
internal sealed partial class AdminFrontend(AdminServices services, AdminOptions options, ILoggerFactory loggers) : IFrontend, IAsyncDisposable
{
    /// <summary>sizeof(sun_path) of Linux less the final NUL; macOS has 103.</summary>
    private static readonly int s_pathBytesMax = OperatingSystem.IsMacOS() ? 103 : 107;

    private const long BodyBytesMax = 1024 * 1024;

    private readonly ILogger _log = loggers.CreateLogger("Fluxd.Daemon.AdminSocket");
    private readonly KestrelHost _host = new(loggers);
    private uint? _group;
    private int _connections;

    public string Name => "admin";

    public IReadOnlyList<string> Endpoints => _host.IsRunning ? ["unix:" + options.SocketPath] : [];

    public int ConnectionCount => Volatile.Read(ref _connections);

    public async Task StartAsync(CancellationToken ct)
    {
        _group = Libc.GroupId(options.Group);
        if (options.InheritedHandle is null)
        {
            await RequireRoomAsync(options.SocketPath, ct);
            File.Delete(options.SocketPath); // a killed daemon's
        }

        try
        {
            await _host.StartAsync(Configure, Map, null, ct);
        }
        catch (Exception failure) when (failure is IOException or SocketException)
        {
            throw new FluxException(FluxError.Unavailable, $"The admin socket {options.SocketPath} can't be opened: {failure.InnerException?.Message ?? failure.Message}", failure);
        }

        if (options.InheritedHandle is null)
        {
            Close(options.SocketPath);
        }
    }

    public Task StopAcceptingAsync(CancellationToken ct) => Task.CompletedTask;

    public Task DrainAsync(CancellationToken deadline) => _host.DrainAsync(deadline);

    public async Task AbortAsync()
    {
        if (await _host.AbortAsync() && options.InheritedHandle is null && Libc.IsSocket(options.SocketPath))
        {
            File.Delete(options.SocketPath);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await AbortAsync();
        await _host.DisposeAsync();
    }

    private void Map(WebApplication app)
    {
        app.Use(GuardAsync);
        app.UseRouting();
        var v1 = app.MapGroup("/v1");
        AdminRoutes.Map(v1, services);
        foreach (var part in services.Routes)
        {
            part.Map(v1);
        }

        app.Map("/{**any}", context => AdminErrors.WriteAsync(context, FluxError.NotFound, "The daemon does not know this call; is fluxctl newer than fluxd?", null));
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.Limits.MaxRequestBodySize = BodyBytesMax;
        if (options.InheritedHandle is { } handle)
        {
            kestrel.ListenHandle(handle, Listen);
        }
        else
        {
            kestrel.ListenUnixSocket(options.SocketPath, Listen);
        }
    }

    private void Listen(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.AnswerFirstRequests(TimeProvider.System);
        listen.Use(next => connection => WatchAsync(next, connection));
    }

    private async Task WatchAsync(ConnectionDelegate next, ConnectionContext connection)
    {
        var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
        if (socket is null)
        {
            connection.Abort();
            return;
        }

        connection.Features.Set(PeerCredentials.Of(socket));
        Interlocked.Increment(ref _connections);
        try
        {
            await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    private async Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        var peer = context.Features.GetRequiredFeature<PeerCredentials>();
        try
        {
            if (!(options.MayEnter?.Invoke(peer) ?? peer.MayAdminister(Libc.EffectiveUser, _group)))
            {
                LogRefused(peer.Name, peer.ProcessId);
                services.Accounts.Note(AdminCall.ActorOf(context), "admin.refused", "", "");
                throw FluxException.Denied($"Only root, the daemon's own user and members of the group {options.Group} may administer fluxd.");
            }

            await next(context);
        }
        catch (FluxException refusal)
        {
            await AdminErrors.WriteAsync(context, refusal.Error, refusal.Message, refusal.RetryAfter);
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException wrong)
        {
            await AdminErrors.WriteAsync(context, FluxError.Invalid, wrong.Message, null);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller hung up; what was committed stays.
        }
        catch (Exception bug) when (bug is not OutOfMemoryException)
        {
            LogFailed(bug, context.Request.Method, context.GetEndpoint()?.DisplayName ?? "?");
            await AdminErrors.WriteAsync(context, FluxError.Unavailable, "The daemon failed at this; its log says more.", null);
        }
    }

    /// <summary>Nothing is there but what a killed daemon may have left.</summary>
    /// <exception cref="FluxException">What is wrong with the path, or who has it.</exception>
    public static async Task RequireRoomAsync(string path, CancellationToken ct)
    {
        if (Encoding.UTF8.GetByteCount(path) > s_pathBytesMax)
        {
            throw FluxException.Invalid($"The path of [admin] socket is longer than the {s_pathBytesMax} bytes that the system allows: {path}");
        }

        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
        {
            throw FluxException.NotFound($"The folder of [admin] socket does not exist: {folder}");
        }

        if (!Path.Exists(path))
        {
            return;
        }

        if (!Libc.IsSocket(path))
        {
            throw new FluxException(FluxError.Exists, $"[admin] socket names {path}, which is there and is no socket; move it away or choose another path.");
        }

        if (await AnswersAsync(path, ct))
        {
            throw new FluxException(FluxError.Exists, $"Another process answers at the admin socket {path}; stop it or set another [admin] socket.");
        }
    }

    private static async Task<bool> AnswersAsync(string path, CancellationToken ct)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
            return true;
        }
        catch (SocketException refused) when (refused.SocketErrorCode is SocketError.ConnectionRefused)
        {
            return false;
        }
        catch (SocketException)
        {
            // Not allowed, or its queue is full: somebody is there.
            return true;
        }
    }

    private void Close(string path)
    {
        // Until here the mode came from the umask; nobody gets in anyway without the right credentials.
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        if (_group is { } group && !Libc.TryChangeGroup(path, group))
        {
            LogNoGroup(options.Group);
        }
    }

    [LoggerMessage(3001, LogLevel.Warning, "Refused {Peer} (pid {ProcessId}) at the admin socket")]
    private partial void LogRefused(string peer, int processId);

    [LoggerMessage(3002, LogLevel.Error, "The admin call {Method} {Call} failed")]
    private partial void LogFailed(Exception bug, string method, string call);

    [LoggerMessage(3003, LogLevel.Information, "The admin socket stays with the daemon's own group: it may not be given to the group {Group}")]
    private partial void LogNoGroup(string group);
}

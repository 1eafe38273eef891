using System.Diagnostics.Metrics;
using System.Text.Json;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Core.Feed;
using Fluxd.Transports.Http.Auth;
using Fluxd.Transports.Http.Feed;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Http.OpenApi;
using Fluxd.Transports.Http.Page;
using Fluxd.Transports.Http.Proxies;
using Fluxd.Transports.Http.Uploads;
using Fluxd.Transports.Http.Wire;
using Fluxd.Transports.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Http;

/// <summary>
/// The HTTP API as one middleware: it knows whom a request comes from, dispatches it by its raw target, signs it in,
/// and turns every failure into a problem document. What it does not know goes to the next middleware.
/// Thread-safe; owned by whoever builds the pipeline, and disposed after the server stopped.
/// </summary>
public sealed partial class HttpApi : IDisposable
{
    internal const string ClientTooSlow = "client too slow";
    private const string ClientClosed = "client closed";

    private static readonly Counter<long> Requests = FluxTelemetry.Meter.CreateCounter<long>("fluxd.http.requests", "{request}", "Answered requests, by route and status");
    private static readonly Histogram<double> Duration = FluxTelemetry.Meter.CreateHistogram<double>("fluxd.http.duration", "s", "From a request's head to its answer's end, by route");

    private readonly RouteTable _routes;
    private readonly HttpAuthentication _authentication;
    private readonly PeerResolver _peers;
    private readonly ILogger _log;

    public HttpApi(HttpServices services)
    {
        if (services.Secret.Length < HttpLimits.SecretBytesMin)
        {
            throw FluxException.Invalid($"The HTTP secret has {services.Secret.Length} bytes; it needs at least {HttpLimits.SecretBytesMin}.");
        }

        Services = services;
        _log = services.Loggers.CreateLogger("Fluxd.Http");
        Sessions = new BrowserSessions(services);
        Tokens = new TokenIssuer(services);
        Urls = new SignedUrls(services);
        Push = services.PushAnswers ?? new PushMemory(HttpLimits.PushMemoryMax);
        Events = new EventStreams(services);
        _peers = new PeerResolver(services);
        _authentication = new HttpAuthentication(this);
        _routes = new RouteTable(
        [
            .. AuthRoutes.All, .. FileRoutes.All, .. FolderRoutes.All, .. VersionRoutes.All, .. ArchiveRoutes.All,
            .. UploadRoutes.All, .. DeltaRoutes.All, .. PatchRoutes.All, .. BatchRoutes.All, .. FeedRoutes.All, .. PageRoutes.All, .. OpenApiRoutes.All,
        ]);
    }

    internal RunningProbes Probes { get; } = new();

    /// <summary>A short-lived token with all that <paramref name="who"/> may do; for the other frontends.</summary>
    public string IssueToken(Principal who, TimeSpan lifetime) => Tokens.Issue(who, Scopes.All, who.PathPrefix, lifetime, null).Token;

    /// <summary>Who a short-lived token stands for; null for any that is no good.</summary>
    public Principal? VerifyToken(string token) => Tokens.Verify(token);

    internal HttpServices Services { get; }

    internal BrowserSessions Sessions { get; }

    internal TokenIssuer Tokens { get; }

    internal SignedUrls Urls { get; }

    internal IPushAnswers Push { get; }

    internal EventStreams Events { get; }

    internal SemaphoreSlim ChecksummedParts { get; } = new(HttpLimits.ChecksummedPartsMax);

    internal RouteTable Table => _routes;

    public void Dispose()
    {
        ChecksummedParts.Dispose();
    }

    /// <summary>The middleware. Put it before everything that must not be reached by plain HTTP from afar.</summary>
    public async Task HandleAsync(HttpContext http, RequestDelegate next)
    {
        var (options, rawPath) = (Services.Options(), RawPath(http));
        var line = new RequestLine(http, rawPath);
        try
        {
            await ServeAsync(http, next, options, rawPath, line);
        }
        finally
        {
            line.End(_log, options);
            if (line.Exchange?.Route is { } route)
            {
                var tag = new KeyValuePair<string, object?>("route", route.Pattern);
                Requests.Add(1, tag, new("status", http.Response.StatusCode));
                Duration.Record(line.Duration.TotalSeconds, tag);
            }
        }
    }

    private async Task ServeAsync(HttpContext http, RequestDelegate next, HttpOptions options, string rawPath, RequestLine line)
    {
        var peer = _peers.Resolve(http, options);
        line.Peer = peer.Info;
        SecurityHeaders.Set(http, options, peer);
        if (peer.RefusePlain)
        {
            await PlainHttp.RefuseAsync(http, options, peer);
            return;
        }

        var segments = HttpPaths.Split(rawPath);
        var method = MethodOverride.Read(http.Request, options);
        if (Cors.Handle(http, options, method))
        {
            return;
        }

        if (rawPath.Length > 1 && segments[0] != "v1")
        {
            await GuardAsync(http, null, () => next(http));
            return;
        }

        var route = _routes.Find(method, segments, out var allowed);
        if (route is null)
        {
            await (allowed.Count == 0 && rawPath.StartsWith("/v1/", StringComparison.Ordinal)
                ? GuardAsync(http, null, () => NextOrNotFoundAsync(http, next))
                : allowed.Count == 0 ? GuardAsync(http, null, () => next(http)) : RefuseMethodAsync(http, allowed));
            return;
        }

        var exchange = new Exchange(this, http, route, segments, method) { Peer = peer.Info, IsSecure = peer.IsSecure, IsTrusted = peer.Trusted, ForwardedHost = peer.Host };
        line.Exchange = exchange;
        await GuardAsync(http, exchange, () => RunAsync(exchange, options, http.RequestAborted));
    }

    private static async Task NextOrNotFoundAsync(HttpContext http, RequestDelegate next)
    {
        await next(http);
        if (!http.Response.HasStarted && http.Response.StatusCode == 404)
        {
            throw FluxException.NotFound("There is no such call; /v1/openapi.json lists them all.");
        }
    }

    private Task RefuseMethodAsync(HttpContext http, IReadOnlyList<string> allowed)
    {
        var list = string.Join(", ", allowed.Distinct());
        return GuardAsync(http, null, () => throw new HttpRefusal(405, "method_not_allowed", $"This address knows {list}.")
        {
            Headers = headers => headers.Allow = list,
        });
    }

    private async Task RunAsync(Exchange exchange, HttpOptions options, CancellationToken ct)
    {
        if (!exchange.Route.Has(RouteTraits.Anonymous))
        {
            await _authentication.SignInAsync(exchange, ct);
            exchange.Http.Features.Get<IWaryConnection>()?.Trust();
        }

        await TakeAsync(exchange, options, ct);
        await exchange.Route.Handle(exchange, ct);
    }

    private async Task TakeAsync(Exchange exchange, HttpOptions options, CancellationToken ct)
    {
        foreach (var (limiter, key) in LimitersOf(exchange, options))
        {
            var decision = await Services.Coordinator.TakeAsync(limiter, key, 1, ct);
            if (!decision.Allowed)
            {
                if (exchange.Route.Has(RouteTraits.Transfer))
                {
                    exchange.Begin("request").Note($"limiter: {limiter.Name}, {decision.Limit} in {limiter.Window.TotalSeconds:0} s");
                }

                throw RateLimit.Refuse(limiter, decision);
            }
        }
    }

    /// <summary>
    /// A key names the client, never a proxy. Signed-in traffic counts for the client; calls about accounts, and uploads by
    /// somebody who has no more than a link, count for the user and for the address, each by itself.
    /// </summary>
    private static IEnumerable<(Limiter Limiter, string Key)> LimitersOf(Exchange exchange, HttpOptions options)
    {
        var who = exchange.WhoOrNull;
        var isAccount = exchange.Route.Has(RouteTraits.Account);
        if (isAccount || (who is { Credential: CredentialKind.SignedUrl } && exchange.Method == "PUT"))
        {
            var limiter = isAccount ? options.Account : Limiters.Uploads;
            if (who is not null)
            {
                yield return (limiter, "user " + who.UserName);
            }

            if (!exchange.Peer.IsLoopback)
            {
                yield return (limiter, "address " + exchange.Peer.Network);
            }
        }
        else if (who is not null)
        {
            yield return (options.Requests, $"{who.UserName}@{exchange.Peer.Address}");
        }
    }

    /// <summary>Runs a handler; whatever it throws becomes an answer where one is still possible.</summary>
    private async Task GuardAsync(HttpContext http, Exchange? exchange, Func<Task> work)
    {
        try
        {
            await work();
            exchange?.Transfer?.End(http.Response.StatusCode < 400 ? "done" : "refused");
        }
        catch (Exception error) when (IsGone(http, error))
        {
            exchange?.Transfer?.End(Stopping(http).IsCancellationRequested ? "server closed: it is stopping" : ClientClosed);
            if (!http.Response.HasStarted)
            {
                http.Response.StatusCode = StatusCodes.Status499ClientClosedRequest; // nobody gets it; the log tells it
            }
        }
        catch (Exception error)
        {
            await FailAsync(http, exchange, error);
        }
        finally
        {
            exchange?.Transfer?.Dispose();
        }
    }

    /// <summary>The connection is gone. A read of the body may say so before the token does.</summary>
    private static bool IsGone(HttpContext http, Exception error) =>
        error is ConnectionResetException or ConnectionAbortedException || (error is OperationCanceledException && http.RequestAborted.IsCancellationRequested);

    /// <summary>A body that ends too early or comes too slowly is the client's end, in Kestrel's words a bad request.</summary>
    private static string OutcomeOf(Exception error, Problem problem) => error switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => ClientTooSlow,
        BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } => ClientClosed,
        _ => problem.Code,
    };

    /// <summary>
    /// Cancelled when its host stops: what only waits must not hold that up, and Kestrel cuts what runs longer than the drain
    /// in the same way as clients do.
    /// </summary>
    internal static CancellationToken Stopping(HttpContext http) =>
        http.RequestServices?.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? CancellationToken.None;

    private async Task FailAsync(HttpContext http, Exchange? exchange, Exception error)
    {
        var transfer = exchange is { } x && x.Route.Has(RouteTraits.Transfer) ? x.Begin("request") : exchange?.Transfer;
        var problem = HttpErrors.Describe(error, transfer?.Id);
        var outcome = OutcomeOf(error, problem);
        if (outcome != ClientClosed)
        {
            FluxTelemetry.Refused("http", problem.Code);
        }

        transfer?.End(outcome);
        if (problem.Status == 500)
        {
            LogFailure(_log, error, exchange?.Route.Pattern ?? "", transfer?.Id);
        }

        if (http.Response.HasStarted)
        {
            // The status is gone: cutting the connection is the only honest way to say that the rest is missing.
            http.Abort();
            return;
        }

        await WriteAsync(http, problem, error, exchange?.IsSecure ?? false, exchange?.Peer.IsLoopback ?? false);
    }

    internal static async Task WriteAsync(HttpContext http, Problem problem, Exception error, bool secure, bool loopback)
    {
        var response = http.Response;
        var kept = response.Headers.Where(h => KeepOnError(h.Key)).ToArray();
        response.Clear();
        foreach (var (name, value) in kept)
        {
            response.Headers[name] = value;
        }

        response.StatusCode = problem.Status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        HttpErrors.SetRetry(response, error);
        if (problem.Status == 401)
        {
            HttpErrors.SetChallenge(response, basic: (secure || loopback) && !HttpErrors.IsFromScript(http.Request));
        }

        var bytes = JsonSerializer.SerializeToUtf8Bytes(problem, WireJson.Default.Problem);
        response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(http.Request.Method) && !http.RequestAborted.IsCancellationRequested)
        {
            await response.Body.WriteAsync(bytes, http.RequestAborted);
        }
    }

    private static bool KeepOnError(string name) =>
        name is "Transfer-Id" or "Tus-Resumable" or "Tus-Version" or "Upload-Offset" or "Upload-Complete" or "Vary" || SecurityHeaders.Names.Contains(name)
        || name.StartsWith("Access-Control-", StringComparison.Ordinal);

    private static string RawPath(HttpContext http)
    {
        var raw = http.Features.Get<IHttpRequestFeature>()?.RawTarget;
        if (string.IsNullOrEmpty(raw))
        {
            return http.Request.Path.ToUriComponent();
        }

        if (raw[0] != '/')
        {
            // Absolute form (RFC 9112, 3.2.2): the path begins at the first slash after the authority.
            var scheme = raw.IndexOf("://", StringComparison.Ordinal);
            var slash = scheme < 0 ? -1 : raw.IndexOf('/', scheme + 3);
            raw = slash < 0 ? "/" : raw[slash..];
        }

        var end = raw.AsSpan().IndexOfAny('?', '#');
        return end < 0 ? raw : raw[..end];
    }

    [LoggerMessage(5002, LogLevel.Error, "A request to {Route} failed in a way nobody foresaw (transfer {Transfer})")]
    private static partial void LogFailure(ILogger logger, Exception error, string route, string? transfer);
}

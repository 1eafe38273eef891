using System.Diagnostics;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Http;

/// <summary>Which requests are told in the log.</summary>
public enum LoggedRequests
{
    All,

    /// <summary>Those that were answered with 400 or more.</summary>
    Errors,
    None,
}

/// <summary>
/// What is told of one request when it is over: a line, a span, figures. Never a query, which may hold a signature, and
/// no header; file names only where the administrator asks for them.
/// </summary>
internal sealed partial class RequestLine(HttpContext http, string rawPath)
{
    private const int MethodCharsMax = 16;
    private const string None = "-";
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Activity? _span = FluxTelemetry.Activities.StartActivity("fluxd.http.request", ActivityKind.Server);

    public PeerInfo? Peer { get; set; }

    public Exchange? Exchange { get; set; }

    public TimeSpan Duration { get; private set; }

    public void End(ILogger log, HttpOptions options)
    {
        Duration = Stopwatch.GetElapsedTime(_started);
        var status = http.Response.StatusCode;
        CountSmallDownload(status);
        EndSpan(status);
        var wanted = options.LogRequests == LoggedRequests.All || (options.LogRequests == LoggedRequests.Errors && status >= 400);
        var level = !wanted ? LogLevel.Trace : status >= 500 ? LogLevel.Warning : IsProbe ? LogLevel.Debug : LogLevel.Information;
        if (wanted && log.IsEnabled(level))
        {
            var (bytesIn, bytesOut) = Bytes();
            Write(
                log, level, Method, options.LogNames ? rawPath : Pattern, status, Math.Round(Duration.TotalMilliseconds, 1), bytesIn, bytesOut,
                Exchange?.WhoOrNull?.UserName ?? None, (Peer?.Address ?? http.Connection.RemoteIpAddress)?.ToString() ?? None, Exchange?.Transfer?.Id ?? None);
        }
    }

    /// <summary>As the route's author wrote it: no names, few values.</summary>
    private string Pattern => Exchange?.Route.Pattern ?? (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? None;

    private string Method => (Exchange?.Method ?? http.Request.Method) is var method && method.Length <= MethodCharsMax ? method : method[..MethodCharsMax];

    /// <summary>Monitoring asks every few seconds; its lines would bury the others.</summary>
    private bool IsProbe => Exchange is null && Pattern is "/health" or "/ready" or "/metrics";

    /// <summary>Of the files where a transfer counted them, else of the bodies as announced.</summary>
    private (long In, long Out) Bytes()
    {
        var (request, response) = (http.Request.ContentLength ?? 0, http.Response.ContentLength ?? 0);
        return Exchange?.Transfer is { Moved: > 0 } transfer
            ? transfer.IsSending ? (request, transfer.Moved) : (transfer.Moved, response)
            : (request, HttpMethods.IsHead(http.Request.Method) ? 0 : response);
    }

    /// <summary>Files too small for a timeline of their own are traffic too.</summary>
    private void CountSmallDownload(int status)
    {
        if (status is 200 or 206 && Exchange is { Transfer: null } x && x.Route.Has(RouteTraits.Transfer) && x.Method == "GET")
        {
            Traffic.Out("http").Add(http.Response.ContentLength ?? 0);
        }
    }

    private void EndSpan(int status)
    {
        if (_span is not null)
        {
            _span.SetTag("http.request.method", Method).SetTag("http.route", Pattern).SetTag("http.response.status_code", status);
            _span.SetTag("fluxd.transfer", Exchange?.Transfer?.Id);
            _span.SetStatus(status >= 500 ? ActivityStatusCode.Error : ActivityStatusCode.Unset);
            _span.Dispose();
        }
    }

    [LoggerMessage(EventId = 5001, Message = "{Method} {Path} {Status} in {DurationMs} ms, {BytesIn} bytes in, {BytesOut} out, by {User} from {Remote}, transfer {TransferId}")]
    private static partial void Write(
        ILogger logger, LogLevel level, string method, string path, int status, double durationMs, long bytesIn, long bytesOut, string user, string remote, string transferId);
}

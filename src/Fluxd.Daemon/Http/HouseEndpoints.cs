using System.Net;
using System.Text.Json;
using Fluxd.Core.Accounts;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Telemetry;
using Fluxd.Transports.Http.Proxies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.Http;

/// <summary>What the house itself answers over HTTP: /health, /ready and /metrics; who one is (/v1/whoami) is the API's to say.</summary>
internal sealed class HouseEndpoints(HealthRegistry health, Func<CancellationToken, Task<string>> metrics, LiveConfig config)
{
    public void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/health", (RequestDelegate)HealthAsync);
        app.MapGet("/ready", (RequestDelegate)ReadyAsync);
        app.MapGet("/metrics", (RequestDelegate)MetricsAsync);
    }

    /// <summary>The process answers; no more is promised, so that a full disk doesn't make a supervisor restart us.</summary>
    private static Task HealthAsync(HttpContext context) => WriteAsync(context, 200, json => json.WriteString("status", "ok"));

    private Task ReadyAsync(HttpContext context)
    {
        var parts = health.Check();
        var isReady = !parts.Any(part => part is { Problem: not null, BlocksReadiness: true });
        return WriteAsync(context, isReady ? 200 : 503, json =>
        {
            json.WriteString("status", !isReady ? "not ready" : parts.Any(part => part.Problem is not null) ? "degraded" : "ready");
            json.WriteStartObject("parts");
            foreach (var part in parts)
            {
                json.WriteString(part.Part, part.Problem ?? "ok");
            }

            json.WriteEndObject();
        });
    }

    private async Task MetricsAsync(HttpContext context)
    {
        var allowed = config.Current.Telemetry.Metrics switch
        {
            "any" => true,
            "loopback" => PeerOf(context).IsLoopback,
            _ => false,
        };
        if (!allowed)
        {
            await ProblemAsync(context, 404, "not-found", "There is nothing here; /metrics answers only where telemetry.metrics allows it.");
            return;
        }

        context.Response.ContentType = PrometheusMetrics.ContentType;
        await context.Response.WriteAsync(await metrics(context.RequestAborted), context.RequestAborted);
    }

    /// <summary>A request with forwarding headers came through a proxy and is never local, whoever sent them.</summary>
    private static PeerInfo PeerOf(HttpContext context)
    {
        var headers = context.Request.Headers;
        var isForwarded = context.Features.Get<IProxiedConnectionFeature>() is not null || headers.ContainsKey("Forwarded") || headers.Keys.Any(name => name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase));
        var address = context.Connection.RemoteIpAddress ?? IPAddress.None;
        return new PeerInfo(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, "http", isForwarded);
    }

    private static Task ProblemAsync(HttpContext context, int status, string code, string detail) =>
        WriteAsync(context, status, json =>
        {
            json.WriteString("type", "about:blank");
            json.WriteNumber("status", status);
            json.WriteString("code", code);
            json.WriteString("detail", detail);
        }, "application/problem+json");

    private static async Task WriteAsync(HttpContext context, int status, Action<Utf8JsonWriter> body, string type = "application/json")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        body(json);
        json.WriteEndObject();
        await json.FlushAsync(context.RequestAborted);
    }
}

using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Fluxd.Core.Accounts;
using Fluxd.Daemon.Config;
using Fluxd.Daemon.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.Http;

/// <summary>What the house itself answers over HTTP: /health, /ready, /metrics and who one is.</summary>
internal sealed class HouseEndpoints(HealthRegistry health, PrometheusMetrics metrics, LiveConfig config, IAuthenticator authenticator)
{
    public void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/health", (RequestDelegate)HealthAsync);
        app.MapGet("/ready", (RequestDelegate)ReadyAsync);
        app.MapGet("/metrics", (RequestDelegate)MetricsAsync);
        app.MapGet("/v1/whoami", (RequestDelegate)WhoAmIAsync);
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

    private Task MetricsAsync(HttpContext context)
    {
        var allowed = config.Current.Telemetry.Metrics switch
        {
            "any" => true,
            "loopback" => PeerOf(context).IsLoopback,
            _ => false,
        };
        if (!allowed)
        {
            return ProblemAsync(context, 404, "not-found", "There is nothing here; /metrics answers only where telemetry.metrics allows it.");
        }

        context.Response.ContentType = PrometheusMetrics.ContentType;
        return context.Response.WriteAsync(metrics.Write(), context.RequestAborted);
    }

    private async Task WhoAmIAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (CredentialOf(context.Request.Headers.Authorization.ToString()) is not { } credential)
        {
            await RefuseAsync(context);
            return;
        }

        var result = await authenticator.AuthenticateAsync(credential, PeerOf(context), AuthMethods.None, context.RequestAborted);
        if (result.Outcome == AuthOutcome.RateLimited)
        {
            var seconds = Math.Ceiling((result.RetryAfter ?? TimeSpan.FromSeconds(1)).TotalSeconds).ToString(CultureInfo.InvariantCulture);
            context.Response.Headers.RetryAfter = seconds;
            await ProblemAsync(context, 429, "rate-limited", $"Too many failed logins; try again in {seconds} seconds.");
        }
        else if (result is { Outcome: AuthOutcome.Success, Principal: { } principal })
        {
            await WriteAsync(context, 200, json =>
            {
                json.WriteString("user", principal.UserName);
                json.WriteString("credential", JsonNamingPolicy.KebabCaseLower.ConvertName(principal.Credential.ToString()));
                json.WriteString("scopes", principal.Scopes.ToString().ToLowerInvariant());
                json.WriteBoolean("admin", principal.IsAdmin);
                json.WriteBoolean("mustChangePassword", principal.MustChangePassword);
            });
        }
        else
        {
            await RefuseAsync(context);
        }
    }

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = new(["Basic realm=\"fluxd\", charset=\"UTF-8\"", "Bearer"]);
        return ProblemAsync(context, 401, "unauthenticated", "Log in with user and password, or with an API key as bearer token.");
    }

    /// <summary>RFC 7617 and RFC 6750; null for anything else.</summary>
    private static Credential? CredentialOf(string header)
    {
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return new TokenCredential(header[7..].Trim());
        }

        var pair = new byte[header.Length];
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) || !Convert.TryFromBase64String(header[6..].Trim(), pair, out var length))
        {
            return null;
        }

        var colon = pair.AsSpan(0, length).IndexOf((byte)':');
        if (colon <= 0)
        {
            return null;
        }

        var (name, password) = (Encoding.UTF8.GetString(pair, 0, colon), pair.AsMemory(colon + 1, length - colon - 1));
        return password.Span.StartsWith("flx_"u8)
            ? new TokenCredential(Encoding.UTF8.GetString(password.Span), name)
            : new PasswordCredential(name, password);
    }

    /// <summary>A request with forwarding headers came through a proxy and is never local, whoever sent them.</summary>
    private static PeerInfo PeerOf(HttpContext context)
    {
        var headers = context.Request.Headers;
        var isForwarded = headers.ContainsKey("Forwarded") || headers.Keys.Any(name => name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase));
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

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>One call on the admin socket: who calls, what they sent, and how to answer.</summary>
internal static class AdminCall
{
    public static Actor ActorOf(HttpContext context)
    {
        var peer = context.Features.GetRequiredFeature<PeerCredentials>();
        return new Actor("admin:" + peer.Name, string.Create(CultureInfo.InvariantCulture, $"pid {peer.ProcessId}"), "admin");
    }

    /// <summary>
    /// One part of the path, decoded once, from the line as it came: what the server hands on is decoded but for %2F, and
    /// decoding that again would make another name of one with a "%" in it.
    /// </summary>
    public static string Route(HttpContext context, string name)
    {
        var pattern = ((RouteEndpoint)context.GetEndpoint()!).RoutePattern.PathSegments;
        var at = pattern.TakeWhile(segment => segment.Parts is not [RoutePatternParameterPart part] || part.Name != name).Count();
        var parts = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0].TrimEnd('/').Split('/');
        return parts.Length == pattern.Count + 1
            ? Uri.UnescapeDataString(parts[at + 1])
            : throw FluxException.Invalid("Expected a plain path, without \".\", \"..\" and empty parts.");
    }

    public static string? Query(HttpContext context, string name) => context.Request.Query[name] is [{ Length: > 0 } value] ? value : null;

    public static long? QueryNumber(HttpContext context, string name) =>
        Query(context, name) is not { } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw FluxException.Invalid($"\"{name}\" must be a number.");

    /// <exception cref="FluxException">Invalid: no such record.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted)
                ?? throw FluxException.Invalid("Expected a JSON object.");
        }
        catch (JsonException wrong)
        {
            throw new FluxException(FluxError.Invalid, "The request is not the JSON that this call expects: " + FirstLine(wrong.Message), wrong);
        }
    }

    public static Task AnswerAsync<T>(HttpContext context, T record, JsonTypeInfo<T> type) =>
        context.Response.WriteAsJsonAsync(record, type, "application/json", context.RequestAborted);

    public static void MapCall(this IEndpointRouteBuilder routes, string method, string pattern, RequestDelegate call) =>
        Microsoft.AspNetCore.Builder.EndpointRouteBuilderExtensions.MapMethods(routes, pattern, [method], call);

    private static string FirstLine(string message) => message.Split('\n', 2)[0];
}

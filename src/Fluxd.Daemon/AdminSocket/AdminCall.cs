using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>One call on the admin socket: who calls, what they sent, and how to answer.</summary>
internal static class AdminCall
{
    public static Actor ActorOf(HttpContext context)
    {
        var peer = context.Features.GetRequiredFeature<PeerCredentials>();
        return new Actor("admin:" + peer.Name, string.Create(CultureInfo.InvariantCulture, $"pid {peer.ProcessId}"), "admin");
    }

    public static string Route(HttpContext context, string name) => Uri.UnescapeDataString((string)context.GetRouteValue(name)!);

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

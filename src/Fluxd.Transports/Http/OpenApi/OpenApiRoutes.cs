namespace Fluxd.Transports.Http.OpenApi;

internal static class OpenApiRoutes
{
    public static readonly Route[] All =
    [
        new("GET", "/v1/openapi.json", "This document.", ShowAsync) { Traits = RouteTraits.Anonymous },
        new("GET", "/v1/probe", "What the server sees of this request, for the doctor.", Proxies.Probe.HandleAsync) { Answer = typeof(Wire.ProbeAnswer) },
        new("POST", "/v1/probe", "What the server sees of this request, its body counted and dropped.", Proxies.Probe.HandleAsync) { Answer = typeof(Wire.ProbeAnswer) },
    ];

    private static async Task ShowAsync(Exchange x, CancellationToken ct)
    {
        x.Response.ContentType = "application/json";
        x.Response.Headers.CacheControl = "no-cache";
        await x.Response.Body.WriteAsync(OpenApiDocument.Write(x.Api.Table.All, x.Services.Options().PublicUrl), ct);
    }
}

using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http.Proxies;

/// <summary>Some proxies pass only GET and POST: POST with X-HTTP-Method-Override stands for the method it names.</summary>
internal static class MethodOverride
{
    public static string Read(HttpRequest request, HttpOptions options)
    {
        if (!options.MethodOverride || request.Method != "POST" || !request.Headers.TryGetValue("X-HTTP-Method-Override", out var wanted))
        {
            return request.Method;
        }

        return wanted.ToString().ToUpperInvariant() switch
        {
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            "HEAD" => "HEAD",
            "PUT" => "PUT",
            _ => request.Method,
        };
    }
}

using System.Collections.Frozen;
using Fluxd.Transports.Http.Proxies;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http;

/// <summary>What every answer carries: nothing is guessed, framed, leaked by a referrer or given a device.</summary>
internal static class SecurityHeaders
{
    /// <summary>A stored file is data, whatever it claims: no script of it may run with our origin's rights.</summary>
    public const string FilePolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'";

    public static readonly FrozenSet<string> Names = FrozenSet.ToFrozenSet(
    [
        "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection", "Referrer-Policy", "Permissions-Policy",
        "Content-Security-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Strict-Transport-Security",
    ]);

    public static void Set(HttpContext http, HttpOptions options, in Caller caller)
    {
        var headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.XXSSProtection = "0";
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin";
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";
        headers.ContentSecurityPolicy = FilePolicy;
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = options.CorsOrigins.Count == 0 ? "same-origin" : "cross-origin";
        if (options.Hsts && caller.IsSecure)
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }
    }
}

using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http;

/// <summary>Same origin unless configured; other origins never get cookies honoured, only tokens.</summary>
internal static class Cors
{
    private const string Methods = "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS";

    private const string RequestHeaders =
        "Authorization, Content-Type, Content-Digest, Repr-Digest, Want-Repr-Digest, Want-Content-Digest, If-Match, If-None-Match, If-Range, Range, "
        + "Last-Event-ID, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Checksum, "
        + "Upload-Complete, Upload-Draft-Interop-Version, X-HTTP-Method-Override, X-CSRF-Token, X-Requested-With";

    private const string ExposedHeaders =
        "Location, ETag, Content-Range, Accept-Ranges, Content-Disposition, Repr-Digest, Content-Digest, Transfer-Id, Retry-After, RateLimit, RateLimit-Policy, "
        + "Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires, "
        + "Upload-Concat, Upload-Defer-Length, Upload-Complete, Upload-Limit";

    /// <returns>True when the request was a preflight and is answered.</returns>
    public static bool Handle(HttpContext http, HttpOptions options, string method)
    {
        var origin = http.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || options.CorsOrigins.Count == 0)
        {
            return false;
        }

        var headers = http.Response.Headers;
        headers.Append("Vary", "Origin");
        if (!options.CorsOrigins.Contains(origin) && !options.CorsOrigins.Contains("*"))
        {
            return false;
        }

        headers.AccessControlAllowOrigin = origin;
        headers.AccessControlExposeHeaders = ExposedHeaders;
        if (method != "OPTIONS" || http.Request.Headers.AccessControlRequestMethod.Count == 0)
        {
            return false;
        }

        headers.AccessControlAllowMethods = Methods;
        headers.AccessControlAllowHeaders = RequestHeaders;
        headers.AccessControlMaxAge = "600";
        http.Response.StatusCode = 204;
        return true;
    }

    /// <summary>Did a browser send this from another site? (Fetch metadata; absent in other clients.)</summary>
    public static bool IsCrossSite(HttpRequest request) =>
        request.Headers.TryGetValue("Sec-Fetch-Site", out var site) && site.ToString() is not ("same-origin" or "none");
}

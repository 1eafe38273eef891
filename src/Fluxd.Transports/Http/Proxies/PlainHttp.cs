using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http.Proxies;

/// <summary>Plain HTTP from beyond this machine: sent on to HTTPS where there is one, else refused with the way out.</summary>
internal static class PlainHttp
{
    public static async Task RefuseAsync(HttpContext http, HttpOptions options, Caller caller)
    {
        var method = http.Request.Method;
        if (options.TlsPort is { } port && HttpMethods.IsGet(method) | HttpMethods.IsHead(method) && http.Request.Host.HasValue && !caller.Info.IsForwarded)
        {
            var authority = port == 443 ? http.Request.Host.Host : $"{http.Request.Host.Host}:{port}";
            var raw = http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()?.RawTarget ?? "/";
            http.Response.Headers.Location = $"https://{authority}{(raw.StartsWith('/') ? raw : "/")}";
            http.Response.StatusCode = StatusCodes.Status308PermanentRedirect;
            http.Response.ContentLength = 0;
            return;
        }

        var words = caller.Info.IsForwarded
            ? $"This came through the proxy {caller.Info.Address}, which is not trusted; add it to [http] trusted_proxies."
            : "Plain HTTP is served on this machine only; use https://, put a reverse proxy in front, or set [http] allow_plain = true.";
        var error = new HttpRefusal(426, "https_required", words)
        {
            Headers = headers =>
            {
                headers.Upgrade = "TLS/1.2, HTTP/1.1";
                headers.Connection = "Upgrade";
            },
        };
        await HttpApi.WriteAsync(http, HttpErrors.Describe(error, null), error, secure: false, loopback: false);
    }
}

using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fluxd.Transports.Http;

/// <summary>How Kestrel must be set up for this API: bounded by idleness and minimum rates, never by whole-request time.</summary>
public static class HttpKestrel
{
    public static void Configure(KestrelServerOptions options)
    {
        options.AddServerHeader = false;
        var limits = options.Limits;
        limits.MaxRequestBodySize = null;
        limits.MaxRequestHeadersTotalSize = HttpLimits.RequestHeadersBytesMax;
        limits.MaxRequestHeaderCount = HttpLimits.RequestHeadersMax;
        limits.MaxRequestLineSize = HttpLimits.RequestLineBytesMax;
        limits.KeepAliveTimeout = HttpLimits.KeepAlive;
        limits.RequestHeadersTimeout = HttpLimits.RequestHeadersTimeout;
        limits.MinRequestBodyDataRate = new MinDataRate(HttpLimits.MinimumRateBytesPerSecond, HttpLimits.MinimumRateGrace);
        limits.MinResponseDataRate = new MinDataRate(HttpLimits.MinimumRateBytesPerSecond, HttpLimits.MinimumRateGrace);
        limits.MaxResponseBufferSize = HttpLimits.ResponseBufferBytes;
        limits.MaxRequestBufferSize = HttpLimits.ResponseBufferBytes;
        limits.Http2.MaxStreamsPerConnection = HttpLimits.StreamsPerConnectionMax;
        limits.Http2.InitialStreamWindowSize = HttpLimits.Http2WindowBytes;
        limits.Http2.InitialConnectionWindowSize = HttpLimits.Http2WindowBytes;
    }

    public static IApplicationBuilder UseFluxdHttp(this IApplicationBuilder app, HttpApi api) => app.Use(next => http => api.HandleAsync(http, next));
}

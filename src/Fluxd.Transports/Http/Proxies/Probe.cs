using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Proxies;

/// <summary>Tells a client what arrived here, so that the doctor can see what a proxy does on the way.</summary>
internal static class Probe
{
    /// <summary>Largest body that a probe may send: the usual caps of proxies are far below.</summary>
    private const long BodyBytesMax = 256L << 20;

    public static async Task HandleAsync(Exchange x, CancellationToken ct)
    {
        var body = new BoundedStream(x.Request.Body, BodyBytesMax);
        var buffer = new byte[64 << 10];
        long bytes = 0;
        for (int count; (count = await body.ReadAsync(buffer, ct)) > 0;)
        {
            bytes += count;
        }

        var direct = ForwardedHeaders.AreThere(x.Request.Headers);
        var answer = new ProbeAnswer(
            x.Method, bytes, x.Peer.Address.ToString(), direct, x.Peer.IsForwarded && x.IsTrusted, x.IsSecure, x.ForwardedHost ?? x.Request.Host.Value ?? "",
            x.Request.Protocol, x.Request.Headers.Sum(h => h.Key.Length + h.Value.ToString().Length + 4), x.Peer.IsLoopback);
        await x.JsonAsync(200, answer, WireJson.Default.ProbeAnswer, ct);
    }
}

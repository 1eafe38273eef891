using System.Collections.Concurrent;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Proxies;

/// <summary>
/// Tells a client what arrived here, so that the doctor can see what a proxy does on the way. Two requests of one user
/// that carry the same id know of each other: one asks what has come of the other's body, or lets its answer end.
/// </summary>
internal static class Probe
{
    /// <summary>Largest body that a probe may send: the usual caps of proxies are far below.</summary>
    private const long BodyBytesMax = 256L << 20;

    /// <summary>A held answer ends by itself: whoever asked for it has gone, or the proxy shows nothing of it.</summary>
    private static readonly TimeSpan s_held = TimeSpan.FromSeconds(30);

    public static Task HandleAsync(Exchange x, CancellationToken ct)
    {
        // Another answer each time, so that one out of a cache is known for what it is.
        var nonce = Convert.ToHexString(RandomNumberGenerator.GetBytes(8));
        x.Response.Headers.CacheControl = "no-store";
        x.Response.Headers[ProbeHeader.Nonce] = nonce;
        return x.Request.Query["drip"].ToString() is { Length: > 0 } drip ? DripAsync(x, drip, ct) : AnswerAsync(x, nonce, ct);
    }

    private static async Task AnswerAsync(Exchange x, string nonce, CancellationToken ct)
    {
        using var watched = x.Request.Query["watch"].ToString() is { Length: > 0 } watch ? x.Api.Probes.Begin(KeyOf(x, watch)) : null;
        var body = new BoundedStream(x.Request.Body, BodyBytesMax);
        var buffer = new byte[64 << 10];
        long bytes = 0;
        for (int count; (count = await body.ReadAsync(buffer, ct)) > 0;)
        {
            bytes += count;
            watched?.Count(bytes);
        }

        if (x.Request.Query["release"].ToString() is { Length: > 0 } release)
        {
            x.Api.Probes.Find(KeyOf(x, release))?.Release();
        }

        if (x.Request.Query["seen"].ToString() is { Length: > 0 } seen)
        {
            bytes = x.Api.Probes.Find(KeyOf(x, seen))?.Bytes ?? 0;
        }

        var direct = ForwardedHeaders.AreThere(x.Request.Headers);
        var answer = new ProbeAnswer(
            x.Method, bytes, x.Peer.Address.ToString(), direct, x.Peer.IsForwarded && x.IsTrusted, x.IsSecure, x.ForwardedHost ?? x.Request.Host.Value ?? "",
            x.Request.Protocol, x.Request.Headers.Sum(h => h.Key.Length + h.Value.ToString().Length + 4), x.Peer.IsLoopback, nonce);
        await x.JsonAsync(200, answer, WireJson.Default.ProbeAnswer, ct);
    }

    /// <summary>Shows its beginning at once and its end only when another request releases it.</summary>
    private static async Task DripAsync(Exchange x, string id, CancellationToken ct)
    {
        using var held = x.Api.Probes.Begin(KeyOf(x, id)) ?? throw new FluxException(FluxError.Busy, "Too many probes run at once; try again later.");
        x.Response.ContentType = "application/octet-stream";
        await x.Response.Body.WriteAsync("begin\n"u8.ToArray(), ct);
        await x.Response.Body.FlushAsync(ct);
        try
        {
            await held.Released.WaitAsync(s_held, ct);
        }
        catch (TimeoutException)
        {
            // Ends all the same.
        }

        await x.Response.Body.WriteAsync("end\n"u8.ToArray(), ct);
    }

    private static string KeyOf(Exchange x, string id) => $"{x.Who.UserId} {id}";
}

internal static class ProbeHeader
{
    public const string Nonce = "X-Probe-Nonce";
}

/// <summary>Probes that run now. Bounded: they are for people who look at their proxy, a handful at once.</summary>
internal sealed class RunningProbes
{
    private const int ProbesMax = 64;

    private readonly ConcurrentDictionary<string, RunningProbe> _running = new(StringComparer.Ordinal);

    /// <summary>Null when there are too many, or one of this id.</summary>
    public RunningProbe? Begin(string key)
    {
        var probe = new RunningProbe(() => _running.TryRemove(key, out _));
        return _running.Count < ProbesMax && _running.TryAdd(key, probe) ? probe : null;
    }

    public RunningProbe? Find(string key) => _running.GetValueOrDefault(key);
}

internal sealed class RunningProbe(Action ended) : IDisposable
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public Task Released => _released.Task;

    public void Count(long bytes) => Interlocked.Exchange(ref _bytes, bytes);

    public void Release() => _released.TrySetResult();

    public void Dispose() => ended();
}

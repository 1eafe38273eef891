using System.Text;
using System.Text.Json;
using Fluxd.Core;
using Fluxd.Core.Feed;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Feed;

/// <summary>Server-sent events over the change feed. A stream resumes by Last-Event-ID on any node: no state is kept for it.</summary>
internal sealed class EventStreams(HttpServices services)
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> _devices = new();
    private int _open;

    public int Open => Volatile.Read(ref _open);

    /// <summary>Distinct credentials that listen.</summary>
    public int Devices => _devices.Count;

    public async Task RunAsync(Exchange x, long cursor, CancellationToken ct)
    {
        if (Interlocked.Increment(ref _open) > services.Options().EventStreams)
        {
            Interlocked.Decrement(ref _open);
            throw new FluxException(FluxError.Busy, "Too many event streams are open; poll /v1/pull instead, or try again.") { RetryAfter = TimeSpan.FromSeconds(30) };
        }

        var device = $"{x.Who.UserId}/{x.Who.CredentialId}/{x.Peer.Address}";
        _devices.AddOrUpdate(device, 1, (_, n) => n + 1);
        var stopping = HttpApi.Stopping(x.Http);
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct, stopping);
            await StreamAsync(x, cursor, stop.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The daemon stops: the client comes back with its Last-Event-ID.
        }
        finally
        {
            Interlocked.Decrement(ref _open);
            Leave(device);
        }
    }

    private void Leave(string device)
    {
        if (_devices.AddOrUpdate(device, 0, (_, n) => n - 1) <= 0)
        {
            _devices.TryRemove(new KeyValuePair<string, int>(device, 0));
        }
    }

    private async Task StreamAsync(Exchange x, long cursor, CancellationToken ct)
    {
        x.Response.ContentType = "text/event-stream";
        x.Response.Headers.CacheControl = "no-store";
        x.Response.Headers["X-Accel-Buffering"] = "no";
        await WriteAsync(x, "retry: 3000\n\n", ct);
        while (services.Authenticator.IsStillValid(x.Who))
        {
            var page = await services.Feed.ReadAsync(x.Who, cursor, Limits.FeedPageMax, ct);
            if (page.Changes.Count > 0)
            {
                await WriteAsync(x, Format(page.Changes), ct);
            }

            cursor = page.Next;
            if (!page.HasMore && !await WaitAsync(cursor, HttpLimits.Heartbeat, ct))
            {
                // A comment keeps proxies and the client's watchdog awake; the id keeps the cursor fresh.
                await WriteAsync(x, ": still here\n\n", ct);
            }
        }
    }

    /// <summary>False when nothing came in time.</summary>
    public async Task<bool> WaitAsync(long cursor, TimeSpan time, CancellationToken ct)
    {
        using var timer = new CancellationTokenSource(time, services.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timer.Token);
        try
        {
            await services.Feed.WaitAsync(cursor, either.Token);
            return true;
        }
        catch (OperationCanceledException) when (timer.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            return false;
        }
    }

    private static string Format(IReadOnlyList<Change> changes)
    {
        var text = new StringBuilder();
        foreach (var change in changes)
        {
            text.Append("id: ").Append(change.Sequence).Append("\nevent: change\ndata: ")
                .Append(JsonSerializer.Serialize(FeedRoutes.Entry(change), WireJson.Default.ChangeEntry)).Append("\n\n");
        }

        return text.ToString();
    }

    private static async Task WriteAsync(Exchange x, string text, CancellationToken ct)
    {
        await x.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), ct);
        await x.Response.Body.FlushAsync(ct);
    }
}

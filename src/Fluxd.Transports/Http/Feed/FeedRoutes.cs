using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Feed;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Feed;

internal static class FeedRoutes
{
    public static readonly Route[] All =
    [
        new("GET", "/v1/pull", "Changes after a cursor.", PullAsync)
        {
            Answer = typeof(PullAnswer),
            Query = ["cursor: the newest one seen (0)", "limit: changes of a page (1000)", "wait: seconds to wait for a change, at most 50 (0)"],
        },
        new("POST", "/v1/push", "Up to 500 operations; the same id again is a duplicate, not a second change.", PushAsync)
        {
            Traits = RouteTraits.Transfer, Body = typeof(PushRequest), Answer = typeof(PushAnswer),
        },
        new("GET", "/v1/events", "Changes as server-sent events; resumes by Last-Event-ID.", EventsAsync)
        {
            Query = ["cursor: where to begin (now)"], Headers = ["Last-Event-ID"],
        },
        new("GET", "/v1/stats", "Cursor, operations and listeners.", StatsAsync) { Answer = typeof(StatsAnswer) },
    ];

    private static async Task PullAsync(Exchange x, CancellationToken ct)
    {
        x.Who.Require(Scopes.Read);
        var cursor = x.QueryLong("cursor") ?? 0;
        var limit = x.QueryCount("limit", Limits.FeedPageMax, Limits.FeedPageMax);
        var page = await x.Services.Feed.ReadAsync(x.Who, cursor, limit, ct);
        if (page.Changes.Count == 0 && !page.HasMore && x.QueryLong("wait") is > 0 and { } seconds)
        {
            page = await LongPollAsync(x, page.Next, limit, TimeSpan.FromSeconds(Math.Min(seconds, HttpLimits.LongPollMax.TotalSeconds)), ct);
        }

        await x.JsonAsync(200, new PullAnswer([.. page.Changes.Select(Entry)], page.Next, page.HasMore), WireJson.Default.PullAnswer, ct);
    }

    /// <summary>Others' changes wake it too; it goes on waiting until there is one that this principal may see.</summary>
    private static async Task<ChangePage> LongPollAsync(Exchange x, long cursor, int limit, TimeSpan time, CancellationToken ct)
    {
        var deadline = x.Services.Clock.GetUtcNow() + time;
        var stopping = HttpApi.Stopping(x.Http);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct, stopping);
        while (true)
        {
            var left = deadline - x.Services.Clock.GetUtcNow();
            try
            {
                if (left <= TimeSpan.Zero || !await x.Api.Events.WaitAsync(cursor, left, stop.Token))
                {
                    return new ChangePage([], cursor, false);
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested && !ct.IsCancellationRequested)
            {
                // The client asks the next daemon.
                return new ChangePage([], cursor, false);
            }

            var page = await x.Services.Feed.ReadAsync(x.Who, cursor, limit, ct);
            if (page.Changes.Count > 0)
            {
                return page;
            }

            cursor = page.Next;
        }
    }

    private static async Task PushAsync(Exchange x, CancellationToken ct)
    {
        x.Who.Require(Scopes.Write);
        var body = await x.ReadJsonAsync(WireJson.Default.PushRequest, ct);
        if (body.Operations.Count > HttpLimits.PushMax)
        {
            throw new FluxException(FluxError.TooLarge, $"At most {HttpLimits.PushMax} operations fit in one push.");
        }

        x.Begin("push");
        var runner = new PushRunner(x);
        var results = new List<PushResult>(body.Operations.Count);
        try
        {
            foreach (var operation in body.Operations)
            {
                results.Add(await runner.RunAsync(operation, ct));
            }
        }
        finally
        {
            await runner.KeepAsync();
        }

        await x.JsonAsync(200, new PushAnswer(results, x.Services.Feed.Head), WireJson.Default.PushAnswer, ct);
    }

    private static Task EventsAsync(Exchange x, CancellationToken ct)
    {
        x.Who.Require(Scopes.Read);
        var last = x.Header("Last-Event-ID");
        var cursor = last is null ? x.QueryLong("cursor") ?? x.Services.Feed.Head
            : long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id
            : throw FluxException.Invalid("Last-Event-ID must be a cursor of this server.");
        return x.Api.Events.RunAsync(x, cursor, ct);
    }

    private static Task StatsAsync(Exchange x, CancellationToken ct)
    {
        var head = x.Services.Feed.Head;
        var answer = new StatsAnswer(head, head, new SseStats(x.Api.Events.Open, x.Api.Events.Devices));
        return x.JsonAsync(200, answer, WireJson.Default.StatsAnswer, ct);
    }

    public static ChangeEntry Entry(Change change) => new()
    {
        Cursor = change.Sequence,
        Op = change.Kind switch
        {
            ChangeKind.Put => "put",
            ChangeKind.MakeFolder => "mkdir",
            ChangeKind.Move => "move",
            ChangeKind.Remove => "remove",
            ChangeKind.SetAttributes => "setattr",
            _ => "symlink",
        },
        Path = change.Path.ToString(),
        Href = HttpPaths.FilesUrl(change.Path),
        From = change.From?.ToString(),
        Kind = NodeEntry.KindText(change.NodeKind),
        Version = change.Version,
        Size = change.Size,
        Etag = change.ContentTag.IsEmpty ? null : ETag.Of(change.ContentTag.Span),
        ModifiedAt = change.ModifiedAt.ToDateTimeOffset(),
        At = change.At.ToDateTimeOffset(),
        Author = change.Author,
    };
}

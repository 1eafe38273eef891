using System.Collections.Concurrent;
using Fluxd.Core;
using Fluxd.LoadTests.House;
using Fluxd.Transports.Quic.Client;
using Microsoft.AspNetCore.Connections;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>Open event streams, each on a connection of its own, some by HTTP and some by fluxd/1, and who has heard of what.</summary>
internal sealed class Listeners : IAsyncDisposable
{
    private const int OpenedAtOnce = 16;

    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentDictionary<string, Expected> _expected = new();
    private readonly List<Task> _loops = [];
    private int _http;
    private int _quic;
    private int _cut;

    /// <summary>Whose stream ended though nobody had asked for its end.</summary>
    public int Cut => Volatile.Read(ref _cut);

    public static async Task<Listeners> OpenAsync(Site site, int http, int quic, CancellationToken ct)
    {
        var listeners = new Listeners { _http = http, _quic = quic };
        var few = new ParallelOptions { MaxDegreeOfParallelism = OpenedAtOnce, CancellationToken = ct };
        try
        {
            await Parallel.ForAsync(0, http, few, async (_, stop) =>
            {
                // The answer belongs to the stream, which its loop disposes.
                var answer = await site.Http.SendAsync(site.Request(HttpMethod.Get, "v1/events", 0), HttpCompletionOption.ResponseHeadersRead, stop);
                answer.EnsureSuccessStatusCode();
                var stream = await answer.Content.ReadAsStreamAsync(stop);
                listeners.Add(() => listeners.ListenAsync(stream));
            });
            await Parallel.ForAsync(0, quic, few, async (_, stop) =>
            {
                var client = await site.NewFluxdAsync(0);
                var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                listeners.Add(() => listeners.ListenAsync(client, begun));
                await begun.Task.WaitAsync(stop);
            });
            return listeners;
        }
        catch
        {
            await listeners.DisposeAsync();
            throw;
        }
    }

    /// <summary>Call it before the change.</summary>
    /// <returns>Tasks that end when every listener by HTTP, and by fluxd/1, has heard of a change of this path.</returns>
    public (Task Http, Task Quic) Expect(string path)
    {
        var expected = _expected[path] = new Expected(_http, _quic);
        return (expected.Http.All, expected.Quic.All);
    }

    public void Forget(string path) => _expected.TryRemove(path, out _);

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await Task.WhenAll(_loops);
        _ended.Dispose();
    }

    private void Add(Func<Task> listen)
    {
        lock (_loops)
        {
            _loops.Add(listen());
        }
    }

    private async Task ListenAsync(Stream stream)
    {
        using var reader = new StreamReader(stream);
        await UntilEndAsync(async () =>
        {
            var heard = "";
            while (await reader.ReadLineAsync(_ended.Token) is { } line)
            {
                heard = Hear(heard, path => line.Contains($"\"{path}\"", StringComparison.Ordinal), expected => expected.Http);
            }
        });
    }

    private async Task ListenAsync(FluxdClient client, TaskCompletionSource begun)
    {
        await using var connection = client;
        await UntilEndAsync(async () =>
        {
            var heard = "";

            // A page comes at once, empty: what happens from now on is told.
            await foreach (var page in client.EventsAsync(-1, _ended.Token))
            {
                begun.TrySetResult();
                foreach (var change in page.Changes)
                {
                    heard = Hear(heard, path => change.Path.ToString() == path, expected => expected.Quic);
                }
            }
        });
        begun.TrySetException(new IOException("the event stream ended at its beginning"));
    }

    private async Task UntilEndAsync(Func<Task> listen)
    {
        try
        {
            await listen();
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException or FluxException)
        {
            // Asked for, or counted below.
        }

        if (!_ended.IsCancellationRequested)
        {
            Interlocked.Increment(ref _cut);
        }
    }

    /// <summary>Each listener counts once for each path, however often it is told.</summary>
    /// <returns>What it heard of last.</returns>
    private string Hear(string heard, Predicate<string> isOf, Func<Expected, Countdown> kind)
    {
        foreach (var (path, expected) in _expected)
        {
            if (path != heard && isOf(path))
            {
                kind(expected).Signal();
                return path;
            }
        }

        return heard;
    }

    private sealed record Expected(Countdown Http, Countdown Quic)
    {
        public Expected(int http, int quic)
            : this(new Countdown(http), new Countdown(quic))
        {
        }
    }

    private sealed class Countdown(int left)
    {
        private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _left = left;

        public Task All => _all.Task;

        public void Signal()
        {
            if (Interlocked.Decrement(ref _left) == 0)
            {
                _all.TrySetResult();
            }
        }
    }
}

using System.Collections.Concurrent;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>Open event streams, each a connection of its own, and who has heard of what.</summary>
internal sealed class Listeners : IAsyncDisposable
{
    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentDictionary<string, Expected> _expected = new();
    private readonly List<Task> _loops = [];

    public static async Task<Listeners> OpenAsync(Site site, int count, CancellationToken ct)
    {
        var listeners = new Listeners();
        var streams = new Stream[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = ct }, async (i, stop) =>
        {
            // The answer belongs to the stream, which its loop disposes.
            var answer = await site.Http.SendAsync(site.Request(HttpMethod.Get, "v1/events", 0), HttpCompletionOption.ResponseHeadersRead, stop);
            answer.EnsureSuccessStatusCode();
            streams[i] = await answer.Content.ReadAsStreamAsync(stop);
        });
        listeners._loops.AddRange(streams.Select(listeners.ListenAsync));
        return listeners;
    }

    /// <summary>Ends when every listener has heard of a change of this path. Call it before the change.</summary>
    public async Task ExpectAsync(string path, CancellationToken ct)
    {
        var expected = _expected[path] = new Expected { Left = _loops.Count };
        await expected.All.Task.WaitAsync(ct);
        _expected.TryRemove(path, out _);
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await Task.WhenAll(_loops);
        _ended.Dispose();
    }

    private async Task ListenAsync(Stream stream)
    {
        using var reader = new StreamReader(stream);
        try
        {
            while (await reader.ReadLineAsync(_ended.Token) is { } line)
            {
                foreach (var (path, expected) in _expected)
                {
                    if (line.Contains($"\"{path}\"", StringComparison.Ordinal) && Interlocked.Decrement(ref expected.Left) == 0)
                    {
                        expected.All.TrySetResult();
                    }
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Ended; one that ends too early is missed by whoever waits for it.
        }
    }

    private sealed class Expected
    {
        public int Left;

        public TaskCompletionSource All { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

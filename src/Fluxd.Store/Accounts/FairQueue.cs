using Fluxd.Core;

namespace Fluxd.Store.Accounts;

/// <summary>
/// Lets a few pieces of work run at once and takes turns among the sources that wait, so that one address that floods
/// the login with tries delays mostly itself. Thread-safe. A waiter that is cancelled loses its place.
/// </summary>
internal sealed class FairQueue(int slots, int waitingPerSourceMax, int waitingMax)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiting = [];
    private readonly Queue<string> _turns = [];
    private int _running;
    private int _waitingCount;

    /// <summary>Sources of which somebody waits.</summary>
    public int SourceCount
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>The most that ever ran at once: what the bound promises.</summary>
    public int RunningPeak { get; private set; }

    public async Task<T> RunAsync<T>(string source, Func<T> work, CancellationToken ct)
    {
        await EnterAsync(source, ct);
        try
        {
            return await Task.Run(work, ct);
        }
        finally
        {
            Leave();
        }
    }

    private Task EnterAsync(string source, CancellationToken ct)
    {
        TaskCompletionSource turn;
        lock (_gate)
        {
            if (_running < slots && _turns.Count == 0)
            {
                Start();
                return Task.CompletedTask;
            }

            turn = Enqueue(source);
        }

        return WaitAsync(turn, ct);
    }

    private TaskCompletionSource Enqueue(string source)
    {
        var queue = _waiting.GetValueOrDefault(source);
        if (_waitingCount >= waitingMax || queue?.Count >= waitingPerSourceMax)
        {
            throw new FluxException(FluxError.Busy, "Too many logins are being checked; try again in a moment.") { RetryAfter = TimeSpan.FromSeconds(1) };
        }

        if (queue is null)
        {
            // Only for one who really waits: a refused source must leave nothing behind.
            queue = _waiting[source] = new Queue<TaskCompletionSource>();
            _turns.Enqueue(source);
        }

        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        queue.Enqueue(turn);
        _waitingCount++;
        return turn;
    }

    private static async Task WaitAsync(TaskCompletionSource turn, CancellationToken ct)
    {
        await using var registration = ct.Register(() => turn.TrySetCanceled(ct));
        await turn.Task;
    }

    private void Leave()
    {
        lock (_gate)
        {
            _running--;
            while (_running < slots && Dequeue() is { } next)
            {
                if (next.TrySetResult())
                {
                    Start();
                }
            }
        }
    }

    private TaskCompletionSource? Dequeue()
    {
        if (!_turns.TryDequeue(out var source))
        {
            return null;
        }

        var queue = _waiting[source];
        var turn = queue.Dequeue();
        _waitingCount--;
        if (queue.Count > 0)
        {
            _turns.Enqueue(source);
        }
        else
        {
            _waiting.Remove(source);
        }

        return turn;
    }

    private void Start()
    {
        _running++;
        RunningPeak = Math.Max(RunningPeak, _running);
    }
}

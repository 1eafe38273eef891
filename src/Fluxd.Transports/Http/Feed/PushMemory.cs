using Fluxd.Core.Feed;

namespace Fluxd.Transports.Http.Feed;

/// <summary>Answers to pushes where nothing keeps them over a restart. Thread-safe.</summary>
internal sealed class PushMemory(int capacity) : IPushAnswers
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(long User, string Operation), string> _answers = [];
    private readonly Queue<(long User, string Operation)> _order = [];

    public ValueTask<string?> FindAsync(long user, string operation, CancellationToken ct)
    {
        lock (_gate)
        {
            return new ValueTask<string?>(_answers.GetValueOrDefault((user, operation)));
        }
    }

    public Task KeepAsync(long user, IReadOnlyList<PushedAnswer> answers, CancellationToken ct)
    {
        lock (_gate)
        {
            foreach (var (operation, text) in answers)
            {
                Keep((user, operation), text);
            }
        }

        return Task.CompletedTask;
    }

    private void Keep((long User, string Operation) key, string text)
    {
        if (_answers.TryAdd(key, text))
        {
            _order.Enqueue(key);
            if (_order.Count > capacity)
            {
                _answers.Remove(_order.Dequeue());
            }
        }
    }
}

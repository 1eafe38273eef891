using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Feed;

/// <summary>
/// Results of recent pushes by (user, operation id), so that a replay is answered and not done again. A restart
/// forgets them; then the state itself answers (what is done can't be done twice). Thread-safe.
/// </summary>
internal sealed class PushMemory(int capacity)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(long User, string Id), PushResult> _results = [];
    private readonly Queue<(long User, string Id)> _order = [];

    public PushResult? Find(long user, string id)
    {
        lock (_gate)
        {
            return _results.GetValueOrDefault((user, id));
        }
    }

    public void Remember(long user, PushResult result)
    {
        lock (_gate)
        {
            if (_results.TryAdd((user, result.Id), result))
            {
                _order.Enqueue((user, result.Id));
                if (_order.Count > capacity)
                {
                    _results.Remove(_order.Dequeue());
                }
            }
        }
    }
}

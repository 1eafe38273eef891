using Fluxd.Core.Coordination;

namespace Fluxd.Store.Coordination;

/// <summary>
/// Counts what one key took within the last window, in 32 parts: never more than the limit within any window, at the
/// price of being up to a 32nd late in giving back. Not thread-safe; the coordinator's lock guards it.
/// </summary>
internal sealed class SlidingWindow
{
    private const int Parts = 32;

    // Ascending; at most Parts + 1 of them.
    private readonly List<Taken> _taken = [];
    private long _partTicks;
    private int _sum;

    /// <summary>Of the last call: the oldest go when memory is short.</summary>
    public long TouchedAt { get; private set; }

    public bool IsIdle(long now) => _taken.Count == 0 || FreedAt(_taken[^1].Part) <= now;

    /// <param name="now">Ticks (100 ns) of any clock that only goes forward.</param>
    public RateDecision Take(Limiter limiter, int count, long now)
    {
        Adjust(limiter);
        Expire(now);
        TouchedAt = now;
        var allowed = _sum + count <= limiter.Count;
        if (allowed && count > 0)
        {
            Add(now, count);
        }

        var remaining = Math.Max(0, limiter.Count - _sum);
        return new RateDecision(allowed, limiter.Count, remaining, ResetAfter(now), allowed ? TimeSpan.Zero : RetryAfter(limiter, count, now));
    }

    /// <summary>Puts back what was taken before a restart.</summary>
    public void Restore(Limiter limiter, int count, long at)
    {
        Adjust(limiter);
        Add(at, count);
    }

    private void Adjust(Limiter limiter)
    {
        var partTicks = Math.Max(1, limiter.Window.Ticks / Parts);
        if (_partTicks == partTicks)
        {
            return;
        }

        // Configuration changed the window: counting starts anew.
        _partTicks = partTicks;
        _taken.Clear();
        _sum = 0;
    }

    private void Add(long now, int count)
    {
        _sum += count;
        var part = now / _partTicks;
        if (_taken.Count > 0 && _taken[^1].Part >= part)
        {
            _taken[^1] = _taken[^1] with { Count = _taken[^1].Count + count };
            return;
        }

        _taken.Add(new Taken(part, count));
    }

    private void Expire(long now)
    {
        var old = 0;
        while (old < _taken.Count && FreedAt(_taken[old].Part) <= now)
        {
            _sum -= _taken[old++].Count;
        }

        _taken.RemoveRange(0, old);
    }

    // The whole window after the end of the part, so that its last moment counts for a full window too.
    private long FreedAt(long part) => (part + Parts + 1) * _partTicks;

    private TimeSpan ResetAfter(long now) => _taken.Count == 0 ? TimeSpan.Zero : TimeSpan.FromTicks(FreedAt(_taken[^1].Part) - now);

    private TimeSpan RetryAfter(Limiter limiter, int count, long now)
    {
        var needed = _sum + count - limiter.Count;
        foreach (var (part, taken) in _taken)
        {
            needed -= taken;
            if (needed <= 0)
            {
                return TimeSpan.FromTicks(FreedAt(part) - now);
            }
        }

        return limiter.Window;
    }

    private readonly record struct Taken(long Part, int Count);
}

namespace Fluxd.Store.Coordination;

/// <summary>Seconds that run out by themselves, per key. Not thread-safe; the coordinator's lock guards it.</summary>
internal sealed class PenaltyBox
{
    private readonly Dictionary<string, Penalty> _penalties = [];

    public int Count => _penalties.Count;

    public void Add(string key, TimeSpan price, TimeSpan threshold, TimeSpan max, long now)
    {
        if (!_penalties.ContainsKey(key) && _penalties.Count >= CoordinatorRules.KeysMax)
        {
            Shrink(now);
        }

        var known = _penalties.GetValueOrDefault(key);
        var isRunning = known.Until > now;
        var until = Math.Min((isRunning ? known.Until : now) + price.Ticks, now + max.Ticks);
        var isEnforced = (isRunning && known.IsEnforced) || until - now >= threshold.Ticks;
        _penalties[key] = new Penalty(until, isEnforced);
    }

    public TimeSpan? Of(string key, long now) =>
        _penalties.TryGetValue(key, out var penalty) && penalty.IsEnforced && penalty.Until > now
            ? TimeSpan.FromTicks(penalty.Until - now)
            : null;

    /// <summary>How many keys are made to wait now.</summary>
    public int Enforced(long now) => _penalties.Values.Count(penalty => penalty.IsEnforced && penalty.Until > now);

    public void Forget(string key) => _penalties.Remove(key);

    private void Shrink(long now)
    {
        var keep = CoordinatorRules.KeysMax * 3 / 4;
        var gone = _penalties.Where(pair => pair.Value.Until <= now).Select(pair => pair.Key).ToList();
        gone.ForEach(key => _penalties.Remove(key));
        var extra = _penalties.Count - keep;
        if (extra > 0)
        {
            // Those that end soonest: forgetting them is the smallest kindness to an attacker.
            var soonest = _penalties.OrderBy(pair => pair.Value.Until).Take(extra).Select(pair => pair.Key).ToList();
            soonest.ForEach(key => _penalties.Remove(key));
        }
    }

    private readonly record struct Penalty(long Until, bool IsEnforced);
}

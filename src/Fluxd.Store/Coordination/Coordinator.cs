using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;

namespace Fluxd.Store.Coordination;

/// <summary>
/// The coordinator of one machine: counters in memory, bounded, under one lock that is never held across I/O. What a
/// restart may not forget (tries at passcodes, pairs that succeeded) goes through <see cref="ICoordinatorMemory"/>.
/// Time is the monotonic clock; only what is kept carries wall-clock times.
/// </summary>
internal sealed class Coordinator(TimeProvider clock, ICoordinatorMemory memory) : ICoordinator
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Limiter, string Key), SlidingWindow> _windows = [];
    private readonly PenaltyBox _penalties = new();
    private readonly TrustedPairs _trusted = new();

    /// <summary>Everything that is remembered about strangers; bounded.</summary>
    public int KeyCount
    {
        get
        {
            lock (_gate)
            {
                return _windows.Count + _penalties.Count;
            }
        }
    }

    /// <summary>Addresses, accounts and pairs of them that must wait before they may try again.</summary>
    public int PenaltiesNow
    {
        get
        {
            lock (_gate)
            {
                return _penalties.Enforced(Now);
            }
        }
    }

    /// <summary>Called once, before the first login.</summary>
    public async Task LoadAsync(IReadOnlyList<Limiter> kept, CancellationToken ct)
    {
        var pairs = await memory.LoadPairsAsync(ct);
        var takes = await memory.LoadTakesAsync(ct);
        lock (_gate)
        {
            foreach (var pair in pairs)
            {
                _trusted.Add(pair.Network, pair.Account, pair.At);
            }

            foreach (var take in takes.OrderBy(take => take.At))
            {
                Restore(kept.FirstOrDefault(limiter => limiter.Name == take.Limiter), take);
            }
        }
    }

    public async ValueTask<RateDecision> TakeAsync(Limiter limiter, string key, int count, CancellationToken ct)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        RateDecision decision;
        lock (_gate)
        {
            decision = WindowOf(limiter.Name, key).Take(limiter, count, Now);
        }

        if (limiter.Kept && decision.Allowed && count > 0)
        {
            await memory.KeepAsync(new KeptTake(limiter.Name, key, count, clock.GetUtcNow()), ct);
        }

        return decision;
    }

    public ValueTask<TimeSpan?> PenaltyAsync(PeerInfo peer, string? account, CancellationToken ct)
    {
        if (peer.IsLoopback)
        {
            return new ValueTask<TimeSpan?>((TimeSpan?)null);
        }

        lock (_gate)
        {
            return new ValueTask<TimeSpan?>(Penalty(peer.Network, account));
        }
    }

    public ValueTask PunishAsync(PeerInfo peer, string? account, Misdeed misdeed, CancellationToken ct)
    {
        if (!peer.IsLoopback)
        {
            lock (_gate)
            {
                Punish(peer.Network, account, CoordinatorRules.Price(misdeed));
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask PardonAsync(PeerInfo peer, string account, CancellationToken ct)
    {
        if (peer.IsLoopback)
        {
            return ValueTask.CompletedTask;
        }

        var at = clock.GetUtcNow();
        bool isNews;
        lock (_gate)
        {
            // Only the pair: one valid account must not buy free guesses at the others from the same address.
            _penalties.Forget(PairKey(peer.Network, account));
            isNews = _trusted.Add(peer.Network, account, at);
        }

        if (isNews)
        {
            memory.Keep(new TrustedPair(peer.Network, account, at));
        }

        return ValueTask.CompletedTask;
    }

    private long Now => clock.GetElapsedTime(0).Ticks;

    private TimeSpan? Penalty(string network, string? account)
    {
        var now = Now;
        var wall = clock.GetUtcNow();
        if (account is null)
        {
            // Before the name is known: who may be spared must be let in to say it.
            return _trusted.HasAny(network, wall) ? null : _penalties.Of(AddressKey(network), now);
        }

        var ofPair = _penalties.Of(PairKey(network, account), now);
        return _trusted.Has(network, account, wall)
            ? ofPair
            : Longest(ofPair, Longest(_penalties.Of(AddressKey(network), now), _penalties.Of(AccountKey(account), now)));
    }

    private static TimeSpan? Longest(TimeSpan? one, TimeSpan? other) => one is null || other > one ? other : one;

    private void Punish(string network, string? account, TimeSpan price)
    {
        var now = Now;
        _penalties.Add(AddressKey(network), price, CoordinatorRules.ThresholdOfAddress, CoordinatorRules.PenaltyMax, now);
        if (account is not null)
        {
            _penalties.Add(PairKey(network, account), price, CoordinatorRules.ThresholdOfPair, CoordinatorRules.PenaltyMax, now);
            _penalties.Add(AccountKey(account), price, CoordinatorRules.ThresholdOfAccount, CoordinatorRules.PenaltyOfAccountMax, now);
        }
    }

    private static string AddressKey(string network) => "n " + network;

    private static string AccountKey(string account) => "a " + account;

    private static string PairKey(string network, string account) => "p " + network + " " + account;

    private SlidingWindow WindowOf(string limiter, string key)
    {
        if (_windows.TryGetValue((limiter, key), out var window))
        {
            return window;
        }

        if (_windows.Count >= CoordinatorRules.KeysMax)
        {
            Shrink();
        }

        return _windows[(limiter, key)] = new SlidingWindow();
    }

    private void Shrink()
    {
        var now = Now;
        var idle = _windows.Where(pair => pair.Value.IsIdle(now)).Select(pair => pair.Key).ToList();
        idle.ForEach(key => _windows.Remove(key));
        var extra = _windows.Count - (CoordinatorRules.KeysMax * 3 / 4);
        if (extra > 0)
        {
            var oldest = _windows.OrderBy(pair => pair.Value.TouchedAt).Take(extra).Select(pair => pair.Key).ToList();
            oldest.ForEach(key => _windows.Remove(key));
        }
    }

    private void Restore(Limiter? limiter, KeptTake take)
    {
        // A time from the future (the clock was set back) counts as now: a longer wait than due at worst.
        var age = clock.GetUtcNow() - take.At;
        if (limiter is not null && age <= limiter.Window)
        {
            WindowOf(limiter.Name, take.Key).Restore(limiter, take.Count, Now - Math.Max(0, age.Ticks));
        }
    }
}

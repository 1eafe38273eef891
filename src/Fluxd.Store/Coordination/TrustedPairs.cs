namespace Fluxd.Store.Coordination;

/// <summary>Which account succeeded from which network, and when last. Not thread-safe; the coordinator's lock guards it.</summary>
internal sealed class TrustedPairs
{
    private readonly Dictionary<string, Dictionary<string, DateTimeOffset>> _byNetwork = [];
    private int _count;

    /// <summary>True when it is worth keeping: new, or a day newer than what was known.</summary>
    public bool Add(string network, string account, DateTimeOffset at)
    {
        if (!_byNetwork.TryGetValue(network, out var accounts))
        {
            accounts = _byNetwork[network] = [];
        }

        var isKnown = accounts.TryGetValue(account, out var before);
        if (isKnown && at - before < TimeSpan.FromDays(1))
        {
            return false;
        }

        accounts[account] = at;
        _count += isKnown ? 0 : 1;
        if (_count > CoordinatorRules.KeysMax)
        {
            Shrink();
        }

        return true;
    }

    public bool Has(string network, string account, DateTimeOffset now) =>
        _byNetwork.TryGetValue(network, out var accounts) && accounts.TryGetValue(account, out var at) && IsFresh(at, now);

    public bool HasAny(string network, DateTimeOffset now) =>
        _byNetwork.TryGetValue(network, out var accounts) && accounts.Values.Any(at => IsFresh(at, now));

    private static bool IsFresh(DateTimeOffset at, DateTimeOffset now) => now - at <= CoordinatorRules.TrustFor;

    private void Shrink()
    {
        var oldest = _byNetwork
            .SelectMany(network => network.Value.Select(pair => (Network: network.Key, Account: pair.Key, At: pair.Value)))
            .OrderBy(pair => pair.At).Take(CoordinatorRules.KeysMax / 4).ToList();
        foreach (var (network, account, _) in oldest)
        {
            _byNetwork[network].Remove(account);
            if (_byNetwork[network].Count == 0)
            {
                _byNetwork.Remove(network);
            }
        }

        _count -= oldest.Count;
    }
}

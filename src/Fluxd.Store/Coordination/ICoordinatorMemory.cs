namespace Fluxd.Store.Coordination;

/// <param name="Network">As <see cref="Fluxd.Core.Accounts.PeerInfo.Network"/>.</param>
internal sealed record TrustedPair(string Network, string Account, DateTimeOffset At);

internal sealed record KeptTake(string Limiter, string Key, int Count, DateTimeOffset At);

/// <summary>The little that the coordinator keeps over a restart. Thread-safe.</summary>
internal interface ICoordinatorMemory
{
    ValueTask<IReadOnlyList<TrustedPair>> LoadPairsAsync(CancellationToken ct);

    ValueTask<IReadOnlyList<KeptTake>> LoadTakesAsync(CancellationToken ct);

    /// <summary>Durable when it returns.</summary>
    Task KeepAsync(KeptTake take, CancellationToken ct);

    /// <summary>Durable within seconds: losing one costs a person at most one wait.</summary>
    void Keep(TrustedPair pair);
}

/// <summary>Keeps nothing.</summary>
internal sealed class NoMemory : ICoordinatorMemory
{
    public ValueTask<IReadOnlyList<TrustedPair>> LoadPairsAsync(CancellationToken ct) => new([]);

    public ValueTask<IReadOnlyList<KeptTake>> LoadTakesAsync(CancellationToken ct) => new([]);

    public Task KeepAsync(KeptTake take, CancellationToken ct) => Task.CompletedTask;

    public void Keep(TrustedPair pair)
    {
    }
}

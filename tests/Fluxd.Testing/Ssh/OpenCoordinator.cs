using System.Collections.Concurrent;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;

namespace Fluxd.Testing.Ssh;

/// <summary>Refuses nobody, and remembers who was to be punished.</summary>
public sealed class OpenCoordinator : ICoordinator
{
    public ConcurrentQueue<Misdeed> Misdeeds { get; } = new();

    /// <summary>Set to refuse everybody for so long.</summary>
    public TimeSpan? Penalty { get; set; }

    public ValueTask<RateDecision> TakeAsync(Limiter limiter, string key, int count, CancellationToken ct) =>
        ValueTask.FromResult(new RateDecision(true, limiter.Count, limiter.Count, TimeSpan.Zero, TimeSpan.Zero));

    public ValueTask<TimeSpan?> PenaltyAsync(PeerInfo peer, string? account, CancellationToken ct) => ValueTask.FromResult(Penalty);

    public ValueTask PunishAsync(PeerInfo peer, string? account, Misdeed misdeed, CancellationToken ct)
    {
        Misdeeds.Enqueue(misdeed);
        return ValueTask.CompletedTask;
    }

    public ValueTask PardonAsync(PeerInfo peer, string account, CancellationToken ct) => ValueTask.CompletedTask;
}

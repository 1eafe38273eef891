using System.Diagnostics.Metrics;
using System.Text.Json;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;

namespace Fluxd.Daemon.Telemetry;

/// <summary>Counts what limiters and the penalty box turned away.</summary>
internal sealed class MeteredCoordinator(ICoordinator inner) : ICoordinator
{
    private static readonly Counter<long> s_limited = FluxTelemetry.Meter.CreateCounter<long>(
        "fluxd.limited", "{refusal}", "Requests that a limiter turned away, by limiter");

    private static readonly Counter<long> s_misdeeds = FluxTelemetry.Meter.CreateCounter<long>(
        "fluxd.misdeeds", "{misdeed}", "What peers are punished for, by frontend and misdeed");

    private static readonly Counter<long> s_penalties = FluxTelemetry.Meter.CreateCounter<long>(
        "fluxd.penalties", "{refusal}", "Peers that came while a penalty ran, by frontend");

    public async ValueTask<RateDecision> TakeAsync(Limiter limiter, string key, int count, CancellationToken ct)
    {
        var decision = await inner.TakeAsync(limiter, key, count, ct);
        if (!decision.Allowed)
        {
            s_limited.Add(1, new KeyValuePair<string, object?>("limiter", limiter.Name));
        }

        return decision;
    }

    public async ValueTask<TimeSpan?> PenaltyAsync(PeerInfo peer, string? account, CancellationToken ct)
    {
        var penalty = await inner.PenaltyAsync(peer, account, ct);
        if (penalty is not null)
        {
            s_penalties.Add(1, new KeyValuePair<string, object?>("frontend", peer.Frontend));
        }

        return penalty;
    }

    public ValueTask PunishAsync(PeerInfo peer, string? account, Misdeed misdeed, CancellationToken ct)
    {
        s_misdeeds.Add(1, new("frontend", peer.Frontend), new("misdeed", JsonNamingPolicy.SnakeCaseLower.ConvertName(misdeed.ToString())));
        return inner.PunishAsync(peer, account, misdeed, ct);
    }

    public ValueTask PardonAsync(PeerInfo peer, string account, CancellationToken ct) => inner.PardonAsync(peer, account, ct);
}

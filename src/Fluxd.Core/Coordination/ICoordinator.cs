using Fluxd.Core.Accounts;

namespace Fluxd.Core.Coordination;

/// <param name="Window">Sliding.</param>
/// <param name="Kept">What was taken survives a restart (passcodes: a crash must not give new tries).</param>
public sealed record Limiter(string Name, int Count, TimeSpan Window, bool Kept = false);

/// <summary>The named limiters and their defaults; configuration may change the numbers.</summary>
public static class Limiters
{
    /// <summary>Tries at a share's passcode, per share and per address.</summary>
    public static readonly Limiter Passcode = new("passcode", 5, TimeSpan.FromMinutes(5), Kept: true);

    /// <summary>Signed-in requests of one client: 100 a second with bursts of 200.</summary>
    public static readonly Limiter Requests = new("requests", 200, TimeSpan.FromSeconds(2));

    /// <summary>Anonymous and share uploads: sessions, never their parts.</summary>
    public static readonly Limiter Uploads = new("uploads", 50, TimeSpan.FromSeconds(300));

    /// <summary>Login, account and admin calls.</summary>
    public static readonly Limiter Account = new("account", 200, TimeSpan.FromSeconds(60));
}

/// <param name="ResetAfter">Until the whole limit is free again.</param>
/// <param name="RetryAfter">Until one more would be allowed; zero when it is now.</param>
public sealed record RateDecision(bool Allowed, int Limit, int Remaining, TimeSpan ResetAfter, TimeSpan RetryAfter);

public enum Misdeed
{
    /// <summary>Wrong password, key or token.</summary>
    AuthenticationFailed,
    UnknownUser,

    /// <summary>Connected and never tried to log in.</summary>
    NeverAuthenticated,

    /// <summary>Ran into the grace deadline.</summary>
    GraceExceeded,

    /// <summary>Sent what no client sends.</summary>
    ProtocolViolation,
}

/// <summary>
/// Counters and penalties that all frontends share (and, past one machine, all nodes). Penalties key on
/// (address /32 or /64, account); a pair that succeeded within 30 days is spared others' failures; loopback is exempt
/// unless forwarded. Never a condition of correctness. Thread-safe.
/// </summary>
public interface ICoordinator
{
    ValueTask<RateDecision> TakeAsync(Limiter limiter, string key, int count, CancellationToken ct);

    /// <summary>How long this peer must wait before it may try; null when it may now.</summary>
    ValueTask<TimeSpan?> PenaltyAsync(PeerInfo peer, string? account, CancellationToken ct);

    ValueTask PunishAsync(PeerInfo peer, string? account, Misdeed misdeed, CancellationToken ct);

    ValueTask PardonAsync(PeerInfo peer, string account, CancellationToken ct);
}

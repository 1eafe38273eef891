using Fluxd.Core.Coordination;

namespace Fluxd.Store.Coordination;

/// <summary>
/// The numbers of the penalty box. Each misdeed adds seconds to three counts: the pair of address and account, the
/// address with any account, the account from any address. A count is enforced from its threshold until it has run out.
/// </summary>
internal static class CoordinatorRules
{
    /// <summary>Keys of limiters and of penalties, each: about 20 MB at most. Beyond it the longest untouched are forgotten.</summary>
    public const int KeysMax = 65_536;

    /// <summary>As OpenSSH's PerSourcePenalties: three wrong passwords in a row are a person, a fourth may be a program.</summary>
    public static readonly TimeSpan ThresholdOfPair = TimeSpan.FromSeconds(15);

    public static readonly TimeSpan ThresholdOfAddress = TimeSpan.FromSeconds(15);

    /// <summary>High and short, because strangers can bring it on: it slows a guess spread over many addresses.</summary>
    public static readonly TimeSpan ThresholdOfAccount = TimeSpan.FromSeconds(60);

    public static readonly TimeSpan PenaltyMax = TimeSpan.FromMinutes(10);

    public static readonly TimeSpan PenaltyOfAccountMax = TimeSpan.FromMinutes(2);

    /// <summary>How long one success spares a pair the failures of others.</summary>
    public static readonly TimeSpan TrustFor = TimeSpan.FromDays(30);

    /// <summary>Unknown users cost what wrong passwords cost: a difference would tell who exists.</summary>
    public static TimeSpan Price(Misdeed misdeed) => misdeed switch
    {
        Misdeed.AuthenticationFailed or Misdeed.UnknownUser => TimeSpan.FromSeconds(5),
        Misdeed.NeverAuthenticated => TimeSpan.FromSeconds(1),
        Misdeed.GraceExceeded or Misdeed.ProtocolViolation => TimeSpan.FromSeconds(10),
        _ => throw new ArgumentOutOfRangeException(nameof(misdeed), misdeed, null),
    };
}

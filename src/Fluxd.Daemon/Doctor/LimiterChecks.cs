using System.Globalization;
using Fluxd.Core.Admin;
using Fluxd.Core.Coordination;
using Fluxd.Daemon.Config;

namespace Fluxd.Daemon.Doctor;

/// <summary>The rate limits that are in force, and who has to wait right now.</summary>
/// <param name="penalties">How many addresses and accounts must wait before they may try to log in again.</param>
internal sealed class LimiterChecks(Func<FluxdConfig> config, Func<int> penalties) : IDoctorCheck
{
    /// <summary>A limit that no program in its senses reaches protects nobody.</summary>
    private const int RequestsPerSecondSensible = 10_000;

    public string Name => "security.rate-limits";

    public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct)
    {
        var limits = config().Limits;
        var words = string.Create(CultureInfo.InvariantCulture, $"{limits.RequestsPerSecond} requests a second and client, bursts of {limits.RequestsBurst}; logins {Limiters.Account.Count} in {Limiters.Account.Window.TotalSeconds} s; wrong passwords are slowed down.");
        var waiting = penalties();
        return new([
            limits.RequestsPerSecond <= RequestsPerSecondSensible
                ? Check.Good(Name, words)
                : Check.Warning(Name, $"{words} That many requests are no limit.", "[limits] requests_per_second = 100, then: fluxctl reload"),
            waiting == 0
                ? Check.Good("security.penalties", "Nobody has to wait for failed logins now.")
                : Check.Good("security.penalties", $"{waiting} addresses or accounts have to wait now because logins failed; see them: fluxctl audit --kind login.refused"),
        ]);
    }
}

using Fluxd.LoadTests.Reports;
using Fluxd.LoadTests.Runner;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>A scenario and what must hold when it is over, beside what must hold for all: no error, no lost byte, memory below its ceiling.</summary>
internal sealed record LoadCase(Scenario Scenario)
{
    /// <summary>A box for fewer than a hundred users has 512 MB.</summary>
    public int CeilingMiB { get; init; } = 512;

    /// <summary>What may be resident in the end beyond what was when the warm-up was over; null for a scenario that still fills caches and pools.</summary>
    public int? GrowthMiBMax { get; init; }

    public Func<ScenarioStats, IEnumerable<CheckReport>> Checks { get; init; } = _ => [];
}

/// <summary>How long and how large. Both forms do the same things.</summary>
internal sealed record Scale(bool IsLong)
{
    public TimeSpan During => TimeSpan.FromSeconds(IsLong ? 30 : 2);

    public TimeSpan WarmUp => TimeSpan.FromSeconds(IsLong ? 5 : 0.5);

    public int Of(int brief, int full) => IsLong ? full : brief;

    /// <summary>
    /// Of one scenario, both ways together: users begin nothing more beyond it. A fast machine moves more in the same
    /// time, and all that is written stays on the disk until the run is over.
    /// </summary>
    public long BytesMax => (IsLong ? 40L : 4L) << 30;

    /// <summary>
    /// Of the whole run. The loads take under a minute of it, in the long form a quarter of an hour; the rest is for
    /// machines on which many other things run. Whoever waits for longer has met something that hangs.
    /// </summary>
    public TimeSpan TimeMax => TimeSpan.FromMinutes(IsLong ? 120 : 30);

    public Scenario Constant(string name, string question, int copies, Func<UserContext, Task> run) =>
        new(name, question, run) { WarmUp = WarmUp, BytesMax = BytesMax, Simulations = [new KeepConstant(copies, During)] };
}

using Fluxd.LoadTests.Reports;
using Fluxd.LoadTests.Runner;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>A scenario and what must hold when it is over, beside what must hold for all: no error, no lost byte, memory below its ceiling.</summary>
internal sealed record LoadCase(Scenario Scenario)
{
    /// <summary>A box for fewer than a hundred users has 512 MB.</summary>
    public int CeilingMiB { get; init; } = 512;

    public Func<ScenarioStats, IEnumerable<CheckReport>> Checks { get; init; } = _ => [];
}

/// <summary>How long and how large. Both forms do the same things.</summary>
internal sealed record Scale(bool IsLong)
{
    public TimeSpan During => TimeSpan.FromSeconds(IsLong ? 30 : 2);

    public TimeSpan WarmUp => TimeSpan.FromSeconds(IsLong ? 5 : 0.5);

    public int Of(int brief, int full) => IsLong ? full : brief;

    public Scenario Constant(string name, string question, int copies, Func<UserContext, Task> run) =>
        new(name, question, run) { WarmUp = WarmUp, Simulations = [new KeepConstant(copies, During)] };
}

using Fluxd.LoadTests.Runner;

namespace Fluxd.LoadTests.Reports;

/// <summary>What a run says, in numbers; every form of the report is made from it.</summary>
internal sealed record LoadReport(string Title, DateTimeOffset At, string Machine, int Seed, IReadOnlyList<ScenarioReport> Scenarios)
{
    public bool IsGood => Scenarios.All(scenario => scenario.IsGood);
}

/// <summary>Something that must hold, and what was found.</summary>
internal sealed record CheckReport(string What, string Found, bool IsMet);

internal sealed record ScenarioReport(
    string Name,
    string Question,
    string Load,
    double Seconds,
    int UsersMax,
    MemoryReport Memory,
    IReadOnlyList<StepReport> Steps,
    IReadOnlyList<CheckReport> Checks)
{
    public bool IsGood => Checks.All(check => check.IsMet);

    public long Ok => Steps.Sum(step => step.Ok);

    public long Failed => Steps.Sum(step => step.Failed);
}

/// <summary>What the daemon has resident, in MiB.</summary>
/// <param name="Before">When the warm-up was over.</param>
internal sealed record MemoryReport(double Before, double Peak, double After, double Ceiling);

internal sealed record StepReport(
    string Name,
    long Ok,
    long Failed,
    double PerSecond,
    double MiBPerSecond,
    double MeanMs,
    double P50Ms,
    double P95Ms,
    double P99Ms,
    double P999Ms,
    double MaxMs,
    IReadOnlyDictionary<string, long> Errors,
    IReadOnlyList<SecondReport> Timeline);

/// <param name="Count">What went well; the latencies are of these.</param>
internal sealed record SecondReport(int At, long Count, long Failed, double P50Ms, double P95Ms, double MaxMs);

internal static class ReportOf
{
    public static StepReport Step(string name, StepStats step, TimeSpan duration) => new(
        name,
        step.Ok,
        step.Failed,
        step.Ok / duration.TotalSeconds,
        step.Bytes / duration.TotalSeconds / (1 << 20),
        step.Latency.Mean.TotalMilliseconds,
        step.Latency.Percentile(50).TotalMilliseconds,
        step.Latency.Percentile(95).TotalMilliseconds,
        step.Latency.Percentile(99).TotalMilliseconds,
        step.Latency.Percentile(99.9).TotalMilliseconds,
        step.Latency.Max.TotalMilliseconds,
        step.Errors.OrderByDescending(error => error.Value).ToDictionary(error => error.Key, error => error.Value),
        [.. step.Timeline.OrderBy(second => second.Key).Select(second => new SecondReport(
            second.Key,
            second.Value.Latency.Count,
            second.Value.Failed,
            second.Value.Latency.Percentile(50).TotalMilliseconds,
            second.Value.Latency.Percentile(95).TotalMilliseconds,
            second.Value.Latency.Max.TotalMilliseconds))]);

    public static string Load(IEnumerable<LoadSimulation> simulations) => string.Join(", then ", simulations.Select(simulation => simulation switch
    {
        KeepConstant constant => $"{constant.Copies} at once for {constant.During.TotalSeconds:0} s",
        RampingConstant ramp => $"rising to {ramp.Copies} at once over {ramp.During.TotalSeconds:0} s",
        InjectPerSecond inject => $"{inject.Rate:0.#} new a second for {inject.During.TotalSeconds:0} s",
        _ => simulation.ToString(),
    }));
}

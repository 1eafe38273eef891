using System.Globalization;
using System.Runtime.InteropServices;
using Fluxd.LoadTests.House;
using Fluxd.LoadTests.Reports;
using Fluxd.LoadTests.Runner;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>Runs cases one after the other against one daemon, and holds each to what must be.</summary>
internal sealed class LoadRun(Site site, int seed, TextWriter report)
{
    /// <summary>For what was begun before the time was over; a machine that is busy with other things needs it.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(2);

    public async Task<LoadReport> RunAsync(string title, IReadOnlyList<LoadCase> cases, CancellationToken ct)
    {
        var scenarios = new List<ScenarioReport>();
        foreach (var one in cases)
        {
            scenarios.Add(await RunAsync(one, ct));
            report.WriteLine($"{(scenarios[^1].IsGood ? "good" : "BAD ")} {one.Scenario.Name}: {scenarios[^1].Ok} ok, {scenarios[^1].Failed} failed");
        }

        return new LoadReport(title, TimeProvider.System.GetUtcNow(), Machine(), seed, scenarios);
    }

    private async Task<ScenarioReport> RunAsync(LoadCase one, CancellationToken ct)
    {
        var daemon = site.Daemon;
        await daemon.ForgetPeakAsync();
        var before = 0.0;
        var stats = await new ScenarioRunner(seed, Grace).RunAsync(one.Scenario with { WarmedUp = () => before = MiB(daemon.ResidentBytes) }, ct);
        await site.CloseAllAsync();
        var lossesBefore = site.Ledger.Losses.Count;
        var compared = await site.ReadBackAsync(ct);
        var memory = new MemoryReport(before, MiB(daemon.ResidentPeak), MiB(daemon.ResidentBytes), one.CeilingMiB);
        var losses = site.Ledger.Losses.Skip(lossesBefore).ToList();
        return new ScenarioReport(
            one.Scenario.Name,
            one.Scenario.Question,
            ReportOf.Load(one.Scenario.Simulations),
            stats.Duration.TotalSeconds,
            stats.UsersMax,
            memory,
            [.. stats.Steps.OrderBy(step => step.Key, StringComparer.Ordinal).Select(step => ReportOf.Step(step.Key, step.Value, stats.Duration))],
            [
                new CheckReport("nothing failed", $"{stats.Failed} of {stats.Ok + stats.Failed}", stats.Failed == 0),
                new CheckReport("each step was done", $"{stats.Ok} times in all", stats.Ok > 0 && stats.Steps.Values.All(step => step.Ok > 0)),
                new CheckReport("everybody came to an end", $"{stats.Unfinished} did not", stats.Unfinished == 0),
                new CheckReport("no acknowledged byte is lost", losses.Count == 0 ? $"{compared} names read back" : string.Join("; ", losses.Take(3)), losses.Count == 0),
                new CheckReport("memory stays below its ceiling", string.Create(CultureInfo.InvariantCulture, $"{memory.Peak:0} MiB of {memory.Ceiling:0}"), memory.Peak < memory.Ceiling),
                new CheckReport("the daemon foresaw all that happened", daemon.Unforeseen ?? "its log tells of nothing else", daemon.Unforeseen is null),
                .. one.GrowthMiBMax is { } most ? new[] { new CheckReport($"the same work again takes no more memory, {most} MiB of slack aside", string.Create(CultureInfo.InvariantCulture, $"{memory.Before:0} MiB before, {memory.After:0} after"), memory.After - memory.Before < most) } : [],
                .. one.Checks(stats),
            ]);
    }

    private static double MiB(long bytes) => bytes / (double)(1 << 20);

    private static string Machine() => $"{Environment.ProcessorCount} processors, {RuntimeInformation.OSDescription}, .NET {Environment.Version}";
}

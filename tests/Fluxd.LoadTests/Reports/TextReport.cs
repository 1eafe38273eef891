using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Fluxd.LoadTests.Reports;

/// <summary>The report for a terminal, as Markdown, and as JSON.</summary>
internal static class TextReport
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static string ToJson(LoadReport report) => JsonSerializer.Serialize(report, Json);

    /// <summary>For each scenario what was asked of the daemon, how each step fared, and what was not as it must be.</summary>
    public static string ToText(LoadReport report)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{report.Title}, {report.At:yyyy-MM-dd HH:mm} UTC, {report.Machine}, seed {report.Seed}");
        text.AppendLine("Latencies are of what went well, in milliseconds; failures are counted apart.");
        foreach (var scenario in report.Scenarios)
        {
            text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"{(scenario.IsGood ? "good" : "BAD"),-5}{scenario.Name}: {scenario.Load}; {scenario.Seconds:0.0} s counted, at most {scenario.UsersMax} at once; {scenario.Memory.Peak:0} MiB at the peak of {scenario.Memory.Ceiling:0}");
            text.AppendLine(CultureInfo.InvariantCulture, $"       {"step",-28}{"ok",8}{"failed",8}{"per s",9}{"MiB/s",9}{"p50",10}{"p95",10}{"p99",10}");
            foreach (var step in scenario.Steps)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"       {step.Name,-28}{step.Ok,8}{step.Failed,8}{step.PerSecond,9:0.0}{step.MiBPerSecond,9:0.0}{step.P50Ms,10:0.00}{step.P95Ms,10:0.00}{step.P99Ms,10:0.00}");
            }

            foreach (var (step, error) in Errors(scenario))
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"       {step.Name} failed {error.Value} times: {error.Key}");
            }

            foreach (var check in scenario.Checks.Where(check => !check.IsMet))
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"       not so: {check.What}; found: {check.Found}");
            }
        }

        return text.ToString();
    }

    public static string ToMarkdown(LoadReport report)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"# {report.Title}").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"{report.At:yyyy-MM-dd HH:mm} UTC, {report.Machine}, seed {report.Seed}. Latencies in ms, of what went well; failures are counted apart.").AppendLine();
        text.AppendLine("| scenario | verdict | ok | failed | at once | memory at its peak | ceiling |").AppendLine("|---|---|---|---|---|---|---|");
        foreach (var scenario in report.Scenarios)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {scenario.Name} | {(scenario.IsGood ? "good" : "**not good**")} | {scenario.Ok} | {scenario.Failed} | {scenario.UsersMax} | {scenario.Memory.Peak:0} MiB | {scenario.Memory.Ceiling:0} MiB |");
        }

        foreach (var scenario in report.Scenarios)
        {
            Append(text, scenario);
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, ScenarioReport scenario)
    {
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"## {scenario.Name}").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"{scenario.Question} Load: {scenario.Load}; {scenario.Seconds:0.0} s counted, at most {scenario.UsersMax} at once.");
        text.AppendLine(CultureInfo.InvariantCulture, $"Memory of the daemon: {scenario.Memory.Before:0} MiB before, {scenario.Memory.Peak:0} at its peak, {scenario.Memory.After:0} after.");
        text.AppendLine().AppendLine("| step | ok | failed | per s | MiB/s | mean | p50 | p95 | p99 | p99.9 | max |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (var step in scenario.Steps)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {step.Name} | {step.Ok} | {step.Failed} | {step.PerSecond:0.0} | {step.MiBPerSecond:0.0} | {step.MeanMs:0.00} | {step.P50Ms:0.00} | {step.P95Ms:0.00} | {step.P99Ms:0.00} | {step.P999Ms:0.00} | {step.MaxMs:0.00} |");
        }

        text.AppendLine();
        foreach (var (step, error) in Errors(scenario))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- {step.Name} failed {error.Value} times: {error.Key}");
        }

        foreach (var check in scenario.Checks)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- {(check.IsMet ? "Good" : "**Not good**")}: {check.What}; found: {check.Found}");
        }
    }

    private static IEnumerable<(StepReport Step, KeyValuePair<string, long> Error)> Errors(ScenarioReport scenario) =>
        scenario.Steps.SelectMany(step => step.Errors.Select(error => (step, error)));
}

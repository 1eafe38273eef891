using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Fluxd.LoadTests.Reports;

/// <summary>The report as Markdown, which a terminal shows well too, and as JSON.</summary>
internal static class TextReport
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static string ToJson(LoadReport report) => JsonSerializer.Serialize(report, Json);

    public static string ToMarkdown(LoadReport report)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"# {report.Title}");
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"{report.At:yyyy-MM-dd HH:mm} UTC, {report.Machine}, seed {report.Seed}. Latencies in ms, of what went well; failures are counted apart.");
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
        if (scenario.MemoryMiBPeak is not null)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"Memory of the daemon: {scenario.MemoryMiBBefore:0} MiB before, {scenario.MemoryMiBPeak:0} at its peak, {scenario.MemoryMiBAfter:0} after.");
        }

        text.AppendLine().AppendLine("| step | ok | failed | per s | MiB/s | mean | p50 | p95 | p99 | p99.9 | max |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (var step in scenario.Steps)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {step.Name} | {step.Ok} | {step.Failed} | {step.PerSecond:0.0} | {step.MiBPerSecond:0.0} | {step.MeanMs:0.00} | {step.P50Ms:0.00} | {step.P95Ms:0.00} | {step.P99Ms:0.00} | {step.P999Ms:0.00} | {step.MaxMs:0.00} |");
        }

        foreach (var (step, error) in scenario.Steps.SelectMany(step => step.Errors.Select(error => (step, error))))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- {step.Name} failed {error.Value} times: {error.Key}");
        }

        foreach (var finding in scenario.Findings)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- {finding}");
        }
    }
}

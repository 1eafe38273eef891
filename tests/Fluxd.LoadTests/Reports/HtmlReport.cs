using System.Globalization;
using System.Net;
using System.Text;

namespace Fluxd.LoadTests.Reports;

/// <summary>One file without scripts: first what came of it all, then each scenario with its question, figures, faults, and latency over time.</summary>
internal static class HtmlReport
{
    private const string Style =
        """
        body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
        h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin:2.6rem 0 .3rem;border-top:1px solid #d8dee4;padding-top:1.2rem}
        table{border-collapse:collapse;margin:.8rem 0;font-variant-numeric:tabular-nums}td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #e6eaee}
        th{font-weight:600;color:#57606a;font-size:.85rem}td:first-child,th:first-child,td.text{text-align:left}
        .muted{color:#57606a}.good{color:#1a7f37}.bad{color:#b42318;font-weight:600}
        .verdict{display:inline-block;padding:.15rem .7rem;border-radius:1rem;font-size:.9rem;margin-left:.6rem;font-weight:600}
        .verdict.good{background:#dafbe1}.verdict.bad{background:#ffe2df}
        ul{margin:.4rem 0;padding-left:1.2rem}.charts{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;margin-top:.8rem}
        figure{margin:0}figcaption{font-size:.85rem;color:#57606a}text{font:11px system-ui,sans-serif;fill:#57606a}a{color:#0969da;text-decoration:none}
        """;

    public static string Of(LoadReport report)
    {
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"<!doctype html><html lang=en><meta charset=utf-8><title>{Escape(report.Title)}</title><style>{Style}</style>");
        html.Append(CultureInfo.InvariantCulture, $"<h1>{Escape(report.Title)}{Verdict(report.IsGood)}</h1><p class=muted>{report.At:yyyy-MM-dd HH:mm} UTC · {Escape(report.Machine)} · seed {report.Seed}</p>");
        html.Append("<p>A real daemon, started for this, and real clients on the same machine. Latencies are of what went well, in milliseconds; failures are counted apart. What must hold are counts and sizes, never times: those belong to this machine.</p>");
        Overview(html, report);
        foreach (var scenario in report.Scenarios)
        {
            Append(html, scenario);
        }

        return html.Append("</html>").ToString();
    }

    private static void Overview(StringBuilder html, LoadReport report)
    {
        html.Append("<table><tr><th>scenario<th>verdict<th>ok<th>failed<th>at once<th>memory at its peak<th>ceiling</tr>");
        foreach (var scenario in report.Scenarios)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td><a href=\"#{Id(scenario)}\">{Escape(scenario.Name)}</a><td>{Word(scenario.IsGood)}<td>{scenario.Ok}<td{(scenario.Failed > 0 ? " class=bad" : "")}>{scenario.Failed}<td>{scenario.UsersMax}<td>{scenario.Memory.Peak:0} MiB<td>{scenario.Memory.Ceiling:0} MiB</tr>");
        }

        html.Append("</table>");
    }

    private static void Append(StringBuilder html, ScenarioReport scenario)
    {
        html.Append(CultureInfo.InvariantCulture, $"<h2 id=\"{Id(scenario)}\">{Escape(scenario.Name)}{Verdict(scenario.IsGood)}</h2><p><b>{Escape(scenario.Question)}</b><br><span class=muted>Load: {Escape(scenario.Load)}; {scenario.Seconds:0.0} s counted, at most {scenario.UsersMax} at once. ");
        html.Append(CultureInfo.InvariantCulture, $"Memory of the daemon: {scenario.Memory.Before:0} MiB before, {scenario.Memory.Peak:0} at its peak, {scenario.Memory.After:0} after.</span></p>");
        html.Append("<table><tr><th>step<th>ok<th>failed<th>per s<th>MiB/s<th>mean<th>p50<th>p95<th>p99<th>p99.9<th>max</tr>");
        foreach (var step in scenario.Steps)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Escape(step.Name)}<td>{step.Ok}<td{(step.Failed > 0 ? " class=bad" : "")}>{step.Failed}<td>{step.PerSecond:0.0}<td>{step.MiBPerSecond:0.0}<td>{step.MeanMs:0.00}<td>{step.P50Ms:0.00}<td>{step.P95Ms:0.00}<td>{step.P99Ms:0.00}<td>{step.P999Ms:0.00}<td>{step.MaxMs:0.00}</tr>");
        }

        html.Append("</table>");
        Errors(html, scenario);
        html.Append("<ul>");
        foreach (var check in scenario.Checks)
        {
            html.Append(CultureInfo.InvariantCulture, $"<li>{Word(check.IsMet)}: {Escape(check.What)} <span class=muted>(found: {Escape(check.Found)})</span>");
        }

        html.Append("</ul><div class=charts>");
        foreach (var step in scenario.Steps.Where(step => step.Timeline.Count > 1))
        {
            LatencyChart.Append(html, step);
        }

        html.Append("</div>");
    }

    private static void Errors(StringBuilder html, ScenarioReport scenario)
    {
        if (scenario.Failed == 0)
        {
            return;
        }

        html.Append("<table><tr><th>what failed<th>times<th>why</tr>");
        foreach (var step in scenario.Steps)
        {
            foreach (var error in step.Errors)
            {
                html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Escape(step.Name)}<td class=bad>{error.Value}<td class=text>{Escape(error.Key)}</tr>");
            }
        }

        html.Append("</table>");
    }

    private static string Id(ScenarioReport scenario) => Uri.EscapeDataString(scenario.Name.Replace(' ', '-'));

    private static string Verdict(bool isGood) => $"<span class=\"verdict {(isGood ? "good" : "bad")}\">{(isGood ? "good" : "not good")}</span>";

    private static string Word(bool isGood) => isGood ? "<span class=good>good</span>" : "<span class=bad>not good</span>";

    internal static string Escape(string text) => WebUtility.HtmlEncode(text);
}

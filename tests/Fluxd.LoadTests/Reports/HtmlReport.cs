using System.Globalization;
using System.Net;
using System.Text;

namespace Fluxd.LoadTests.Reports;

/// <summary>One file without scripts: the tables, and for each step its latency over time as a drawing.</summary>
internal static class HtmlReport
{
    private const int Width = 720;
    private const int Height = 160;
    private const int Left = 56;

    public static string Of(LoadReport report)
    {
        var html = new StringBuilder();
        html.Append(
            """
            <!doctype html><meta charset="utf-8"><title>Load</title><style>
            body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
            table{border-collapse:collapse;margin:.8rem 0}td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #d8dee4}
            td:first-child,th:first-child{text-align:left}.bad{color:#b42318}svg{display:block;margin:.4rem 0 1.2rem}
            text{font-size:11px;fill:#57606a}
            </style>
            """);
        html.Append(CultureInfo.InvariantCulture, $"<h1>{Escape(report.Title)}</h1><p>{report.At:yyyy-MM-dd HH:mm} UTC, {Escape(report.Machine)}, seed {report.Seed}. Latencies in milliseconds, of what went well; failures are counted apart.</p>");
        foreach (var scenario in report.Scenarios)
        {
            Append(html, scenario);
        }

        return html.ToString();
    }

    private static void Append(StringBuilder html, ScenarioReport scenario)
    {
        html.Append(CultureInfo.InvariantCulture, $"<h2>{Escape(scenario.Name)}</h2><p>{Escape(scenario.Question)} Load: {Escape(scenario.Load)}; {scenario.Seconds:0.0} s counted, at most {scenario.UsersMax} at once.");
        if (scenario.MemoryMiBPeak is not null)
        {
            html.Append(CultureInfo.InvariantCulture, $" Memory of the daemon: {scenario.MemoryMiBBefore:0} MiB before, {scenario.MemoryMiBPeak:0} at its peak, {scenario.MemoryMiBAfter:0} after.");
        }

        html.Append("</p><table><tr><th>step<th>ok<th>failed<th>per s<th>MiB/s<th>mean<th>p50<th>p95<th>p99<th>p99.9<th>max</tr>");
        foreach (var step in scenario.Steps)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Escape(step.Name)}<td>{step.Ok}<td{(step.Failed > 0 ? " class=bad" : "")}>{step.Failed}<td>{step.PerSecond:0.0}<td>{step.MiBPerSecond:0.0}<td>{step.MeanMs:0.00}<td>{step.P50Ms:0.00}<td>{step.P95Ms:0.00}<td>{step.P99Ms:0.00}<td>{step.P999Ms:0.00}<td>{step.MaxMs:0.00}</tr>");
        }

        html.Append("</table>");
        foreach (var step in scenario.Steps)
        {
            Errors(html, step);
            Chart(html, step);
        }

        foreach (var finding in scenario.Findings)
        {
            html.Append(CultureInfo.InvariantCulture, $"<p>{Escape(finding)}</p>");
        }
    }

    private static void Errors(StringBuilder html, StepReport step)
    {
        foreach (var error in step.Errors)
        {
            html.Append(CultureInfo.InvariantCulture, $"<p class=bad>{Escape(step.Name)} failed {error.Value} times: {Escape(error.Key)}</p>");
        }
    }

    /// <summary>Median and 95th percentile per second; a red mark where something failed. The scale is logarithmic: latencies span decades.</summary>
    private static void Chart(StringBuilder html, StepReport step)
    {
        if (step.Timeline.Count < 2)
        {
            return;
        }

        var last = Math.Max(1, step.Timeline[^1].At);
        var top = Math.Log10(Math.Max(1, step.Timeline.Max(second => second.P95Ms)) * 1.2);
        var bottom = Math.Log10(Math.Max(0.01, step.Timeline.Min(second => second.P50Ms)) * 0.8);
        html.Append(CultureInfo.InvariantCulture, $"<svg width={Width} height={Height} role=img aria-label=\"{Escape(step.Name)}: latency over time\">");
        html.Append(CultureInfo.InvariantCulture, $"<text x=0 y=12>{Escape(step.Name)}: p50 (blue), p95 (orange), ms</text>");
        for (var decade = (int)Math.Ceiling(bottom); decade <= top; decade++)
        {
            var y = Y(Math.Pow(10, decade));
            html.Append(CultureInfo.InvariantCulture, $"<line x1={Left} x2={Width} y1={y:0} y2={y:0} stroke=#d8dee4 /><text x={Left - 6} y={y + 4:0} text-anchor=end>{Math.Pow(10, decade):0.##}</text>");
        }

        Line(second => second.P50Ms, "#0969da");
        Line(second => second.P95Ms, "#d4740c");
        foreach (var second in step.Timeline.Where(second => second.Failed > 0))
        {
            html.Append(CultureInfo.InvariantCulture, $"<circle cx={X(second.At):0.0} cy={Height - 20} r=3 fill=#b42318 />");
        }

        html.Append(CultureInfo.InvariantCulture, $"<text x={Left} y={Height - 4}>0 s</text><text x={Width} y={Height - 4} text-anchor=end>{last} s</text></svg>");

        void Line(Func<SecondReport, double> value, string colour)
        {
            var points = string.Join(' ', step.Timeline.Select(second => string.Create(CultureInfo.InvariantCulture, $"{X(second.At):0.0},{Y(value(second)):0.0}")));
            html.Append(CultureInfo.InvariantCulture, $"<polyline fill=none stroke={colour} stroke-width=1.5 points=\"{points}\"/>");
        }

        double X(int at) => Left + ((double)at / last * (Width - Left - 8));
        double Y(double ms) => 20 + ((top - Math.Log10(Math.Max(0.001, ms))) / Math.Max(0.1, top - bottom) * (Height - 44));
    }

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}

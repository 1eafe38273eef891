using System.Globalization;
using System.Text;

namespace Fluxd.LoadTests.Reports;

/// <summary>
/// Median, 95th percentile and the slowest of what went well in each second, and a red mark where something failed. The
/// scale is logarithmic, because latencies span decades.
/// </summary>
internal static class LatencyChart
{
    private const int Width = 480;
    private const int Height = 170;
    private const int Left = 52;
    private const int Right = 44;
    private const int Top = 10;
    private const int Bottom = 30;

    private static readonly (string Name, string Colour, Func<SecondReport, double> Value)[] Curves =
    [
        ("max", "#c9d1d9", second => second.MaxMs),
        ("p95", "#bc5a00", second => second.P95Ms),
        ("p50", "#0969da", second => second.P50Ms),
    ];

    public static void Append(StringBuilder html, StepReport step)
    {
        var last = Math.Max(1, step.Timeline[^1].At);
        var seconds = step.Timeline.Where(second => second.Count > 0).DefaultIfEmpty(new SecondReport(0, 0, 0, 0, 0, 0)).ToList();
        var top = Math.Log10(Math.Max(0.02, seconds.Max(second => second.MaxMs)) * 1.15);
        var bottom = Math.Min(top - 0.5, Math.Log10(Math.Max(0.01, seconds.Min(second => second.P50Ms)) * 0.85));
        html.Append(CultureInfo.InvariantCulture, $"<figure><figcaption>{HtmlReport.Escape(step.Name)}: latency over time, ms</figcaption>");
        html.Append(CultureInfo.InvariantCulture, $"<svg width={Width} height={Height} viewBox=\"0 0 {Width} {Height}\" role=img aria-label=\"{HtmlReport.Escape(step.Name)}: latency over time\">");
        Grid();
        foreach (var (name, colour, value) in Curves)
        {
            var points = string.Join(' ', seconds.Select(second => string.Create(CultureInfo.InvariantCulture, $"{X(second.At):0.0},{Y(value(second)):0.0}")));
            html.Append(CultureInfo.InvariantCulture, $"<polyline fill=none stroke=\"{colour}\" stroke-width=1.6 stroke-linejoin=round points=\"{points}\"/>");
        }

        Labels();
        foreach (var second in step.Timeline.Where(second => second.Failed > 0))
        {
            html.Append(CultureInfo.InvariantCulture, $"<circle cx={X(second.At):0.0} cy={Height - Bottom} r=4 fill=\"#b42318\"><title>{second.Failed} failed</title></circle>");
        }

        html.Append("</svg></figure>");

        void Grid()
        {
            foreach (var mark in Marks(bottom, top))
            {
                html.Append(CultureInfo.InvariantCulture, $"<line x1={Left} x2={Width - Right} y1={Y(mark):0.0} y2={Y(mark):0.0} stroke=\"#e6eaee\"/><text x={Left - 6} y={Y(mark) + 4:0.0} text-anchor=end>{mark:0.###}</text>");
            }

            html.Append(CultureInfo.InvariantCulture, $"<line x1={Left} x2={Width - Right} y1={Height - Bottom} y2={Height - Bottom} stroke=\"#8c959f\"/>");
            html.Append(CultureInfo.InvariantCulture, $"<text x={Left} y={Height - 10}>0 s</text><text x={Width - Right} y={Height - 10} text-anchor=end>{last} s</text>");
        }

        // At the curves' ends, pushed apart where they would cover each other.
        void Labels()
        {
            var at = double.MinValue;
            foreach (var (name, colour, value) in Curves.OrderBy(curve => Y(curve.Value(seconds[^1]))))
            {
                at = Math.Max(at + 12, Y(value(seconds[^1])) + 4);
                html.Append(CultureInfo.InvariantCulture, $"<text x={Width - Right + 5} y={at:0.0} style=\"fill:{(name == "max" ? "#8c959f" : colour)}\">{name}</text>");
            }
        }

        double X(int at) => Left + ((double)at / last * (Width - Left - Right));
        double Y(double ms) => Top + ((top - Math.Log10(Math.Max(0.001, ms))) / (top - bottom) * (Height - Top - Bottom));
    }

    /// <summary>Powers of ten, with 2 and 5 between where there are few.</summary>
    private static IEnumerable<double> Marks(double bottom, double top)
    {
        double[] between = top - bottom < 1.7 ? [1, 2, 5] : [1];
        for (var decade = (int)Math.Floor(bottom); decade <= top; decade++)
        {
            foreach (var factor in between)
            {
                var mark = factor * Math.Pow(10, decade);
                if (Math.Log10(mark) >= bottom && Math.Log10(mark) <= top)
                {
                    yield return mark;
                }
            }
        }
    }
}

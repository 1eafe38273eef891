using Fluxd.LoadTests.Reports;
using Fluxd.LoadTests.Runner;
using Xunit;

namespace Fluxd.Tests.LoadTests;

public sealed class RunnerTests
{
    [Fact]
    public void Percentiles_are_right_to_two_percent_over_six_decades()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var values = Enumerable.Range(0, 20_000).Select(_ => Math.Pow(10, random.NextDouble() * 6)).ToArray();
        var histogram = new Histogram();
        foreach (var value in values)
        {
            histogram.Add(TimeSpan.FromMicroseconds(value));
        }

        Array.Sort(values);
        foreach (var percent in new[] { 1.0, 50, 95, 99, 99.9, 100 })
        {
            var exact = values[Math.Max(0, (int)Math.Ceiling(values.Length * percent / 100) - 1)];
            var got = histogram.Percentile(percent).TotalMicroseconds;
            Assert.True(Math.Abs(got - exact) <= (exact * 0.02) + 1, $"seed {seed}: p{percent} is {exact:0.0}, got {got:0.0}");
        }
    }

    [Fact]
    public void Every_value_falls_into_a_bucket_that_holds_it()
    {
        for (var value = 1L; value < 1L << 39; value += 1 + (value / 7))
        {
            var bucket = Histogram.BucketOf(value);
            Assert.True(Histogram.UpperEndOf(bucket) >= value && (bucket == 0 || Histogram.UpperEndOf(bucket - 1) < value), $"{value}");
        }
    }

    [Fact(Timeout = 30_000)]
    public async Task A_constant_load_keeps_its_number_and_counts_failures_apart()
    {
        var active = 0;
        var peak = 0;
        var scenario = new Scenario("s", "?", async user =>
        {
            peak = Math.Max(peak, Interlocked.Increment(ref active));
            await user.StepAsync("good", async () =>
            {
                await Task.Delay(5, user.Ct);
                return Response.Ok(1000);
            });
            await user.StepAsync("bad", () => user.Run % 2 == 0 ? Task.FromResult(Response.Fail("even")) : throw new InvalidOperationException("odd"));
            Interlocked.Decrement(ref active);
        })
        {
            WarmUp = TimeSpan.FromMilliseconds(50),
            Simulations = [new KeepConstant(5, TimeSpan.FromMilliseconds(400))],
        };
        var stats = await new ScenarioRunner(1, TimeSpan.FromSeconds(5)).RunAsync(scenario, CancellationToken.None);
        Assert.Equal(0, active);
        Assert.Equal(0, stats.Unfinished);
        Assert.InRange(peak, 5, 6);
        Assert.True(stats.Steps["good"].Ok > 10);
        Assert.Equal(0, stats.Steps["good"].Failed);
        Assert.Equal(0, stats.Steps["bad"].Ok);
        Assert.Equal(new[] { "InvalidOperationException: odd", "even" }.Order(), stats.Steps["bad"].Errors.Keys.Order());
    }

    [Fact(Timeout = 30_000)]
    public async Task An_open_load_starts_users_by_the_clock_and_refuses_beyond_its_bound()
    {
        var started = 0;
        var scenario = new Scenario("s", "?", async user =>
        {
            Interlocked.Increment(ref started);
            await user.StepAsync("slow", async () =>
            {
                await Task.Delay(TimeSpan.FromSeconds(20), user.Ct);
                return Response.Ok();
            });
        })
        {
            WarmUp = TimeSpan.Zero,
            Simulations = [new InjectPerSecond(100, TimeSpan.FromMilliseconds(500), CopiesMax: 10)],
        };
        var stats = await new ScenarioRunner(1, TimeSpan.FromMilliseconds(100)).RunAsync(scenario, CancellationToken.None);
        Assert.Equal(10, started);
        Assert.True(stats.Steps["inject"].Failed >= 30, $"{stats.Steps["inject"].Failed}");
        Assert.Equal(10, stats.Unfinished);
    }

    [Fact]
    public void Latencies_are_of_what_went_well_and_failures_stand_beside_them()
    {
        var stats = new StepStats();
        stats.Add(Response.Ok(1 << 20), TimeSpan.FromMilliseconds(10), TimeSpan.Zero);
        stats.Add(Response.Fail("HTTP 503"), TimeSpan.FromSeconds(30), TimeSpan.Zero);
        stats.Add(Response.Fail("HTTP 503"), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(1));
        var step = ReportOf.Step("PUT", stats, TimeSpan.FromSeconds(2));
        Assert.Equal((10, 10, 10), (step.P50Ms, step.P99Ms, step.MaxMs));
        Assert.Equal([(0, 1, 1, 10), (1, 0, 1, 0)], step.Timeline.Select(second => (second.At, second.Count, second.Failed, second.MaxMs)));

        var report = new LoadReport("t", DateTimeOffset.UnixEpoch, "m", 1, [new ScenarioReport("n", "q", "4 at once", 2, 1, new MemoryReport(1, 2, 1, 3), [step], [])]);
        var html = HtmlReport.Of(report);
        Assert.DoesNotContain("30000", html, StringComparison.Ordinal);
        Assert.Contains("<title>1 failed</title>", html, StringComparison.Ordinal);
        var text = TextReport.ToText(report).Split('\n');
        Assert.Contains(text, line => line.Contains("n: 4 at once", StringComparison.Ordinal));
        Assert.Contains(text, line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is ["PUT", "1", "2", "0.5", "0.5", "10.00", "10.00", "10.00"]);
        Assert.Contains(text, line => line.Contains("PUT failed 2 times: HTTP 503", StringComparison.Ordinal));
    }

    [Fact]
    public void The_html_report_escapes_what_failed()
    {
        var stats = new StepStats();
        stats.Add(Response.Fail("<script>"), TimeSpan.FromMilliseconds(1), TimeSpan.Zero);
        stats.Add(Response.Ok(), TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1));
        var step = ReportOf.Step("a & b", stats, TimeSpan.FromSeconds(2));
        var report = new LoadReport("t", DateTimeOffset.UnixEpoch, "m", 1, [new ScenarioReport("n", "q", "l", 2, 1, new MemoryReport(1, 2, 1, 3), [step], [new CheckReport("<b>", "", false)])]);
        var html = HtmlReport.Of(report);
        Assert.DoesNotContain("<script>", html, StringComparison.Ordinal);
        Assert.Contains("a &amp; b", html, StringComparison.Ordinal);
        Assert.Contains("&lt;b&gt;", html, StringComparison.Ordinal);
        Assert.Contains("<polyline", html, StringComparison.Ordinal);
        Assert.Contains("| a & b | 1 | 1 |", TextReport.ToMarkdown(report), StringComparison.Ordinal);
        Assert.Contains("a & b failed 1 times: <script>", TextReport.ToText(report), StringComparison.Ordinal);
        Assert.False(report.IsGood);
    }
}

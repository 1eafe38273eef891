using System.Diagnostics.Metrics;
using Fluxd.Daemon.Telemetry;
using Xunit;

namespace Fluxd.Tests.Daemon.Telemetry;

public sealed class TelemetryTests
{
    [Fact]
    public void Metrics_come_out_as_Prometheus_reads_them()
    {
        var name = "test-" + Guid.NewGuid();
        using var meter = new Meter(name);
        using var metrics = new PrometheusMetrics(name);
        var requests = meter.CreateCounter<long>("fluxd.http.requests", description: "Requests answered");
        var duration = meter.CreateHistogram<double>("fluxd.http.duration", "s");
        meter.CreateObservableGauge("fluxd.store.free", () => 42L, "By");

        requests.Add(2, new KeyValuePair<string, object?>("outcome", "ok"));
        requests.Add(1, new KeyValuePair<string, object?>("outcome", "a \"quoted\"\nline"));
        duration.Record(0.003);
        duration.Record(100);
        var text = metrics.Write();

        Assert.Contains("# HELP fluxd_http_requests_total Requests answered\n# TYPE fluxd_http_requests_total counter\n", text, StringComparison.Ordinal);
        Assert.Contains("fluxd_http_requests_total{outcome=\"ok\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("fluxd_http_requests_total{outcome=\"a \\\"quoted\\\"\\nline\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("fluxd_http_duration_seconds_bucket{le=\"0.0025\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("fluxd_http_duration_seconds_bucket{le=\"0.005\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("fluxd_http_duration_seconds_bucket{le=\"+Inf\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("fluxd_http_duration_seconds_count 2\n", text, StringComparison.Ordinal);
        Assert.Contains("# TYPE fluxd_store_free_bytes gauge\nfluxd_store_free_bytes 42\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Tags_that_say_the_same_count_together_however_they_are_given()
    {
        var name = "test-" + Guid.NewGuid();
        using var meter = new Meter(name);
        using var metrics = new PrometheusMetrics(name);
        var counter = meter.CreateCounter<long>("fluxd.test.same");
        var other = meter.CreateCounter<long>("fluxd.test.other");
        KeyValuePair<string, object?> status = new("status", 200), route = new("route", "/a"), text = new("status", "200"), swapped = new("route", 200);

        counter.Add(1, status, route);
        counter.Add(1, status, route);
        counter.Add(1, route, status);
        counter.Add(1, text, route);
        counter.Add(1, swapped, new("status", "/a"));
        counter.Add(1, status);
        other.Add(1, status, route);
        var lines = metrics.Write().Split('\n').Where(line => !line.StartsWith('#') && line.Length > 0);

        Assert.Equal(
            [
                "fluxd_test_other_total{route=\"/a\",status=\"200\"} 1",
                "fluxd_test_same_total{route=\"/a\",status=\"200\"} 4",
                "fluxd_test_same_total{route=\"200\",status=\"/a\"} 1",
                "fluxd_test_same_total{status=\"200\"} 1",
            ],
            lines);
    }

    [Fact]
    public void A_tag_with_too_many_values_costs_figures_and_not_memory()
    {
        var name = "test-" + Guid.NewGuid();
        using var meter = new Meter(name);
        using var metrics = new PrometheusMetrics(name);
        var counter = meter.CreateCounter<long>("fluxd.test.flood");

        for (var i = 0; i < TelemetryLimits.SeriesMax + 500; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("value", i));
        }

        Assert.Equal(TelemetryLimits.SeriesMax, metrics.Write().Split('\n').Count(line => line.StartsWith("fluxd_test_flood_total{", StringComparison.Ordinal)));
    }

    [Fact]
    public void Health_tells_what_is_wrong_per_part_and_a_check_that_throws_is_a_finding()
    {
        var health = new HealthRegistry();
        health.Register("store", () => null);
        health.Register("clock", () => throw new InvalidOperationException("not synchronised"), blocksReadiness: false);

        Assert.Equal([new PartHealth("clock", "not synchronised", false), new PartHealth("store", null, true)], health.Check());
    }

    [Fact]
    public void A_transfers_timeline_says_what_happened_until_its_end()
    {
        var transfers = new Transfers(10, TimeProvider.System);
        string id;
        using (var transfer = transfers.Begin("http", "anna", "192.0.2.1", "upload"))
        {
            id = transfer.Id;
            transfer.Accepted(100);
            transfer.Durable(60);
            transfer.Note("limiter: requests");
            transfer.End("client closed");
        }

        var report = transfers.Find(id)!;
        Assert.Equal((100, 60, "client closed"), (report.BytesAccepted, report.BytesDurable, report.Outcome));
        Assert.Equal("limiter: requests", Assert.Single(report.Events).What);
        Assert.Equal(id, transfers.Begin("sftp", "anna", "192.0.2.2", "upload", id).Id);
        Assert.Null(transfers.Find(id)!.Outcome);
    }

    [Fact]
    public void Timelines_are_bounded_in_number_and_in_length()
    {
        var transfers = new Transfers(10, TimeProvider.System);
        var running = transfers.Begin("sftp", "anna", "192.0.2.1", "download");
        for (var i = 0; i < 100; i++)
        {
            transfers.Begin("http", "anna", "192.0.2.1", "upload").Dispose();
            running.Note(new string('x', 10_000));
            running.Note("again");
        }

        Assert.Equal(11, transfers.Recent(1000).Count);
        var report = transfers.Find(running.Id)!;
        Assert.Equal(TelemetryLimits.EventsPerTransfer + 1, report.Events.Count);
        Assert.Equal(TelemetryLimits.RemarkCharsMax, report.Events[0].What.Length);
        Assert.Equal("and 100 more remarks", report.Events[^1].What);
    }
}

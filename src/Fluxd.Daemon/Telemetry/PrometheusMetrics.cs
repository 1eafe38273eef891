using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Fluxd.Core;

namespace Fluxd.Daemon.Telemetry;

/// <summary>
/// Listens to our meter and writes the Prometheus text format, version 0.0.4. Counters and histograms add up as they are
/// measured; observable instruments are asked at each scrape. Each instrument knows the series of the tags that it was
/// measured with before, so that a measurement makes no text. Thread-safe.
/// </summary>
internal sealed class PrometheusMetrics : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Seconds, from a cached read to a long upload.</summary>
    private static readonly double[] SecondsBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<(Instrument Instrument, string Labels), MetricSeries> _series = new();

    public PrometheusMetrics(string meterName = FluxTelemetry.Name)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == meterName)
            {
                listener.EnableMeasurementEvents(instrument, new ConcurrentDictionary<MetricTags, MetricSeries>(MetricTags.Comparer));
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, known) => Record(instrument, value, tags, known));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, known) => Record(instrument, value, tags, known));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, known) => Record(instrument, value, tags, known));
        _listener.Start();
    }

    public string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var group in _series.GroupBy(entry => entry.Key.Instrument).OrderBy(group => group.Key.Name, StringComparer.Ordinal))
        {
            WriteInstrument(text, group.Key, group.Select(entry => entry.Value).OrderBy(series => series.Labels, StringComparer.Ordinal));
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        var known = ((ConcurrentDictionary<MetricTags, MetricSeries>)state!).GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
        if (!known.TryGetValue(tags, out var series))
        {
            var labels = Labels(tags);
            if (!_series.TryGetValue((instrument, labels), out series))
            {
                if (_series.Count >= TelemetryLimits.SeriesMax)
                {
                    return;
                }

                series = _series.GetOrAdd((instrument, labels), key => new MetricSeries(key.Labels, IsHistogram(key.Instrument) ? SecondsBounds : null));
            }

            known.TryAdd(tags, series);
        }

        if (instrument.IsObservable)
        {
            series.Set(value);
        }
        else
        {
            series.Add(value);
        }
    }

    private static void WriteInstrument(StringBuilder text, Instrument instrument, IEnumerable<MetricSeries> all)
    {
        var kind = IsHistogram(instrument) ? "histogram" : IsCounter(instrument) ? "counter" : "gauge";
        var name = NameOf(instrument, kind);
        text.Append("# HELP ").Append(name).Append(' ').Append(instrument.Description ?? instrument.Name).Append('\n');
        text.Append("# TYPE ").Append(name).Append(' ').Append(kind).Append('\n');
        foreach (var series in all)
        {
            var (sum, count, buckets) = series.Read();
            if (kind != "histogram")
            {
                Line(text, name, series.Labels, sum);
                continue;
            }

            long total = 0;
            for (var i = 0; i < buckets.Length; i++)
            {
                total += buckets[i];
                var bound = i < SecondsBounds.Length ? SecondsBounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                Line(text, name + "_bucket", $"{series.Labels}{(series.Labels.Length > 0 ? "," : "")}le=\"{bound}\"", total);
            }

            Line(text, name + "_sum", series.Labels, sum);
            Line(text, name + "_count", series.Labels, count);
        }
    }

    private static void Line(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    private static bool IsHistogram(Instrument instrument) => instrument.GetType().Name.StartsWith("Histogram", StringComparison.Ordinal);

    private static bool IsCounter(Instrument instrument) =>
        instrument.GetType().Name.StartsWith("Counter", StringComparison.Ordinal) || instrument.GetType().Name.StartsWith("ObservableCounter", StringComparison.Ordinal);

    private static string NameOf(Instrument instrument, string kind)
    {
        var unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        return instrument.Name.Replace('.', '_') + unit + (kind == "counter" ? "_total" : "");
    }

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.Length == 0)
        {
            return "";
        }

        var labels = new List<string>(tags.Length);
        foreach (var (name, value) in tags)
        {
            var escaped = Convert.ToString(value, CultureInfo.InvariantCulture)?
                .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
            labels.Add($"{name.Replace('.', '_')}=\"{escaped}\"");
        }

        labels.Sort(StringComparer.Ordinal);
        return string.Join(',', labels);
    }
}

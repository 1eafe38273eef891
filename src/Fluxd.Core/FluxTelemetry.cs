using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;

namespace Fluxd.Core;

/// <summary>
/// The one meter and the one activity source. Instruments are named <c>fluxd.area.noun</c> with a unit; tags have few
/// values (frontend, outcome), never a path or a user.
/// </summary>
public static class FluxTelemetry
{
    public const string Name = "Fluxd";

    public static readonly Meter Meter = new(Name);

    public static readonly ActivitySource Activities = new(Name);

    private static readonly Counter<long> s_errors = Meter.CreateCounter<long>(
        "fluxd.errors", "{error}", "Operations that were answered with an error, by frontend and code");

    /// <summary>An operation was answered with an error.</summary>
    public static void Refused(string frontend, FluxError error) => Refused(frontend, JsonNamingPolicy.SnakeCaseLower.ConvertName(error.ToString()));

    /// <param name="code">As the frontend tells it: one of few.</param>
    public static void Refused(string frontend, string code) => s_errors.Add(1, new("frontend", frontend), new("code", code));
}

/// <summary>
/// Bytes of files that came and went, per frontend. Added to for each packet, so it is one addition without tags; the
/// meter asks for the sums.
/// </summary>
public sealed class Traffic
{
    private static readonly ConcurrentDictionary<(string Frontend, string Direction), Traffic> s_all = new();

    private static readonly ObservableCounter<long> s_bytes = FluxTelemetry.Meter.CreateObservableCounter(
        "fluxd.traffic", Measure, "By", "Bytes of files received (in) and sent (out), by frontend");

    private long _bytes;

    public static Traffic In(string frontend) => Of(frontend, "in");

    public static Traffic Out(string frontend) => Of(frontend, "out");

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);

    private static Traffic Of(string frontend, string direction)
    {
        // The instrument must be there before the first byte is.
        _ = s_bytes;
        return s_all.GetOrAdd((frontend, direction), _ => new Traffic());
    }

    private static IEnumerable<Measurement<long>> Measure() => s_all.Select(entry => new Measurement<long>(
        Interlocked.Read(ref entry.Value._bytes), new("frontend", entry.Key.Frontend), new("direction", entry.Key.Direction)));
}

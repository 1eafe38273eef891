using System.Diagnostics;
using System.Diagnostics.Metrics;

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
}

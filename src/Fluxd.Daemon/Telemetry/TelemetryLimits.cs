namespace Fluxd.Daemon.Telemetry;

internal static class TelemetryLimits
{
    /// <summary>Series of all instruments together: a tag with too many values must cost figures, not memory.</summary>
    public const int SeriesMax = 2000;

    /// <summary>Remarks kept of one transfer; later ones are only counted.</summary>
    public const int EventsPerTransfer = 100;

    /// <summary>Characters of one remark.</summary>
    public const int RemarkCharsMax = 200;
}

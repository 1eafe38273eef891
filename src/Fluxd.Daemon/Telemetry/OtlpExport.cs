using Fluxd.Core;
using Fluxd.Daemon.Config;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Fluxd.Daemon.Telemetry;

/// <summary>Sends metrics and traces to a collector, where one is configured. The exporters retry by themselves and drop what doesn't fit.</summary>
internal sealed class OtlpExport : IDisposable
{
    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    private OtlpExport(Uri endpoint)
    {
        _metrics = Sdk.CreateMeterProviderBuilder().AddMeter(FluxTelemetry.Name).AddOtlpExporter(options => options.Endpoint = endpoint).Build();
        _traces = Sdk.CreateTracerProviderBuilder().AddSource(FluxTelemetry.Name).AddOtlpExporter(options => options.Endpoint = endpoint).Build();
    }

    public static OtlpExport? Start(TelemetryConfig config) => config.Otlp.Length == 0 ? null : new OtlpExport(new Uri(config.Otlp));

    public void Dispose()
    {
        _metrics.Dispose();
        _traces.Dispose();
    }
}

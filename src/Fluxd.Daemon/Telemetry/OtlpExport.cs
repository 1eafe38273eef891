using Fluxd.Core;
using Fluxd.Daemon.Config;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Fluxd.Daemon.Telemetry;

/// <summary>
/// Sends metrics and traces to a collector, where one is configured: by gRPC, or by HTTP where the address has port 4318
/// or a path. The exporters retry by themselves and drop what doesn't fit; a stop sends what is left.
/// </summary>
internal sealed class OtlpExport : IDisposable
{
    private const int PortOfHttp = 4318;

    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    private OtlpExport(Uri endpoint)
    {
        var resource = ResourceBuilder.CreateDefault().AddService("fluxd", serviceVersion: Program.Version);
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(FluxTelemetry.Name).AddOtlpExporter(options => Set(options, endpoint, "metrics")).Build();

        // The web server's own activity is nobody's sample; ours must not follow it into silence.
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).SetSampler(new AlwaysOnSampler()).AddSource(FluxTelemetry.Name).AddOtlpExporter(options => Set(options, endpoint, "traces")).Build();
    }

    public static OtlpExport? Start(TelemetryConfig config) => config.Otlp.Length == 0 ? null : new OtlpExport(new Uri(config.Otlp));

    public void Dispose()
    {
        _metrics.Dispose();
        _traces.Dispose();
    }

    /// <summary>With HTTP each kind has its own address below the collector's.</summary>
    private static void Set(OtlpExporterOptions options, Uri endpoint, string kind)
    {
        var isHttp = endpoint.Port == PortOfHttp || endpoint.AbsolutePath.Length > 1;
        options.Protocol = isHttp ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
        options.Endpoint = isHttp ? new Uri($"{endpoint.AbsoluteUri.TrimEnd('/')}/v1/{kind}") : endpoint;
    }
}

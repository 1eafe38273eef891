using System.Diagnostics.Metrics;
using Fluxd.Core;
using Fluxd.Core.Coordination;
using Fluxd.Core.Frontends;
using Fluxd.Store;
using Fluxd.Store.Upkeep;
using Fluxd.Transports.Net;

namespace Fluxd.Daemon.Telemetry;

/// <summary>What the gauges are read from.</summary>
internal sealed record GaugeSources(FluxdStore Store, StoreUpkeep Upkeep, ISessions Sessions, Transfers Transfers, ConnectionBudget Connections)
{
    /// <summary>Empty until they are made.</summary>
    public IReadOnlyList<IFrontend> Frontends { get; set; } = [];
}

/// <summary>
/// The figures that are asked for at each scrape and not counted. What the catalogue must be asked for is read by
/// <see cref="RefreshAsync"/>: before a scrape, and every minute where figures are sent.
/// </summary>
internal sealed class DaemonGauges : IDisposable
{
    private readonly GaugeSources _sources;
    private readonly Meter _meter = new(FluxTelemetry.Name);
    private StoreFigures? _figures;

    public DaemonGauges(GaugeSources sources)
    {
        _sources = sources;
        _meter.CreateObservableGauge("fluxd.connections", Connections, "{connection}", "Open connections, by frontend");
        _meter.CreateObservableCounter("fluxd.connections.refused", () => sources.Connections.Refused, "{connection}", "Connections turned away because limits.connections was reached");
        _meter.CreateObservableGauge("fluxd.sessions", Sessions, "{session}", "Logins that go on, by frontend");
        _meter.CreateObservableGauge("fluxd.transfers.running", () => sources.Transfers.Running, "{transfer}", "Transfers that go on");
        _meter.CreateObservableGauge("fluxd.store.queue", () => sources.Store.Catalog.WaitingWrites, "{write}", "Writes that wait for their group");
        _meter.CreateObservableGauge("fluxd.store.fault", () => sources.Store.Fault is null ? 0 : 1, "1", "1 while the store is read-only after a disk error");
        _meter.CreateObservableGauge("fluxd.store.size", Sizes, "By", "What the store takes on the disk, by part");
        _meter.CreateObservableGauge("fluxd.store.current", () => Volatile.Read(ref _figures)?.CurrentBytes ?? 0, "By", "Bytes of current files, as quotas count them");
        _meter.CreateObservableGauge("fluxd.store.files", () => Volatile.Read(ref _figures)?.CurrentFiles ?? 0, "{file}", "Current files and folders");
        _meter.CreateObservableGauge("fluxd.store.ratio", () => Volatile.Read(ref _figures)?.Ratio ?? 1, "1", "Bytes of current files per byte in packs: above 1, sharing and compression save space");
        _meter.CreateObservableGauge("fluxd.disk.free", () => sources.Store.Space.Space.Free, "By", "Free on the store's disk");
        _meter.CreateObservableGauge("fluxd.disk.size", () => sources.Store.Space.Space.Total, "By", "The store's disk");
        _meter.CreateObservableGauge("fluxd.memory", () => Environment.WorkingSet, "By", "Resident memory of the daemon");
    }

    public async Task RefreshAsync(CancellationToken ct)
    {
        var stat = await _sources.Upkeep.StatAsync(ct);
        var ratio = stat.PackBytes > 0 ? (double)stat.CurrentBytes / stat.PackBytes : 1;
        Volatile.Write(ref _figures, new StoreFigures(stat.PackBytes, stat.CatalogBytes, stat.CurrentBytes, stat.CurrentFiles, ratio));
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<int>> Connections() =>
        _sources.Frontends.Select(frontend => new Measurement<int>(frontend.ConnectionCount, new KeyValuePair<string, object?>("frontend", frontend.Name)));

    /// <summary>A frontend whose last session ended still shows: as zero.</summary>
    private IEnumerable<Measurement<int>> Sessions()
    {
        var live = _sources.Sessions.List().CountBy(session => session.Frontend).ToDictionary(StringComparer.Ordinal);
        return _sources.Frontends.Select(frontend => frontend.Name)
            .Select(name => new Measurement<int>(live.GetValueOrDefault(name), new KeyValuePair<string, object?>("frontend", name)));
    }

    private IEnumerable<Measurement<long>> Sizes() => Volatile.Read(ref _figures) is not { } figures ? [] :
    [
        new(figures.PackBytes, new KeyValuePair<string, object?>("part", "packs")),
        new(figures.CatalogBytes, new KeyValuePair<string, object?>("part", "catalog")),
    ];

    private sealed record StoreFigures(long PackBytes, long CatalogBytes, long CurrentBytes, long CurrentFiles, double Ratio);
}

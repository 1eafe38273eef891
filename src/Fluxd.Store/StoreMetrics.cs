using System.Diagnostics.Metrics;
using Fluxd.Core;

namespace Fluxd.Store;

/// <summary>The store's counters. Those that move with each chunk are sums that the meter asks for.</summary>
internal static class StoreMetrics
{
    private static long s_writes;
    private static long s_groups;
    private static long s_chunksNew;
    private static long s_chunksKnown;
    private static long s_bytesNew;
    private static long s_bytesKnown;
    private static long s_bytesStored;
    private static long s_planHits;
    private static long s_planMisses;
    private static long s_chunkHits;
    private static long s_chunkMisses;

    /// <summary>How long a group's callers waited for the disk: the log's sync or the catalogue's.</summary>
    private static readonly Histogram<double> s_commits = FluxTelemetry.Meter.CreateHistogram<double>(
        "fluxd.store.commit.duration", "s", "Making one group of writes durable");

    private static readonly Counter<long> s_syncs = FluxTelemetry.Meter.CreateCounter<long>(
        "fluxd.store.syncs", "{sync}", "Syncs of pack files");

    static StoreMetrics()
    {
        var meter = FluxTelemetry.Meter;
        meter.CreateObservableCounter("fluxd.store.commits", () => Interlocked.Read(ref s_groups), "{commit}", "Groups of writes that became durable");
        meter.CreateObservableCounter("fluxd.store.writes", () => Interlocked.Read(ref s_writes), "{write}", "Writes in those groups");
        meter.CreateObservableCounter(
            "fluxd.store.chunks", () => Two(ref s_chunksNew, "new", ref s_chunksKnown, "known"), "{chunk}", "Chunks of what was written: new ones, and known ones that were not stored again");
        meter.CreateObservableCounter(
            "fluxd.store.written", () => Two(ref s_bytesNew, "new", ref s_bytesKnown, "known"), "By", "Their bytes before compression");
        meter.CreateObservableCounter("fluxd.store.stored", () => Interlocked.Read(ref s_bytesStored), "By", "Bytes of new chunks as they lie in the packs");
        meter.CreateObservableCounter(
            "fluxd.store.plan.lookups", () => Two(ref s_planHits, "hit", ref s_planMisses, "miss", "cache"), "{lookup}", "Where a range of a file lies: from the cache or the catalogue");
        meter.CreateObservableCounter(
            "fluxd.store.chunk.lookups", () => Two(ref s_chunkHits, "hit", ref s_chunkMisses, "miss", "cache"), "{lookup}", "Partly read chunks and small files: from the cache or the packs");
    }

    public static void Committed(int writes, TimeSpan duration)
    {
        Interlocked.Increment(ref s_groups);
        Interlocked.Add(ref s_writes, writes);
        s_commits.Record(duration.TotalSeconds);
    }

    public static void Synced() => s_syncs.Add(1);

    public static void StoredChunk(long bytes, long stored)
    {
        Interlocked.Increment(ref s_chunksNew);
        Interlocked.Add(ref s_bytesNew, bytes);
        Interlocked.Add(ref s_bytesStored, stored);
    }

    public static void KnownChunk(long bytes)
    {
        Interlocked.Increment(ref s_chunksKnown);
        Interlocked.Add(ref s_bytesKnown, bytes);
    }

    public static void PlanLookup(bool hit) => Interlocked.Increment(ref hit ? ref s_planHits : ref s_planMisses);

    public static void ChunkLookup(bool hit) => Interlocked.Increment(ref hit ? ref s_chunkHits : ref s_chunkMisses);

    private static Measurement<long>[] Two(ref long one, string oneIs, ref long other, string otherIs, string tag = "state") =>
    [
        new(Interlocked.Read(ref one), new KeyValuePair<string, object?>(tag, oneIs)),
        new(Interlocked.Read(ref other), new KeyValuePair<string, object?>(tag, otherIs)),
    ];
}

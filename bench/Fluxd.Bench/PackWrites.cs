using System.Diagnostics;
using Fluxd.Core.Chunking;
using Fluxd.Store;
using Fluxd.Store.Disk;
using Fluxd.Store.Packs;

namespace Fluxd.Bench;

/// <summary>Durable writes of chunks into packs, a sync for every 16 MiB: wall time, to be put beside dd in the same run.</summary>
internal static class PackWrites
{
    private const int Chunk = 64 << 10;
    private const int Extent = 4 << 20;
    private const int Group = 16 << 20;

    internal static void Run(string folder, int mebibytes)
    {
        Directory.CreateDirectory(folder);
        var disk = new LocalDisk(folder);
        PackStore.CreateFolders(disk);
        using var packs = new PackStore(disk, StoreManifest.CreateNew().Identity);
        var payload = new byte[Extent];
        new Random(2).NextBytes(payload);
        var chunks = new ChunkEntry[Extent / Chunk];
        for (var i = 0; i < chunks.Length; i++)
            chunks[i] = new ChunkEntry(ChunkHash.Of([(byte)i]), Chunk, Chunk, ChunkCodec.Raw, Crc32C.Of(payload.AsSpan(i * Chunk, Chunk)));

        long next = 0, group = 0, written = 0;
        using var lane = new PackLane(packs, () => ++next, StoreLimits.PackBytes);
        var clock = Stopwatch.StartNew();
        while (written < (long)mebibytes << 20)
        {
            lane.Append(payload, chunks);
            written += Extent;
            if (written % Group == 0)
                Commit(lane, ++group);
        }
        Commit(lane, ++group);
        lane.SealAll();
        Console.WriteLine($"packs {written / clock.Elapsed.TotalSeconds / 1e6:F0}");
    }

    private static void Commit(PackLane lane, long group)
    {
        foreach (var writer in lane.Touched)
        {
            writer.FinishSegment(group, 1, []);
            writer.Sync();
        }
        lane.SealFull();
    }
}

using System.Buffers.Binary;
using Fluxd.Core.Chunking;
using Fluxd.Store.Packs;

namespace Fluxd.Bench;

/// <summary>
/// Chunk rows through the committer: each batch is durable (log and sync) before the next begins, the hash index is
/// merged beside it. Chunks of one byte: what is written is the log's entries, the rows and the index. Then the
/// store is opened once more, which reads all keys.
/// </summary>
internal static class IndexRows
{
    private const int Batch = 10_000;

    internal static async Task RunAsync(string folder, long rows)
    {
        await FillAsync(folder, rows);
        var usage = new Usage();
        await using var again = await OpenStore.OpenAsync(folder);
        Console.WriteLine($"reopen-s {usage.WallSeconds:F1}");
    }

    private static async Task FillAsync(string folder, long rows)
    {
        await using var store = await OpenStore.OpenAsync(folder);
        var catalog = store.Store.Catalog;
        var usage = new Usage();
        var payload = new byte[Batch];
        var slowest = 0.0;
        for (var at = 0L; at < rows; at += Batch)
        {
            var entries = Entries(at);
            var commit = new Usage();
            await catalog.WriteAsync(db => db.AppendChunks(0, payload, entries), CancellationToken.None);
            slowest = Math.Max(slowest, commit.WallSeconds);
            if ((at + Batch) % (rows / 10) < Batch)
            {
                Console.Error.WriteLine($"{at + Batch} rows, {(at + Batch) / usage.WallSeconds:F0} a second");
            }
        }

        // Merges that are due belong to the price.
        while (catalog.Index.WantsMerge)
        {
            await Task.Delay(10);
        }

        var (wall, cpu, written) = (usage.WallSeconds, usage.CpuSeconds, usage.BytesWritten);
        var found = await LookUpAsync(store, rows);
        Console.WriteLine($"""
            rows {rows}
            rows-per-s {rows / wall:F0}
            rows-per-cpu-s {rows / cpu:F0}
            bytes-per-row {written / (double)rows:F0}
            catalogue-bytes-per-row {(new FileInfo(store.Store.CatalogFile).Length + new FileInfo(store.Store.CatalogFile + "-wal").Length) / (double)rows:F0}
            slowest-commit-ms {slowest * 1000:F0}
            lookups-per-s {found:F0}
            rss-mb {Usage.PeakMiB}
            """);
    }

    /// <summary>Hashes as random as SHA-256s are, without the price of making them.</summary>
    private static ChunkEntry[] Entries(long first)
    {
        var entries = new ChunkEntry[Batch];
        for (var i = 0; i < Batch; i++)
        {
            entries[i] = new ChunkEntry(HashOf(first + i), 1, 1, ChunkCodec.Raw, 0);
        }

        return entries;
    }

    private static ChunkHash HashOf(long number)
    {
        Span<byte> bytes = stackalloc byte[ChunkHash.Size];
        for (var i = 0; i < ChunkHash.Size; i += sizeof(ulong))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[i..], Mix((ulong)number + ((ulong)i << 56)));
        }

        return new ChunkHash(bytes);
    }

    /// <summary>SplitMix64's finish: a bijection, so that no two rows share a hash.</summary>
    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private static async Task<double> LookUpAsync(OpenStore store, long rows)
    {
        const int Lookups = 100_000;
        var usage = new Usage();
        var missing = await store.Store.Catalog.WriteAsync(
            db =>
            {
                var random = new Random(1);
                var missing = 0;
                for (var i = 0; i < Lookups; i++)
                {
                    missing += db.FindChunk(HashOf(random.NextInt64(rows))) is null ? 1 : 0;
                }

                return missing;
            },
            CancellationToken.None);
        return missing == 0 ? Lookups / usage.WallSeconds : throw new InvalidOperationException($"{missing} rows are not found.");
    }
}

using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Bench;

/// <summary>One big new file, durable: from a file in the page cache, or (for memory) made up as it goes.</summary>
internal static class BigFile
{
    private const int Piece = 256 << 10;

    /// <summary>What is stored before the clock starts: a daemon runs for months, and its code is compiled in its first seconds.</summary>
    private const int WarmUpMiB = 128;

    internal static async Task PutAsync(string source, string folder)
    {
        using var from = File.OpenHandle(source);
        await using var store = await OpenStore.OpenAsync(folder, CompressionMode.Off);
        var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true };
        await using (var other = await store.Trees.Files.OpenAsync(OpenStore.Who, FilePath.Parse("/other"), request, CancellationToken.None))
        {
            await WriteNewAsync(WarmUpMiB << 20, (at, noise) => other.WriteAsync(at, noise, CancellationToken.None));
            await other.CloseAsync(CancellationToken.None);
        }

        var buffer = new byte[Piece];
        var usage = new Usage();
        await using var to = await store.Trees.Files.OpenAsync(OpenStore.Who, FilePath.Parse("/big"), request, CancellationToken.None);
        var offset = 0L;
        while (RandomAccess.Read(from, buffer, offset) is > 0 and var got)
        {
            await to.WriteAsync(offset, buffer.AsMemory(0, got), CancellationToken.None);
            offset += got;
        }

        await to.CloseAsync(CancellationToken.None);
        Console.WriteLine($"mb-per-s {offset / usage.WallSeconds / 1e6:F0}");
        Console.WriteLine($"cpu-s-per-gb {usage.CpuSeconds / offset * 1e9:F2}");
    }

    /// <summary>An upload session of so many MiB, no two of its chunks alike, and what memory it took.</summary>
    internal static async Task UploadAsync(string folder, long mebibytes)
    {
        await using var store = await OpenStore.OpenAsync(folder);
        var usage = new Usage();
        var size = mebibytes << 20;
        var request = new UploadRequest { Target = FilePath.Parse("/big"), Size = size };
        var created = await store.Trees.Uploads.CreateAsync(OpenStore.Who, request, CancellationToken.None);
        await using (var writer = await store.Trees.Uploads.OpenAsync(OpenStore.Who, created.Id, CancellationToken.None))
        {
            await WriteNewAsync(size, (_, noise) => writer.WriteAsync(noise, CancellationToken.None));
            await writer.FlushAsync(CancellationToken.None);
        }

        var done = await store.Trees.Uploads.CompleteAsync(OpenStore.Who, created.Id, CancellationToken.None);
        Console.WriteLine($"""
            bytes {done.Result!.Size}
            wall {usage.WallSeconds:F1}
            cpu {usage.CpuSeconds:F1}
            rss-mb {Usage.PeakMiB}
            """);
    }

    private static async Task WriteNewAsync(long size, Func<long, ReadOnlyMemory<byte>, ValueTask> write)
    {
        var noise = new byte[1 << 20];
        new Random(1).NextBytes(noise);
        for (var at = 0L; at < size; at += noise.Length)
        {
            // A few changed bytes in each 8 KiB make every chunk a new one; making all of them up would be the slower half.
            for (var i = 0; i < noise.Length; i += 8 << 10)
            {
                BitConverter.TryWriteBytes(noise.AsSpan(i), at + i);
            }

            await write(at, noise);
        }
    }
}

using Fluxd.Core.Files;

namespace Fluxd.Bench;

/// <summary>Small new files, each answered when it is durable, by clients that share the store's groups.</summary>
internal static class ManyFiles
{
    private const int FilesPerFolder = 1000;

    internal static async Task RunAsync(string folder, int count, int bytes, int clients)
    {
        await using var store = await OpenStore.OpenAsync(folder);
        var files = store.Trees.Files;
        for (var i = 0; i < count; i += FilesPerFolder)
        {
            await files.MakeFolderAsync(OpenStore.Who, FilePath.Parse($"/f{i / FilesPerFolder}"), null, parents: true, CancellationToken.None);
        }

        var usage = new Usage();
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            var content = new byte[bytes];
            for (int i; (i = Interlocked.Increment(ref next)) < count;)
            {
                new Random(i).NextBytes(content);
                var request = new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true };
                await using var file = await files.OpenAsync(OpenStore.Who, FilePath.Parse($"/f{i / FilesPerFolder}/{i}"), request, CancellationToken.None);
                await file.WriteAsync(0, content, CancellationToken.None);
                await file.CloseAsync(CancellationToken.None);
            }
        })));
        Console.WriteLine($"""
            files {count}
            files-per-s {count / usage.WallSeconds:F0}
            files-per-cpu-s {count / usage.CpuSeconds:F0}
            rss-mb {Usage.PeakMiB}
            """);
    }
}

using System.Threading.Channels;
using Fluxd.Core.Files;
using Fluxd.Store.Packs.Codecs;

namespace Fluxd.Bench;

/// <summary>
/// Stores a folder's files through the same calls that frontends make, many at a time as a pipelining client does.
/// Files whose size and time are known already are skipped, as backup programs do: so a second run is the re-ingest.
/// </summary>
internal static class TreeIngest
{
    private const int Workers = 64;
    private const int Piece = 64 << 10;

    internal static async Task RunAsync(string source, string compression, string folder)
    {
        var usage = new Usage();
        var (files, bytes, skipped) = (0, 0L, 0);
        await using (var store = await OpenStore.OpenAsync(folder, compression == "off" ? CompressionMode.Off : CompressionMode.Auto))
        {
            var queue = Channel.CreateBounded<(FileInfo File, FilePath Path)>(Workers);
            var workers = Enumerable.Range(0, Workers).Select(_ => Task.Run(async () =>
            {
                var buffer = new byte[Piece];
                await foreach (var (file, path) in queue.Reader.ReadAllAsync())
                {
                    await PutAsync(store.Trees.Files, file, path, buffer);
                }
            })).ToArray();
            var directories = Directory.EnumerateDirectories(source, "*", SearchOption.AllDirectories).Prepend(source).Order(StringComparer.Ordinal).ToList();
            await MakeFoldersAsync(store.Trees.Files, directories.ConvertAll(directory => PathOf(source, directory)));
            foreach (var directory in directories)
            {
                var known = await KnownAsync(store.Trees.Files, PathOf(source, directory));
                foreach (var file in new DirectoryInfo(directory).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal))
                {
                    files++;
                    bytes += file.Length;
                    if (known.TryGetValue(file.Name, out var there) && there == (file.Length, TimeOf(file)))
                    {
                        skipped++;
                        continue;
                    }

                    await queue.Writer.WriteAsync((file, PathOf(source, file.FullName)));
                }
            }

            queue.Writer.Complete();
            await Task.WhenAll(workers);
        }

        Console.WriteLine($"""
            files {files}
            skipped {skipped}
            bytes {bytes}
            stored {OpenStore.StoredBytes(folder)}
            catalogue {new FileInfo(Path.Combine(folder, "catalog.db")).Length}
            wall {usage.WallSeconds:F2}
            cpu {usage.CpuSeconds:F2}
            rss-mb {Usage.PeakMiB}
            """);
    }

    private static FilePath PathOf(string source, string path) => FilePath.Parse("/" + Path.GetRelativePath(source, path).TrimStart('.'));

    private static FileTime TimeOf(FileInfo file) => FileTime.From(file.LastWriteTimeUtc);

    /// <summary>As the files: many at a time, only the parents first.</summary>
    private static async Task MakeFoldersAsync(IFiles files, IEnumerable<FilePath> folders)
    {
        foreach (var level in folders.GroupBy(folder => folder.Names.Length).OrderBy(level => level.Key))
        {
            await Parallel.ForEachAsync(level, new ParallelOptions { MaxDegreeOfParallelism = Workers }, async (folder, ct) =>
                await files.MakeFolderAsync(OpenStore.Who, folder, null, parents: true, ct));
        }
    }

    private static async Task<Dictionary<string, (long Size, FileTime Time)>> KnownAsync(IFiles files, FilePath folder)
    {
        var known = new Dictionary<string, (long, FileTime)>();
        for (string? cursor = null; ;)
        {
            var page = await files.ListAsync(OpenStore.Who, folder, new ListRequest { Cursor = cursor }, CancellationToken.None);
            foreach (var node in page.Entries)
            {
                known[node.Name.ToString()] = (node.Size, node.ModifiedAt);
            }

            if ((cursor = page.Next) is null)
            {
                return known;
            }
        }
    }

    private static async Task PutAsync(IFiles files, FileInfo file, FilePath path, byte[] buffer)
    {
        using var from = File.OpenHandle(file.FullName);
        var request = new OpenRequest
        {
            Access = OpenAccess.Write,
            Create = true,
            Truncate = true,
            Attributes = new AttributeChange { ModifiedAt = TimeOf(file) },
        };
        await using var to = await files.OpenAsync(OpenStore.Who, path, request, CancellationToken.None);
        var offset = 0L;
        while (RandomAccess.Read(from, buffer, offset) is > 0 and var got)
        {
            await to.WriteAsync(offset, buffer.AsMemory(0, got), CancellationToken.None);
            offset += got;
        }

        await to.CloseAsync(CancellationToken.None);
    }
}

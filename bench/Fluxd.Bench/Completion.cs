using System.Diagnostics;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Uploads;

namespace Fluxd.Bench;

/// <summary>The last byte of an upload and its publishing, in turns for a small file and for a big one.</summary>
internal static class Completion
{
    private const long Small = 1 << 20;
    private const long Piece = 64 << 20;
    private const int Pieces = 160;

    /// <summary>The big file repeats a piece whose chunks are there: its recipe is as long as any of its size, and making it takes a second.</summary>
    internal static async Task RunAsync(string folder, int turns)
    {
        await using var store = await OpenStore.OpenAsync(folder);
        var piece = await CompleteAsync(store, await BeginAsync(store, "/piece", Piece));
        var content = await store.Store.Catalog.ReadAsync(
            db =>
            {
                using var row = db.Sql("SELECT content FROM version WHERE id = ?1").Bind(piece.Node.Version);
                return row.RunScalar()!.Value;
            },
            CancellationToken.None);

        for (var turn = 0; turn <= turns; turn++)
        {
            var small = await BeginAsync(store, $"/small-{turn}", Small);
            var big = await CopyAsync(store, $"/big-{turn}", content);
            var bigFirst = turn % 2 == 1;
            var first = await CompleteAsync(store, bigFirst ? big : small);
            var second = await CompleteAsync(store, bigFirst ? small : big);
            var (smallDone, bigDone) = bigFirst ? (second, first) : (first, second);

            // The first turn warms up.
            if (turn > 0)
            {
                Console.WriteLine($"turn {smallDone.Milliseconds:F2} {bigDone.Milliseconds:F2} {bigDone.Node.Size}");
            }
        }
    }

    /// <summary>All but the last byte, durable.</summary>
    private static async Task<UploadId> BeginAsync(OpenStore store, string path, long size)
    {
        var created = await CreateAsync(store, path, size);
        var noise = new byte[size - 1];
        Random.Shared.NextBytes(noise);
        await using var writer = await store.Trees.Uploads.OpenAsync(OpenStore.Who, created, CancellationToken.None);
        await writer.WriteAsync(noise, CancellationToken.None);
        return created;
    }

    private static async Task<UploadId> CopyAsync(OpenStore store, string path, long content)
    {
        var created = await CreateAsync(store, path, (Pieces * Piece) + 1);
        await using var writer = (UploadWriter)await store.Trees.Uploads.OpenAsync(OpenStore.Who, created, CancellationToken.None);
        for (var i = 0; i < Pieces; i++)
        {
            await writer.AppendAsync(content, 0, Piece, CancellationToken.None);
        }

        return created;
    }

    private static async Task<UploadId> CreateAsync(OpenStore store, string path, long size)
    {
        var request = new UploadRequest { Target = FilePath.Parse(path), Size = size };
        return (await store.Trees.Uploads.CreateAsync(OpenStore.Who, request, CancellationToken.None)).Id;
    }

    private static async Task<(double Milliseconds, NodeInfo Node)> CompleteAsync(OpenStore store, UploadId id)
    {
        var clock = Stopwatch.StartNew();
        await using (var writer = await store.Trees.Uploads.OpenAsync(OpenStore.Who, id, CancellationToken.None))
        {
            await writer.WriteAsync(new byte[1], CancellationToken.None);
        }

        var done = await store.Trees.Uploads.CompleteAsync(OpenStore.Who, id, CancellationToken.None);
        return (clock.Elapsed.TotalMilliseconds, done.Result!);
    }
}

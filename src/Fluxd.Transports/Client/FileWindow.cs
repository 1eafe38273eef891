using Fluxd.Core.Chunking;
using Fluxd.Core.Uploads;

namespace Fluxd.Transports.Client;

/// <summary>A stretch of a local file, cut as the server cuts it.</summary>
/// <param name="Bytes">Those of each chunk of the recipe.</param>
internal sealed record FileWindow(IReadOnlyList<ChunkRef> Recipe, IReadOnlyList<ReadOnlyMemory<byte>> Bytes, ReadOnlyMemory<byte> Content)
{
    public int Length => Content.Length;

    public static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0, FileOptions.SequentialScan | FileOptions.Asynchronous);

    public static async Task<Chunker> ChunkerAsync(FileStream file, long size, CancellationToken ct)
    {
        var head = new byte[ContentSniffer.HeadBytes];
        var count = await file.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, ct);
        file.Position = 0;
        return Chunker.For(ContentSniffer.Choose(head.AsSpan(0, count), size));
    }

    /// <summary>From where the file stands; it stands behind the window then. Empty at the end.</summary>
    /// <param name="bytesMax">At least the longest chunk.</param>
    public static async Task<FileWindow> ReadAsync(FileStream file, Chunker chunker, int bytesMax, CancellationToken ct)
    {
        var start = file.Position;
        var buffer = new byte[bytesMax];
        var got = await file.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct);
        var isLast = file.Position == file.Length;
        var (recipe, bytes, at) = (new List<ChunkRef>(), new List<ReadOnlyMemory<byte>>(), 0);

        // A cut needs the longest possible chunk ahead of it, or the end of the file.
        while (at < got && (isLast || got - at >= chunker.Sizes.Max))
        {
            var length = chunker.Cut(buffer.AsSpan(at, got - at));
            recipe.Add(new ChunkRef(ChunkHash.Of(buffer.AsSpan(at, length)), length));
            bytes.Add(buffer.AsMemory(at, length));
            at += length;
        }

        file.Position = start + at;
        return new FileWindow(recipe, bytes, buffer.AsMemory(0, at));
    }
}

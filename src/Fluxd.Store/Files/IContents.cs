using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Content;

namespace Fluxd.Store.Files;

/// <summary>The bytes of one file version: a sealed row of <c>content</c>.</summary>
/// <param name="Tag">32 bytes; equal content has an equal tag.</param>
internal sealed record ContentRef(long Id, long Size, byte[] Tag);

/// <summary>
/// What the trees need of the layer that cuts, stores and reads bytes. Thread-safe. Content that no row refers to and
/// nobody holds is removed by garbage collection, so dropping a sink needs no care; but whoever keeps a content's id
/// from one transaction to the next holds it by a ticket.
/// </summary>
internal interface IContents
{
    ContentHolds Holds { get; }

    /// <param name="scope">Whose chunks may be found, and whose the new ones are.</param>
    IContentSink Begin(ChunkScope scope);

    /// <summary>Goes on with unsealed content at its durable size.</summary>
    ValueTask<IContentSink> ResumeAsync(long content, ChunkScope scope, CancellationToken ct);

    /// <summary>Up to the buffer's length; 0 at the end. Every byte is checked before it is given.</summary>
    ValueTask<int> ReadAsync(long content, long offset, Memory<byte> buffer, CancellationToken ct);

    /// <summary>
    /// As <see cref="ReadAsync"/>, but may stop at the end of a chunk where going on would mean to cut one; 0 only at the
    /// end. For who reads on: <paramref name="cut"/> keeps the chunk that had to be cut for the next call.
    /// </summary>
    ValueTask<int> ReadSomeAsync(long content, long offset, Memory<byte> buffer, CutChunk cut, CancellationToken ct);

    /// <summary>A digest of the whole sealed content, where it is known.</summary>
    ValueTask<ContentDigest?> FindDigestAsync(long content, DigestAlgorithm algorithm, CancellationToken ct);

    /// <summary>Some of the content's chunks, beginning with the one that holds the offset; none at the end.</summary>
    ValueTask<IReadOnlyList<ContentChunk>> ChunksAsync(long content, long offset, CancellationToken ct);

    /// <summary>The runs of chunk ids that a content is made of, at most so many.</summary>
    ValueTask<IReadOnlyList<ContentRun>> RunsAsync(long content, int most, CancellationToken ct);

    /// <summary>One whole chunk, checked.</summary>
    ValueTask<byte[]> ReadChunkAsync(long chunk, CancellationToken ct);
}

/// <summary>A chunk and where it is in its content.</summary>
internal readonly record struct ContentChunk(ChunkHash Hash, long Offset, int Length, long Id);

/// <param name="PartStart">Where in the content the part of the recipe begins that has the run.</param>
internal readonly record struct ContentRun(long First, int Count, long PartStart);

/// <summary>Content being written, from its first byte on; it is held as long as this lives, and so is what was appended from. One caller at a time; disposing without sealing publishes nothing.</summary>
internal interface IContentSink : IAsyncDisposable
{
    /// <summary>Accepted bytes.</summary>
    long Length { get; }

    ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct);

    /// <summary>Appends a range of other content; chunks that lie whole in it are shared, only the edges are cut anew.</summary>
    ValueTask AppendAsync(long content, long offset, long count, CancellationToken ct);

    /// <summary>Reads back what was accepted, durable or not.</summary>
    ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct);

    /// <summary>Makes all accepted bytes durable, together with what <paramref name="also"/> writes (content id, durable size).</summary>
    Task<T> FlushAsync<T>(Func<CatalogTransaction, long, long, T> also, CancellationToken ct);

    /// <summary>
    /// Ends the content and publishes it: <paramref name="publish"/> runs in the transaction that makes it durable, and
    /// if it throws nothing of that transaction stays and the sink can be used on.
    /// </summary>
    Task<T> SealAsync<T>(Func<CatalogTransaction, ContentRef, T> publish, CancellationToken ct);
}

internal static class ContentsExtensions
{
    /// <summary>As <see cref="IOpenFile.ChunksAsync"/>.</summary>
    public static async ValueTask<IReadOnlyList<ChunkRef>> RecipeAsync(this IContents contents, long content, long offset, CancellationToken ct)
    {
        var chunks = (await contents.ChunksAsync(content, offset, ct)).SkipWhile(chunk => chunk.Offset + chunk.Length <= offset).Take(Limits.ChunksPerCallMax).ToList();
        return chunks is [var first, ..] && first.Offset != offset
            ? throw FluxException.Invalid("A recipe is read from the beginning of one of its chunks.")
            : [.. chunks.Select(chunk => new ChunkRef(chunk.Hash, chunk.Length))];
    }

    /// <summary>
    /// Goes on with a session's content at its durable size, which is what the client was shown. Bytes behind it that
    /// reached the disk before a crash are dropped: a client that appends would put its own behind them.
    /// A content that was ended on the way (to be put together anew) and whose successor never became durable is
    /// copied, chunks shared: its bytes were promised.
    /// </summary>
    public static async ValueTask<IContentSink> ReopenAsync(
        this IContents contents, long content, long durable, ChunkScope scope, CancellationToken ct)
    {
        try
        {
            var sink = await contents.ResumeAsync(content, scope, ct);
            if (sink.Length == durable)
            {
                return sink;
            }

            await sink.DisposeAsync();
        }
        catch (FluxException e) when (e.Error == FluxError.NotFound)
        {
        }

        return await CopyAsync(contents, content, durable, scope, ct);
    }

    private static async ValueTask<IContentSink> CopyAsync(
        IContents contents, long content, long durable, ChunkScope scope, CancellationToken ct)
    {
        var sink = contents.Begin(scope);
        try
        {
            await sink.AppendAsync(content, 0, durable, ct);
            return sink;
        }
        catch
        {
            await sink.DisposeAsync();
            throw;
        }
    }
}

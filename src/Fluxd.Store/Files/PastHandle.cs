using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Content;

namespace Fluxd.Store.Files;

/// <summary>A version, or a file in a snapshot, open for reading. It never changes.</summary>
/// <param name="ticket">Becomes the handle's: it holds the content.</param>
internal sealed class PastHandle(IContents contents, NodeInfo node, long content, Ticket ticket) : IOpenFile, ISettled
{
    private readonly CutChunk _cut = new();

    public OpenAccess Access => OpenAccess.Read;

    (long Content, long Size)? ISettled.Settled => (content, node.Size);

    public ValueTask<NodeInfo> StatAsync(CancellationToken ct) => new(node);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) => offset < 0
        ? throw FluxException.Invalid("An offset can't be negative.")
        : offset < node.Size ? contents.ReadAsync(content, offset, buffer, ct) : new ValueTask<int>(0);

    public ValueTask<int> ReadOnAsync(long offset, Memory<byte> buffer, CancellationToken ct) => offset < 0
        ? throw FluxException.Invalid("An offset can't be negative.")
        : offset < node.Size ? contents.ReadSomeAsync(content, offset, buffer, _cut, ct) : new ValueTask<int>(0);

    public ValueTask<IReadOnlyList<ChunkRef>> ChunksAsync(long offset, CancellationToken ct) => contents.RecipeAsync(content, offset, ct);

    public ValueTask<ContentDigest?> FindDigestAsync(DigestAlgorithm algorithm, CancellationToken ct) => contents.FindDigestAsync(content, algorithm, ct);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) => throw ReadOnly();

    public ValueTask TruncateAsync(long size, CancellationToken ct) => throw ReadOnly();

    public ValueTask SetAttributesAsync(AttributeChange change, CancellationToken ct) => throw ReadOnly();

    public Task FsyncAsync(CancellationToken ct) => Task.CompletedTask;

    public Task<NodeInfo> CloseAsync(CancellationToken ct)
    {
        ticket.Dispose();
        return Task.FromResult(node);
    }

    public ValueTask DisposeAsync()
    {
        _cut.Dispose();
        ticket.Dispose();
        return ValueTask.CompletedTask;
    }

    private static FluxException ReadOnly() => FluxException.Denied("The past can only be read; restore the version, or copy it.");
}

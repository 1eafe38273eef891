using System.Buffers;
using System.Runtime.CompilerServices;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Quic.Client;

namespace Fluxd.Transports.Client;

/// <summary>Where a server speaks fluxd/1 and what to say to it.</summary>
public sealed record QuicTarget
{
    public required string Host { get; init; }

    public required int Port { get; init; }

    public required Credential Credential { get; init; }

    /// <summary>SHA-256 of the certificate in hex, for one that no authority vouches for.</summary>
    public string? Pin { get; init; }

    /// <summary>As in <see cref="FluxdClientOptions.TrustOnFirstUse"/>.</summary>
    public Func<string, bool>? TrustOnFirstUse { get; init; }
}

/// <summary>The link over fluxd/1. Connects when it is first needed, and anew after a loss.</summary>
public sealed class QuicLink(QuicTarget target) : ILink
{
    private readonly QuicReconnector _connection = new(target);

    public string Name => "quic";

    public TimeSpan Silence => _connection.Silence;

    /// <exception cref="FluxException">Unavailable: no library here, or no answer over UDP. Denied: another certificate. Unauthenticated.</exception>
    public async Task<LoginInfo> ConnectAsync(CancellationToken ct) => await (await ClientAsync(ct)).Login.WaitAsync(ct);

    /// <summary>Ends when the server answers over QUIC; the login is on its way then, and what it lacks is told by the next call.</summary>
    /// <exception cref="FluxException">Unavailable: no library here, or no answer over UDP. Denied: another certificate.</exception>
    public Task ReachAsync(CancellationToken ct) => ClientAsync(ct);

    /// <summary>For a login that is to be kept: the token stands in for the password.</summary>
    public async Task<string> IssueTokenAsync(TimeSpan lifetime, CancellationToken ct) => await (await ClientAsync(ct)).IssueTokenAsync(lifetime, ct);

    public async Task<RemoteEntry?> FindAsync(FilePath path, CancellationToken ct)
    {
        try
        {
            return Entry(path, await (await ClientAsync(ct)).StatAsync(path, followLink: true, ct));
        }
        catch (FluxException error) when (error.Error is FluxError.NotFound or FluxError.NotFolder)
        {
            return null;
        }
    }

    public async IAsyncEnumerable<RemoteEntry> ListAsync(FilePath folder, [EnumeratorCancellation] CancellationToken ct)
    {
        for (string? cursor = null; ;)
        {
            var page = await (await ClientAsync(ct)).ListAsync(folder, cursor, ct);
            foreach (var node in page.Entries)
            {
                yield return Entry(folder.Append(node.Name), node);
            }

            cursor = page.Next;
            if (cursor is null)
            {
                yield break;
            }
        }
    }

    public async Task MakeFolderAsync(FilePath path, CancellationToken ct)
    {
        var client = await ClientAsync(ct);
        try
        {
            await client.MakeFolderAsync(path, parents: true, ct);
        }
        catch (FluxException error) when (error.Error == FluxError.Exists)
        {
            if ((await client.StatAsync(path, followLink: true, ct)).Kind != NodeKind.Folder)
            {
                throw;
            }
        }
    }

    public async Task RemoveAsync(FilePath path, bool recursive, CancellationToken ct)
    {
        var client = await ClientAsync(ct);
        var node = await client.StatAsync(path, followLink: false, ct);
        await (node.Kind == NodeKind.Folder ? client.RemoveFolderAsync(path, recursive, ct) : client.RemoveFileAsync(path, ct));
    }

    public async Task MoveAsync(FilePath from, FilePath to, bool replace, CancellationToken ct) =>
        await (await ClientAsync(ct)).MoveAsync(from, to, replace, ct);

    public async Task ReadAsync(FilePath path, string tag, long offset, Memory<byte> buffer, CancellationToken ct)
    {
        await using var download = await (await ClientAsync(ct)).GetAsync(path, offset, buffer.Length, ContentOf(tag), ct);
        if (download.Length != buffer.Length)
        {
            throw FluxException.Conflict("The file is shorter than it was said to be; run the same command again.");
        }

        while (!buffer.IsEmpty)
        {
            var read = await download.Body.ReadAsync(ct);
            var take = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, buffer.Length));
            take.CopyTo(buffer.Span);
            buffer = buffer[(int)take.Length..];
            download.Body.AdvanceTo(take.End);
            if (read.IsCompleted && !buffer.IsEmpty)
            {
                throw new IOException("The connection ended in the middle of the data.");
            }
        }
    }

    public async Task<IReadOnlyList<ChunkRef>> RecipeAsync(FilePath path, string tag, long offset, CancellationToken ct) =>
        await (await ClientAsync(ct)).RecipeAsync(path, offset, ContentOf(tag), ct);

    public async Task<byte[]> HashAsync(FilePath path, CancellationToken ct) => await (await ClientAsync(ct)).ChecksumAsync(path, ct);

    public async Task PutAsync(FilePath path, ReadOnlyMemory<byte> content, byte[] sha256, DateTimeOffset modified, CancellationToken ct)
    {
        var client = await ClientAsync(ct);
        var request = Request(path, content.Length, modified) with { ExpectedDigest = new ContentDigest(DigestAlgorithm.Sha256, sha256) };
        var upload = await client.OpenUploadAsync(request, ct);
        if (!content.IsEmpty)
        {
            await using var stream = new MemoryStream(content.ToArray(), writable: false);
            await client.AppendAsync(upload.Id, 0, stream, ct);
        }

        await client.CommitAsync(upload.Id, ct);
    }

    /// <summary>fluxd/1 has no batch: each goes on streams of its own, which wait for nothing but their own packets.</summary>
    public async Task<IReadOnlyList<FluxException?>> PutManyAsync(IReadOnlyList<SmallFile> files, CancellationToken ct)
    {
        var faults = new FluxException?[files.Count];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, files.Count),
            new ParallelOptions { MaxDegreeOfParallelism = ClientLimits.ParallelFiles, CancellationToken = ct },
            async (i, stop) =>
            {
                try
                {
                    await PutAsync(files[i].Target, files[i].Content, files[i].Sha256, files[i].Modified, stop);
                }
                catch (FluxException error)
                {
                    faults[i] = error;
                }
            });
        return faults;
    }

    public async Task<RemoteUpload> BeginAsync(FilePath path, long size, DateTimeOffset modified, CancellationToken ct) =>
        Upload(await (await ClientAsync(ct)).OpenUploadAsync(Request(path, size, modified), ct));

    public async Task<RemoteUpload?> FindUploadAsync(string id, CancellationToken ct)
    {
        try
        {
            return Upload(await (await ClientAsync(ct)).GetUploadAsync(IdOf(id), ct));
        }
        catch (FluxException error) when (error.Error is FluxError.NotFound or FluxError.Gone)
        {
            return null;
        }
    }

    public async Task<IReadOnlyList<bool>> HaveAsync(string id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct) =>
        await (await ClientAsync(ct)).HaveAsync(IdOf(id), chunks, basePath, ct);

    /// <summary>Each on a stream of its own: a lost packet stalls one chunk.</summary>
    public async Task PutChunksAsync(string id, IReadOnlyList<ChunkBytes> chunks, CancellationToken ct)
    {
        var client = await ClientAsync(ct);
        var upload = IdOf(id);
        await Parallel.ForEachAsync(
            chunks,
            new ParallelOptions { MaxDegreeOfParallelism = ClientLimits.ChunksAtOnce, CancellationToken = ct },
            async (chunk, stop) => await client.PutChunkAsync(upload, chunk.Hash, chunk.Bytes, stop));
    }

    public async Task<RecipeAppend> AppendAsync(string id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct) =>
        await (await ClientAsync(ct)).AppendRecipeAsync(IdOf(id), offset, recipe, ct);

    public async Task CompleteAsync(string id, CancellationToken ct) => await (await ClientAsync(ct)).CommitAsync(IdOf(id), ct);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static UploadRequest Request(FilePath path, long size, DateTimeOffset modified) => new()
    {
        Target = path,
        Size = size,
        MakeParents = true,
        Attributes = new AttributeChange { ModifiedAt = FileTime.From(modified) },
        Frontend = "quic",
    };

    private static RemoteEntry Entry(FilePath path, NodeInfo node) =>
        new(path, node.Kind, node.Size, node.ContentTag.IsEmpty ? null : ETag.Of(node.ContentTag.Span), node.ModifiedAt.ToDateTimeOffset());

    private static byte[] ContentOf(string tag) => ETag.Parse(tag) ?? throw FluxException.Invalid("The file's tag is none of fluxd's.");

    private static UploadId IdOf(string text) => UploadId.TryParse(text, out var id) ? id : throw FluxException.NotFound("That is no upload's name.");

    private static RemoteUpload Upload(UploadInfo upload) => new(upload.Id.ToString(), upload.DurableOffset, upload.State == UploadState.Completed);

    private Task<FluxdClient> ClientAsync(CancellationToken ct) => _connection.ClientAsync(ct);
}

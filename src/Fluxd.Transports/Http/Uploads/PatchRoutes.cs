using System.Buffers.Binary;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Uploads;

/// <summary>
/// Less than a chunk: what a session's target has now at the same place serves for the blocks that did not change. All of it
/// is what the client may read, and whatever is put together must have the chunk's hash.
/// </summary>
internal static class PatchRoutes
{
    public const int BlockBytes = 4096;

    /// <summary>Of a block's SHA-256. A chance match costs a refused patch and the chunk sent whole, nothing else.</summary>
    public const int BlockHashBytes = 16;

    /// <summary>Hash, length, and where the chunk stands in the file.</summary>
    public const int HeadBytes = ChunkHash.Size + 4 + 8;

    /// <summary>Larger chunks are of compressed data, where nothing stays in its place; and a request must not build much more than it sends.</summary>
    public static int ChunkBytesMax => ChunkSizes.Fine.Max;

    public static readonly Route[] All =
    [
        new("POST", "/v1/uploads/{id}/blocks", "Hashes of the target's blocks at these places: 16 bytes of SHA-256 for each 4 KiB.", BlocksAsync) { Body = typeof(BlocksBody) },
        new("POST", "/v1/uploads/{id}/patches", "Send chunks of which the target has some blocks in their place.", PutManyAsync) { Traits = RouteTraits.Transfer, Success = 204 },
    ];

    public static int BlocksOf(int length) => (length + BlockBytes - 1) / BlockBytes;

    public static Range Block(int block, int length) => (block * BlockBytes)..Math.Min(length, (block + 1) * BlockBytes);

    public static void HashBlock(ReadOnlySpan<byte> block, Span<byte> into)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(block, hash);
        hash[..BlockHashBytes].CopyTo(into);
    }

    private static async Task BlocksAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.BlocksBody, ct);
        if (body.Places.Any(place => place is null || place.Offset < 0 || place.Length is <= 0 || place.Length > ChunkBytesMax) || body.Places.Sum(place => (long)place.Length) > HttpLimits.PatchedBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"Ask for places of 1 to {ChunkBytesMax} bytes, {HttpLimits.PatchedBytesMax} together.");
        }

        await using var file = await OpenTargetAsync(x, ct);
        var hashes = new byte[body.Places.Sum(place => BlocksOf(place.Length)) * BlockHashBytes];
        var at = 0;
        foreach (var place in body.Places)
        {
            Memory<byte> chunk = new byte[place.Length];
            await FillAsync(file, place.Offset, chunk, ct);
            for (var block = 0; block < BlocksOf(place.Length); block++, at += BlockHashBytes)
            {
                HashBlock(chunk[Block(block, place.Length)].Span, hashes.AsSpan(at));
            }
        }

        x.Response.ContentType = ContentTypes.Unknown;
        x.Response.ContentLength = hashes.Length;
        await x.Response.Body.WriteAsync(hashes, ct);
    }

    private static async Task PutManyAsync(Exchange x, CancellationToken ct)
    {
        var id = UploadBytes.Id(x);
        await using var file = await OpenTargetAsync(x, ct);
        while (await DeltaRoutes.ReadHeadAsync(x.Request.BodyReader, HeadBytes, ct) is { } head)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(ChunkHash.Size));
            var offset = BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(ChunkHash.Size + 4));
            if (length <= 0 || length > ChunkBytesMax || offset < 0)
            {
                throw FluxException.Invalid($"A patched chunk has 1 to {ChunkBytesMax} bytes and stands at 0 or behind.");
            }

            Memory<byte> chunk = new byte[length];
            await FillAsync(file, offset, chunk, ct);
            await ReadBlocksAsync(x, chunk, ct);
            await x.Services.Chunks.PutAsync(x.Who, id, new ChunkHash(head.AsSpan(0, ChunkHash.Size)), chunk, ct);
        }

        await x.AnswerAsync(204);
    }

    /// <summary>A bit for each block, the first one the lowest of the first byte; then the bytes of those whose bit is set.</summary>
    private static async Task ReadBlocksAsync(Exchange x, Memory<byte> chunk, CancellationToken ct)
    {
        var bits = await SmallBody.ReadAsync(x.Request.BodyReader, (BlocksOf(chunk.Length) + 7) / 8, ct);
        var sent = 0;
        for (var block = 0; block < BlocksOf(chunk.Length); block++)
        {
            if ((bits.Span[block / 8] >> (block % 8) & 1) == 1)
            {
                var place = chunk[Block(block, chunk.Length)];
                (await SmallBody.ReadAsync(x.Request.BodyReader, place.Length, ct)).CopyTo(place);
                sent += place.Length;
            }
        }

        x.Begin("upload").Accepted(sent > 0 ? sent : throw FluxException.Invalid("A patched chunk brings at least one block; name the others in a recipe."));
    }

    private static async Task<IOpenFile> OpenTargetAsync(Exchange x, CancellationToken ct)
    {
        x.Who.Require(Scopes.Write);
        var upload = await x.Services.Uploads.GetAsync(x.Who, UploadBytes.Id(x), ct);
        return await x.Services.Files.OpenAsync(x.Who, upload.Target, new OpenRequest { Access = OpenAccess.Read, Frontend = "http" }, ct);
    }

    /// <summary>What lies beyond the end stays zero.</summary>
    private static async Task FillAsync(IOpenFile file, long offset, Memory<byte> chunk, CancellationToken ct)
    {
        for (int count; !chunk.IsEmpty && (count = await file.ReadAsync(offset, chunk, ct)) > 0; offset += count)
        {
            chunk = chunk[count..];
        }
    }
}

using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Pipelines;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Transfers;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http.Files;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Uploads;

/// <summary>Delta transfer on a session: what need not be sent, the rest, and the recipe that joins both.</summary>
internal static class DeltaRoutes
{
    public const string BundleType = "application/vnd.fluxd.chunks";

    public static readonly Route[] All =
    [
        new("POST", "/v1/uploads/{id}/have", "Which of these chunks need not be sent.", HaveAsync) { Body = typeof(HaveBody), Answer = typeof(HaveAnswer) },
        new("PUT", "/v1/uploads/{id}/chunks/{hash}", "Send one chunk, named by its SHA-256.", PutAsync) { Traits = RouteTraits.Transfer, Success = 204 },
        new("POST", "/v1/uploads/{id}/chunks", "Send many chunks: each is 32 bytes of SHA-256, 4 bytes of length (big-endian) and its bytes.", PutManyAsync)
        {
            Traits = RouteTraits.Transfer, Success = 204,
        },
        new("POST", "/v1/uploads/{id}/recipe", "Append chunks by name at the durable offset; all or none.", AppendAsync)
        {
            Traits = RouteTraits.Transfer, Body = typeof(RecipeBody), Answer = typeof(RecipeAnswer),
        },
    ];

    private static async Task HaveAsync(Exchange x, CancellationToken ct)
    {
        x.Who.Require(Scopes.Write);
        var body = await x.ReadJsonAsync(WireJson.Default.HaveBody, ct);
        Bound(body.Chunks.Count);
        var chunks = body.Chunks.Select(Hash).ToList();
        var have = await x.Services.Chunks.HaveAsync(x.Who, UploadBytes.Id(x), chunks, body.Base is null ? null : HttpPaths.FromText(body.Base), ct);
        await x.JsonAsync(200, new HaveAnswer(string.Concat(have.Select(h => h ? '1' : '0'))), WireJson.Default.HaveAnswer, ct);
    }

    private static async Task PutAsync(Exchange x, CancellationToken ct)
    {
        var length = x.Request.ContentLength ?? throw new HttpRefusal(411, "length_required", "A chunk needs a Content-Length.");
        if (length is 0 or > HttpLimits.ChunkBytesMax)
        {
            throw new FluxException(FluxError.TooLarge, $"A chunk has 1 to {HttpLimits.ChunkBytesMax} bytes.");
        }

        var hash = Hash(x.Segment("hash"));
        var bytes = await SmallBody.ReadAsync(x.Request.BodyReader, (int)length, ct);
        await x.Services.Chunks.PutAsync(x.Who, UploadBytes.Id(x), hash, bytes, ct);
        x.Begin("upload").Accepted(bytes.Length);
        await x.AnswerAsync(204);
    }

    private static async Task PutManyAsync(Exchange x, CancellationToken ct)
    {
        var id = UploadBytes.Id(x);
        var reader = x.Request.BodyReader;
        while (await ReadChunkAsync(reader, ct) is { } chunk)
        {
            await x.Services.Chunks.PutAsync(x.Who, id, chunk.Hash, chunk.Bytes, ct);
            x.Begin("upload").Accepted(chunk.Bytes.Length);
        }

        await x.AnswerAsync(204);
    }

    private static async ValueTask<(ChunkHash Hash, ReadOnlyMemory<byte> Bytes)?> ReadChunkAsync(PipeReader reader, CancellationToken ct)
    {
        if (await ReadHeadAsync(reader, ChunkHash.Size + 4, ct) is not { } head)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(ChunkHash.Size));
        return length is > 0 and <= HttpLimits.ChunkBytesMax
            ? (new ChunkHash(head.AsSpan(0, ChunkHash.Size)), await SmallBody.ReadAsync(reader, length, ct))
            : throw FluxException.Invalid($"A chunk has 1 to {HttpLimits.ChunkBytesMax} bytes.");
    }

    /// <summary>Null at the body's end.</summary>
    internal static async ValueTask<byte[]?> ReadHeadAsync(PipeReader reader, int bytes, CancellationToken ct)
    {
        var result = await reader.ReadAtLeastAsync(bytes, ct);
        if (result.Buffer.IsEmpty)
        {
            // A read that is not ended makes Kestrel close the connection after the answer.
            reader.AdvanceTo(result.Buffer.End);
            return null;
        }

        if (result.Buffer.Length < bytes)
        {
            reader.AdvanceTo(result.Buffer.End);
            throw FluxException.Invalid("The bundle ends within a chunk's head.");
        }

        var head = result.Buffer.Slice(0, bytes).ToArray();
        reader.AdvanceTo(result.Buffer.GetPosition(bytes));
        return head;
    }

    private static async Task AppendAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.RecipeBody, ct);
        var started = Stopwatch.GetTimestamp();
        var answer = await x.Services.Chunks.AppendAsync(x.Who, UploadBytes.Id(x), body.Offset, Recipe(body.Chunks), ct);
        x.Begin("upload").Durable(answer.DurableOffset - body.Offset, Stopwatch.GetElapsedTime(started));
        await x.JsonAsync(200, new RecipeAnswer(answer.DurableOffset, answer.Missing), WireJson.Default.RecipeAnswer, ct);
    }

    public static List<ChunkRef> Recipe(IReadOnlyList<RecipeChunk> chunks)
    {
        Bound(chunks.Count);
        return Chunks(chunks);
    }

    /// <summary>As they come over the wire, each checked.</summary>
    internal static List<ChunkRef> Chunks(IReadOnlyList<RecipeChunk> chunks) =>
        [.. chunks.Select(c => c.Length is > 0 and <= HttpLimits.ChunkBytesMax
            ? new ChunkRef(Hash(c.Hash), c.Length)
            : throw FluxException.Invalid($"A chunk has 1 to {HttpLimits.ChunkBytesMax} bytes."))];

    private static void Bound(int count)
    {
        if (count is 0 or > Limits.ChunksPerCallMax)
        {
            throw new FluxException(FluxError.TooLarge, $"One call takes 1 to {Limits.ChunksPerCallMax} chunks.");
        }
    }

    private static ChunkHash Hash(string hex) => ChunkHash.TryParse(hex, out var hash)
        ? hash
        : throw FluxException.Invalid("A chunk is named by the 64 hex digits of its SHA-256.");
}

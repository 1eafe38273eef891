using System.Buffers;
using System.Diagnostics;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Fluxd.Core.Uploads;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>The operations, each as the specification lists its fields.</summary>
internal sealed partial class FluxdStream
{
    private IFiles Files => connection.Services.Files;

    private IUploads Uploads => connection.Services.Uploads;

    private Task OperateAsync(FluxdOperation operation, ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct) => operation switch
    {
        FluxdOperation.Stat => StatAsync(fields, who, ct),
        FluxdOperation.List => ListAsync(fields, who, ct),
        FluxdOperation.Get => GetAsync(fields, who, ct),
        FluxdOperation.OpenUpload => OpenUploadAsync(fields, who, ct),
        FluxdOperation.GetUpload => GetUploadAsync(fields, who, ct),
        FluxdOperation.Append => AppendAsync(fields, who, ct),
        FluxdOperation.Have => HaveAsync(fields, who, ct),
        FluxdOperation.PutChunk => PutChunkAsync(fields, who, ct),
        FluxdOperation.AppendRecipe => AppendRecipeAsync(fields, who, ct),
        FluxdOperation.Commit => CommitAsync(fields, who, ct),
        FluxdOperation.CancelUpload => CancelUploadAsync(fields, who, ct),
        FluxdOperation.ListUploads => ListUploadsAsync(fields, who, ct),
        FluxdOperation.RemoveFile => RemoveFileAsync(fields, who, ct),
        FluxdOperation.RemoveFolder => RemoveFolderAsync(fields, who, ct),
        FluxdOperation.Move => MoveAsync(fields, who, ct),
        FluxdOperation.MakeFolder => MakeFolderAsync(fields, who, ct),
        FluxdOperation.Events => EventsAsync(fields, who, ct),
        FluxdOperation.Checksum => ChecksumAsync(fields, who, ct),
        FluxdOperation.IssueToken => IssueTokenAsync(fields, who, ct),
        FluxdOperation.Recipe => RecipeAsync(fields, who, ct),
        _ => throw FluxException.Invalid($"Unknown operation {(byte)operation}; this server speaks fluxd/1 as of its specification."),
    };

    private async Task StatAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var path = reader.Path();
        var follow = reader.Flag();
        await AnswerAsync(Ok().Node(await Files.StatAsync(who, path, follow, ct)), ct);
    }

    private async Task ListAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var path = reader.Path();
        var cursor = reader.TextOrNull();
        var count = reader.U32();
        var request = new ListRequest { Cursor = cursor, Count = count == 0 ? Limits.ListPageMax : Math.Min(count, Limits.ListPageMax) };
        var page = await Files.ListAsync(who, path, request, ct);
        var frame = Ok().Text(page.Next).U32(page.Entries.Count);
        foreach (var node in page.Entries)
        {
            frame.Node(node);
        }

        await AnswerAsync(frame, ct);
    }

    private async Task GetAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var (path, offset, wanted, tag) = ReadGet(fields.Span);
        await using var file = await Files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Read, Frontend = QuicFrontend.FrontendName }, ct);
        var node = await StatAsync(file, offset, tag, ct);
        var length = wanted < 0 ? node.Size - offset : Math.Min(wanted, node.Size - offset);
        using var transfer = connection.Begin(who, "download");
        await AnswerAsync(Ok().Node(node).I64(offset).I64(length), ct);
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(QuicLimits.ReadBufferBytes, Math.Max(length, 1)));
        try
        {
            if (!await SendBodyAsync(file, offset, length, buffer, transfer, ct))
            {
                transfer?.End("client cancelled");
                return;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        transfer?.End("done");
    }

    /// <summary>The file, if it still has the content that is meant and the offset lies in it.</summary>
    private static async Task<NodeInfo> StatAsync(IOpenFile file, long offset, byte[] tag, CancellationToken ct)
    {
        var node = await file.StatAsync(ct);
        return tag.Length > 0 && !node.ContentTag.Span.SequenceEqual(tag) ? throw FluxException.Conflict("The file has changed since; ask for its state and begin anew.")
            : offset < 0 || offset > node.Size ? throw FluxException.Invalid($"The file has {node.Size} bytes; a range can't begin at {offset}.")
            : node;
    }

    /// <summary>For who has some of the chunks already, and gets only the ranges of the others.</summary>
    private async Task RecipeAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var (path, offset, tag) = ReadRecipeQuestion(fields.Span);
        await using var file = await Files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Read, Frontend = QuicFrontend.FrontendName }, ct);
        await StatAsync(file, offset, tag, ct);
        var chunks = await file.ChunksAsync(offset, ct);
        await AnswerAsync(Ok().Recipe(chunks), ct);
    }

    private static (FilePath Path, long Offset, byte[] Tag) ReadRecipeQuestion(ReadOnlySpan<byte> fields)
    {
        var reader = new FrameReader(fields);
        return (reader.Path(), reader.I64(), reader.Bytes().ToArray());
    }

    /// <returns>False when the client wants no more.</returns>
    private async Task<bool> SendBodyAsync(IOpenFile file, long offset, long length, byte[] buffer, ITransfer? transfer, CancellationToken ct)
    {
        for (var end = offset + length; offset < end;)
        {
            var count = await file.ReadOnAsync(offset, buffer.AsMemory(0, (int)Math.Min(buffer.Length, end - offset)), ct);
            if (count == 0)
            {
                throw new FluxException(FluxError.Conflict, "The file became shorter while it was read.");
            }

            offset += count;
            _output.Write(buffer.AsSpan(0, count));
            transfer?.Accepted(count);
            if ((await _output.FlushAsync(ct)).IsCompleted)
            {
                return false;
            }
        }

        return true;
    }

    private static (FilePath Path, long Offset, long Length, byte[] Tag) ReadGet(ReadOnlySpan<byte> fields)
    {
        var reader = new FrameReader(fields);
        return (reader.Path(), reader.I64(), reader.I64(), reader.Bytes().ToArray());
    }

    private async Task OpenUploadAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var request = FluxdRecords.Request(ref reader);
        var upload = await Uploads.CreateAsync(who, request, ct);
        connection.TransferOf(upload.Id, who);
        await AnswerAsync(Ok().Upload(upload), ct);
    }

    private async Task GetUploadAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct) =>
        await AnswerAsync(Ok().Upload(await Uploads.GetAsync(who, ReadUpload(fields.Span), ct)), ct);

    /// <summary>The body goes on at the durable offset; what arrived is kept however the stream ends.</summary>
    private async Task AppendAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var id = reader.Upload();
        var offset = reader.I64();
        var transfer = connection.TransferOf(id, who);
        await using var writer = await Uploads.OpenAsync(who, id, ct);
        if (writer.Offset != offset)
        {
            throw FluxException.Conflict($"The upload stands at {writer.Offset}, not at {offset}; go on there.");
        }

        while (true)
        {
            var read = await _input.ReadAsync(ct);
            foreach (var segment in read.Buffer)
            {
                var began = Stopwatch.GetTimestamp();
                await writer.WriteAsync(segment, ct);
                transfer?.Accepted(segment.Length);
                transfer?.Waited("a write", Stopwatch.GetElapsedTime(began));
            }

            _input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                break;
            }
        }

        var flushing = Stopwatch.GetTimestamp();
        var durable = await writer.FlushAsync(ct);
        transfer?.Durable(durable - offset, Stopwatch.GetElapsedTime(flushing));
        await AnswerAsync(Ok().I64(durable), ct);
    }

    private async Task HaveAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var (id, basePath, hashes) = ReadHave(fields.Span);
        var have = await connection.Services.Chunks.HaveAsync(who, id, hashes, basePath, ct);
        var frame = Ok().U32(have.Count);
        foreach (var yes in have)
        {
            frame.Flag(yes);
        }

        await AnswerAsync(frame, ct);
    }

    private static (UploadId Id, FilePath? BasePath, ChunkHash[] Hashes) ReadHave(ReadOnlySpan<byte> fields)
    {
        var reader = new FrameReader(fields);
        var id = reader.Upload();
        var path = reader.Bytes();
        var hashes = new ChunkHash[reader.Count(ChunkHash.Size, Limits.ChunksPerCallMax)];
        for (var i = 0; i < hashes.Length; i++)
        {
            hashes[i] = new ChunkHash(reader.Raw(ChunkHash.Size));
        }

        return (id, path.IsEmpty ? null : FilePath.Parse(path), hashes);
    }

    /// <summary>Chunks come on streams of their own: a lost packet stalls one of them.</summary>
    private async Task PutChunkAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var (id, hash, length) = ReadPut(fields.Span);
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            await ReadExactlyAsync(buffer.AsMemory(0, length), ct);
            await connection.Services.Chunks.PutAsync(who, id, hash, buffer.AsMemory(0, length), ct);
            connection.TransferOf(id, who)?.Accepted(length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        await AnswerAsync(Ok(), ct);
    }

    private static (UploadId Id, ChunkHash Hash, int Length) ReadPut(ReadOnlySpan<byte> fields)
    {
        var reader = new FrameReader(fields);
        var put = (Id: reader.Upload(), Hash: new ChunkHash(reader.Raw(ChunkHash.Size)), Length: reader.U32());
        return put.Length is > 0 and <= FluxdProtocol.ChunkBytesMax
            ? put
            : throw new FluxException(FluxError.TooLarge, $"A chunk has 1 to {FluxdProtocol.ChunkBytesMax} bytes.");
    }

    private async Task ReadExactlyAsync(Memory<byte> into, CancellationToken ct)
    {
        while (!into.IsEmpty)
        {
            var read = await _input.ReadAsync(ct);
            var take = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, into.Length));
            take.CopyTo(into.Span);
            into = into[(int)take.Length..];
            _input.AdvanceTo(take.End);
            if (read.IsCompleted && !into.IsEmpty)
            {
                throw FluxException.Invalid("The body is shorter than announced.");
            }
        }
    }

    private async Task AppendRecipeAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var (id, offset, recipe) = ReadRecipe(fields.Span);
        var began = Stopwatch.GetTimestamp();
        var result = await connection.Services.Chunks.AppendAsync(who, id, offset, recipe, ct);
        connection.TransferOf(id, who)?.Durable(result.DurableOffset - offset, Stopwatch.GetElapsedTime(began));
        var frame = Ok().I64(result.DurableOffset).U32(result.Missing.Count);
        foreach (var index in result.Missing)
        {
            frame.U32(index);
        }

        await AnswerAsync(frame, ct);
    }

    private static (UploadId Id, long Offset, ChunkRef[] Recipe) ReadRecipe(ReadOnlySpan<byte> fields)
    {
        var reader = new FrameReader(fields);
        return (reader.Upload(), reader.I64(), FluxdRecords.Recipe(ref reader));
    }

    private async Task CommitAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var id = ReadUpload(fields.Span);
        var done = await Uploads.CompleteAsync(who, id, ct);
        connection.EndTransfer(id, "done");
        await AnswerAsync(Ok().Upload(done), ct);
    }

    private async Task CancelUploadAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var id = ReadUpload(fields.Span);
        await Uploads.CancelAsync(who, id, ct);
        connection.EndTransfer(id, "client cancelled");
        await AnswerAsync(Ok(), ct);
    }

    private async Task ListUploadsAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var page = await Uploads.ListAsync(who, reader.TextOrNull(), Limits.ListPageMax, ct);
        var frame = Ok().Text(page.Next).U32(page.Entries.Count);
        foreach (var upload in page.Entries)
        {
            frame.Upload(upload);
        }

        await AnswerAsync(frame, ct);
    }

    private async Task RemoveFileAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var path = reader.Path();
        var version = reader.I64();
        await Files.RemoveFileAsync(who, path, version < 0 ? Precondition.None : new Precondition { Version = version }, ct);
        await AnswerAsync(Ok(), ct);
    }

    private async Task RemoveFolderAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var path = reader.Path();
        var recursive = reader.Flag();
        await Files.RemoveFolderAsync(who, path, recursive, ct);
        await AnswerAsync(Ok(), ct);
    }

    private async Task MoveAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var from = reader.Path();
        var to = reader.Path();
        var replace = reader.Flag();
        await AnswerAsync(Ok().Node(await Files.RenameAsync(who, from, to, replace, ct)), ct);
    }

    private async Task MakeFolderAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var reader = new FrameReader(fields.Span);
        var path = reader.Path();
        var parents = reader.Flag();
        await AnswerAsync(Ok().Node(await Files.MakeFolderAsync(who, path, null, parents, ct)), ct);
    }

    /// <summary>Answers with frame after frame until the client stops reading; −1 begins at the present.</summary>
    private async Task EventsAsync(ReadOnlyMemory<byte> fields, Principal who, CancellationToken ct)
    {
        var feed = connection.Services.Feed;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct, connection.Stopping);
        var asked = new FrameReader(fields.Span).I64();
        var cursor = asked < 0 ? feed.Head : asked;
        while (true)
        {
            var page = await feed.ReadAsync(who, cursor, FluxdProtocol.EventsPerFrameMax, ct);
            cursor = page.Next;
            var frame = Ok().I64(cursor).U32(page.Changes.Count);
            foreach (var change in page.Changes)
            {
                frame.Change(change);
            }

            _hasAnswered = true;
            if (!await WriteAsync(frame.Finish(), ct))
            {
                return;
            }

            if (!page.HasMore)
            {
                await feed.WaitAsync(cursor, stop.Token);
                who = await connection.PrincipalAsync(ct);
            }
        }
    }

    private static UploadId ReadUpload(ReadOnlySpan<byte> fields) => new FrameReader(fields).Upload();
}

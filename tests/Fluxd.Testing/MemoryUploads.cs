using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;

namespace Fluxd.Testing;

/// <summary>
/// The plainest thing that keeps the contracts of <see cref="IUploads"/> and <see cref="IChunkUploads"/> over
/// <see cref="MemoryFiles"/>: every accepted byte counts as durable at a flush or when its writer ends.
/// </summary>
public sealed class MemoryUploads(MemoryFiles files, TimeProvider? clock = null) : IUploads, IChunkUploads
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Dictionary<UploadId, Session> _sessions = [];

    private sealed class Session
    {
        public required long UserId { get; init; }

        public required UploadRequest Request { get; init; }

        public required UploadInfo Info { get; set; }

        public MemoryStream Bytes { get; } = new();

        public int Epoch { get; set; }

        public Dictionary<ChunkHash, byte[]> Chunks { get; } = [];
    }

    public async Task<UploadInfo> CreateAsync(Principal who, UploadRequest request, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        if (!request.Target.IsWithin(who.PathPrefix))
        {
            throw FluxException.Denied("The path lies outside of what this credential may reach.");
        }

        if (request.Size > files.QuotaBytes)
        {
            throw new FluxException(FluxError.QuotaExceeded, "The quota would be exceeded.");
        }

        if (!request.IsPart)
        {
            await CheckAsync(who, request, ct);
        }

        lock (_gate)
        {
            var now = FileTime.Now(_clock);
            var info = new UploadInfo
            {
                Id = UploadId.New(),
                Target = request.Target,
                State = UploadState.Open,
                Size = request.Size,
                DurableOffset = 0,
                ExpectedDigest = request.ExpectedDigest,
                IsPart = request.IsPart,
                Metadata = request.Metadata,
                Frontend = request.Frontend,
                CreatedAt = now,
                UpdatedAt = now,
                ExpiresAt = new FileTime(now.Nanoseconds + (7L * 86_400 * 1_000_000_000)),
            };
            _sessions[info.Id] = new Session { UserId = who.UserId, Request = request, Info = info };
            return info;
        }
    }

    private async Task CheckAsync(Principal who, UploadRequest request, CancellationToken ct)
    {
        NodeInfo? node = null;
        try
        {
            node = await files.StatAsync(who with { Scopes = Scopes.All }, request.Target, true, ct);
        }
        catch (FluxException error) when (error.Error is FluxError.NotFound or FluxError.NotFolder)
        {
        }

        if (node?.Kind == NodeKind.Folder)
        {
            throw new FluxException(FluxError.IsFolder, "That is a folder.");
        }

        var condition = request.Precondition;
        if (condition.NotExists && node is not null)
        {
            throw new FluxException(FluxError.Exists, "The name is taken.");
        }

        if ((condition.MustExist && node is null) || (condition.Version is { } version && node?.Version != version)
            || (condition.Tags is { } tags && !tags.Any(t => node is not null && t.Span.SequenceEqual(node.ContentTag.Span)))
            || (condition.TagsNot is { } not && not.Any(t => node is not null && t.Span.SequenceEqual(node.ContentTag.Span))))
        {
            throw FluxException.Conflict("The file changed since you looked.");
        }
    }

    private Session Find(Principal who, UploadId id) => _sessions.TryGetValue(id, out var session) && session.UserId == who.UserId
        ? session
        : throw FluxException.NotFound("There is no such upload.");

    public ValueTask<UploadInfo> GetAsync(Principal who, UploadId id, CancellationToken ct)
    {
        lock (_gate)
        {
            return new ValueTask<UploadInfo>(Find(who, id).Info);
        }
    }

    public ValueTask<UploadPage> ListAsync(Principal who, string? cursor, int count, CancellationToken ct)
    {
        lock (_gate)
        {
            var all = _sessions.Values.Where(s => s.UserId == who.UserId).Select(s => s.Info).OrderBy(i => i.Id.ToString(), StringComparer.Ordinal)
                .Where(i => cursor is null || string.CompareOrdinal(i.Id.ToString(), cursor) > 0).ToList();
            var page = all.Take(count).ToList();
            return new ValueTask<UploadPage>(new UploadPage(page, all.Count > page.Count ? page[^1].Id.ToString() : null));
        }
    }

    public Task<IUploadWriter> OpenAsync(Principal who, UploadId id, CancellationToken ct)
    {
        who.Require(Scopes.Write);
        lock (_gate)
        {
            var session = Find(who, id);
            return session.Info.State == UploadState.Completed
                ? throw FluxException.Conflict("The upload is complete already.")
                : Task.FromResult<IUploadWriter>(new Writer(this, session, ++session.Epoch));
        }
    }

    public Task<UploadInfo> SetSizeAsync(Principal who, UploadId id, long size, CancellationToken ct)
    {
        lock (_gate)
        {
            var session = Find(who, id);
            if ((session.Info.Size is { } known && known != size) || size < session.Info.DurableOffset)
            {
                throw FluxException.Conflict("The size contradicts what is there.");
            }

            return Task.FromResult(session.Info = session.Info with { Size = size });
        }
    }

    public async Task<UploadInfo> CompleteAsync(Principal who, UploadId id, CancellationToken ct)
    {
        Session session;
        byte[] bytes;
        lock (_gate)
        {
            session = Find(who, id);
            if (session.Info.State == UploadState.Completed)
            {
                return session.Info;
            }

            if (session.Info.Size is { } size && size != session.Bytes.Length)
            {
                throw new FluxException(FluxError.Missing, "Bytes are missing.");
            }

            bytes = session.Bytes.ToArray();
        }

        if (session.Request.ExpectedDigest is { } digest && !digest.Matches(Hash(digest.Algorithm, bytes)))
        {
            throw FluxException.Conflict("The bytes don't match the digest.");
        }

        if (session.Info.IsPart)
        {
            return session.Info = session.Info with { State = UploadState.Completed, Size = bytes.Length };
        }

        await CheckAsync(who, session.Request, ct);
        if (session.Request.MakeParents && !session.Request.Target.Parent.IsRoot)
        {
            await files.MakeFolderAsync(who, session.Request.Target.Parent, null, parents: true, ct);
        }

        await using var file = await files.OpenAsync(who, session.Request.Target, new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true }, ct);
        await file.WriteAsync(0, bytes, ct);
        if (session.Request.Attributes is { } attributes)
        {
            await file.SetAttributesAsync(attributes, ct);
        }

        return session.Info = session.Info with { Result = await file.CloseAsync(ct), State = UploadState.Completed, Size = bytes.Length };
    }

    private static byte[] Hash(DigestAlgorithm algorithm, byte[] bytes) => algorithm switch
    {
        DigestAlgorithm.Sha512 => SHA512.HashData(bytes),
        DigestAlgorithm.Sha1 => SHA1.HashData(bytes),
        DigestAlgorithm.Md5 => MD5.HashData(bytes),
        _ => SHA256.HashData(bytes),
    };

    public async Task<UploadInfo> ConcatenateAsync(Principal who, IReadOnlyList<UploadId> parts, UploadRequest request, CancellationToken ct)
    {
        var whole = await CreateAsync(who, request, ct);
        lock (_gate)
        {
            var session = Find(who, whole.Id);
            foreach (var part in parts.Select(id => Find(who, id)))
            {
                if (part.Info.Size != part.Bytes.Length || !part.Info.IsPart)
                {
                    throw new FluxException(FluxError.Missing, "A part is not finished.");
                }

                part.Bytes.WriteTo(session.Bytes);
            }

            return session.Info = session.Info with { Size = session.Bytes.Length, DurableOffset = session.Bytes.Length };
        }
    }

    public Task CancelAsync(Principal who, UploadId id, CancellationToken ct)
    {
        lock (_gate)
        {
            Find(who, id).Epoch++;
            _sessions.Remove(id);
            return Task.CompletedTask;
        }
    }

    public async Task<IReadOnlyList<bool>> HaveAsync(Principal who, UploadId id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct)
    {
        var known = await CutAsync(who, basePath ?? (await GetAsync(who, id, ct)).Target, ct);
        lock (_gate)
        {
            var session = Find(who, id);
            foreach (var chunk in chunks.Where(known.ContainsKey))
            {
                session.Chunks[chunk] = known[chunk];
            }

            return [.. chunks.Select(session.Chunks.ContainsKey)];
        }
    }

    private async Task<Dictionary<ChunkHash, byte[]>> CutAsync(Principal who, FilePath path, CancellationToken ct)
    {
        var known = new Dictionary<ChunkHash, byte[]>();
        try
        {
            await using var file = await files.OpenAsync(who, path, new OpenRequest { Access = OpenAccess.Read }, ct);
            var bytes = new byte[(await file.StatAsync(ct)).Size];
            await file.ReadAsync(0, bytes, ct);
            var chunker = Chunker.For(ContentSniffer.Choose(bytes.AsSpan(0, Math.Min(bytes.Length, ContentSniffer.HeadBytes)), bytes.Length));
            for (var at = 0; at < bytes.Length;)
            {
                var length = chunker.Cut(bytes.AsSpan(at));
                var chunk = bytes.AsSpan(at, length).ToArray();
                known[ChunkHash.Of(chunk)] = chunk;
                at += length;
            }
        }
        catch (FluxException error) when (error.Error == FluxError.NotFound)
        {
        }

        return known;
    }

    public Task PutAsync(Principal who, UploadId id, ChunkHash chunk, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        if (ChunkHash.Of(bytes.Span) != chunk)
        {
            throw FluxException.Invalid("The bytes don't have that hash.");
        }

        lock (_gate)
        {
            Find(who, id).Chunks[chunk] = bytes.ToArray();
            return Task.CompletedTask;
        }
    }

    public Task<RecipeAppend> AppendAsync(Principal who, UploadId id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct)
    {
        lock (_gate)
        {
            var session = Find(who, id);
            if (session.Bytes.Length != offset)
            {
                throw FluxException.Conflict($"The upload stands at {session.Bytes.Length}.");
            }

            var missing = Enumerable.Range(0, recipe.Count).Where(i => !session.Chunks.ContainsKey(recipe[i].Hash)).ToList();
            if (missing.Count == 0)
            {
                foreach (var step in recipe)
                {
                    session.Bytes.Write(session.Chunks[step.Hash]);
                }

                session.Info = session.Info with { DurableOffset = session.Bytes.Length };
            }

            return Task.FromResult(new RecipeAppend(session.Bytes.Length, missing));
        }
    }

    private sealed class Writer(MemoryUploads uploads, Session session, int epoch) : IUploadWriter
    {
        public UploadId Id => session.Info.Id;

        public long Offset { get; private set; } = session.Bytes.Length;

        public ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct) => WriteAtAsync(Offset, data, ct);

        public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
        {
            lock (uploads._gate)
            {
                Live();
                if (offset + data.Length > (session.Info.Size ?? long.MaxValue))
                {
                    throw new FluxException(FluxError.TooLarge, "More bytes than the upload was to have.");
                }

                session.Bytes.Position = offset;
                session.Bytes.Write(data.Span);
                Offset = offset + data.Length;
                return ValueTask.CompletedTask;
            }
        }

        public Task<long> FlushAsync(CancellationToken ct)
        {
            lock (uploads._gate)
            {
                Live();
                session.Info = session.Info with { DurableOffset = session.Bytes.Length };
                return Task.FromResult(session.Info.DurableOffset);
            }
        }

        public ValueTask DisposeAsync()
        {
            lock (uploads._gate)
            {
                if (session.Epoch == epoch)
                {
                    session.Info = session.Info with { DurableOffset = session.Bytes.Length };
                }

                return ValueTask.CompletedTask;
            }
        }

        private void Live()
        {
            if (session.Epoch != epoch)
            {
                throw new FluxException(FluxError.Fenced, "A newer writer took this upload over.");
            }
        }
    }
}

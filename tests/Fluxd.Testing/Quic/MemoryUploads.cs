using System.Collections.Concurrent;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;

namespace Fluxd.Testing.Quic;

/// <summary>Upload sessions in memory over any <see cref="IFiles"/>: enough of the contract for protocol tests.</summary>
public sealed class MemoryUploads(IFiles files) : IUploads, IChunkUploads
{
    private readonly ConcurrentDictionary<UploadId, Session> _sessions = new();
    private long _bytesReceived;

    /// <summary>Bytes that came as bodies or chunks: what a resumed transfer should not send again.</summary>
    public long BytesReceived => Interlocked.Read(ref _bytesReceived);

    public Task<UploadInfo> CreateAsync(Principal who, UploadRequest request, CancellationToken ct)
    {
        var session = new Session(UploadId.New(), request);
        _sessions[session.Id] = session;
        return Task.FromResult(session.Info());
    }

    public ValueTask<UploadInfo> GetAsync(Principal who, UploadId id, CancellationToken ct) => new(Find(id).Info());

    public ValueTask<UploadPage> ListAsync(Principal who, string? cursor, int count, CancellationToken ct) =>
        new(new UploadPage([.. _sessions.Values.Select(session => session.Info())], null));

    public Task<IUploadWriter> OpenAsync(Principal who, UploadId id, CancellationToken ct)
    {
        var session = Find(id);
        session.Epoch++;
        return Task.FromResult<IUploadWriter>(new Writer(this, session, session.Epoch));
    }

    public Task<UploadInfo> SetSizeAsync(Principal who, UploadId id, long size, CancellationToken ct) => throw new NotSupportedException();

    public async Task<UploadInfo> CompleteAsync(Principal who, UploadId id, CancellationToken ct)
    {
        var session = Find(id);
        if (session.Result is null)
        {
            if (session.Request.Size is { } size && size != session.Content.Length)
            {
                throw new FluxException(FluxError.Missing, $"{size - session.Content.Length} bytes are missing.");
            }

            await using var file = await files.OpenAsync(who, session.Request.Target, new OpenRequest { Access = OpenAccess.Write, Create = true, Truncate = true }, ct);
            await file.WriteAsync(0, session.Content.ToArray(), ct);
            session.Result = await file.CloseAsync(ct);
        }

        return session.Info();
    }

    public Task<UploadInfo> ConcatenateAsync(Principal who, IReadOnlyList<UploadId> parts, UploadRequest request, CancellationToken ct) => throw new NotSupportedException();

    public Task CancelAsync(Principal who, UploadId id, CancellationToken ct) =>
        _sessions.TryRemove(id, out _) ? Task.CompletedTask : throw FluxException.NotFound("There is no such upload.");

    public Task<IReadOnlyList<bool>> HaveAsync(Principal who, UploadId id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct)
    {
        var session = Find(id);
        return Task.FromResult<IReadOnlyList<bool>>([.. chunks.Select(session.Chunks.ContainsKey)]);
    }

    public Task PutAsync(Principal who, UploadId id, ChunkHash chunk, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        if (ChunkHash.Of(bytes.Span) != chunk)
        {
            throw FluxException.Invalid("The bytes do not have that hash.");
        }

        Interlocked.Add(ref _bytesReceived, bytes.Length);
        Find(id).Chunks[chunk] = bytes.ToArray();
        return Task.CompletedTask;
    }

    public Task<RecipeAppend> AppendAsync(Principal who, UploadId id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct)
    {
        var session = Find(id);
        var missing = Enumerable.Range(0, recipe.Count).Where(i => !session.Chunks.ContainsKey(recipe[i].Hash)).ToList();
        if (missing.Count == 0)
        {
            foreach (var chunk in recipe)
            {
                session.Content.Write(session.Chunks[chunk.Hash]);
            }
        }

        return Task.FromResult(new RecipeAppend(session.Content.Length, missing));
    }

    private Session Find(UploadId id) => _sessions.TryGetValue(id, out var session) ? session : throw FluxException.NotFound("There is no such upload.");

    private sealed class Session(UploadId id, UploadRequest request)
    {
        public UploadId Id => id;

        public UploadRequest Request => request;

        public MemoryStream Content { get; } = new();

        public ConcurrentDictionary<ChunkHash, byte[]> Chunks { get; } = new();

        public NodeInfo? Result { get; set; }

        public int Epoch { get; set; }

        public UploadInfo Info() => new()
        {
            Id = id,
            Target = request.Target,
            State = Result is null ? UploadState.Open : UploadState.Completed,
            Size = request.Size,
            DurableOffset = Content.Length,
            Result = Result,
        };
    }

    private sealed class Writer(MemoryUploads uploads, Session session, int epoch) : IUploadWriter
    {
        public UploadId Id => session.Id;

        public long Offset => session.Content.Length;

        public ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
        {
            if (session.Epoch != epoch)
            {
                throw new FluxException(FluxError.Fenced, "A newer writer took over.");
            }

            session.Content.Write(data.Span);
            Interlocked.Add(ref uploads._bytesReceived, data.Length);
            return ValueTask.CompletedTask;
        }

        public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) => throw new NotSupportedException();

        public Task<long> FlushAsync(CancellationToken ct) => Task.FromResult(session.Content.Length);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

/// <summary>Knows Anna's password "right" and API key "flx_anna"; can withdraw both.</summary>
public sealed class OneUser : IAuthenticator
{
    public bool IsWithdrawn { get; set; }

    public int Logins { get; private set; }

    public ValueTask<AuthResult> AuthenticateAsync(Credential credential, PeerInfo peer, AuthMethods done, CancellationToken ct)
    {
        Logins++;
        var isRight = credential switch
        {
            PasswordCredential { UserName: "anna" } password => password.Password.Span.SequenceEqual("right"u8),
            TokenCredential token => token.Token == "flx_anna",
            SessionTokenCredential => true,
            _ => false,
        };
        return new(isRight ? new AuthResult(AuthOutcome.Success, People.Anna) : AuthResult.Failed);
    }

    public bool IsStillValid(Principal principal) => !IsWithdrawn;
}

/// <summary>A feed that a test writes.</summary>
public sealed class ScriptedFeed : IChangeFeed
{
    private readonly List<Change> _changes = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long Head => _changes.Count;

    public void Add(string path)
    {
        _changes.Add(new Change { Sequence = _changes.Count + 1, Kind = ChangeKind.Put, Path = FilePath.Parse(path), NodeId = 7, NodeKind = NodeKind.File, Author = "anna" });
        Interlocked.Exchange(ref _more, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    public ValueTask<ChangePage> ReadAsync(Principal who, long cursor, int count, CancellationToken ct)
    {
        var page = _changes.Skip((int)cursor).Take(count).ToList();
        return new(new ChangePage(page, cursor + page.Count, cursor + page.Count < Head));
    }

    public Task WaitAsync(long cursor, CancellationToken ct) => Head > cursor ? Task.CompletedTask : _more.Task.WaitAsync(ct);
}

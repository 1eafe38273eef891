using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Quic.Engine;
using Fluxd.Transports.Quic.Native;
using Fluxd.Transports.Quic.Protocol;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Client;

/// <summary>
/// A client of fluxd/1. One connection, authenticated once; calls may overlap and each takes a stream of its own. The
/// connection follows the machine to another address. When it is lost, calls fail as Unavailable (which is transient):
/// connect anew and go on where <see cref="GetUploadAsync"/> says. Thread-safe.
/// </summary>
public sealed partial class FluxdClient : IAsyncDisposable
{
    private readonly QuicEndpoint _endpoint;
    private readonly QuicConnection _connection;
    private readonly NetworkAddressChangedEventHandler _moved;

    private FluxdClient(QuicEndpoint endpoint, QuicConnection connection)
    {
        _endpoint = endpoint;
        _connection = connection;
        _moved = (_, _) => _endpoint.Rebind();
        NetworkChange.NetworkAddressChanged += _moved;
    }

    /// <summary>For how long calls have been under way without a packet from the server, which answers at least each second then.</summary>
    public TimeSpan Silence => _connection.Silence;

    /// <summary>Ends when the connection is gone.</summary>
    public CancellationToken Closed => _connection.ClosedToken;

    /// <summary>
    /// Starts the handshake. The login leaves in the same flight as whatever is called first: neither is waited for here
    /// beyond the handshake itself.
    /// </summary>
    /// <exception cref="FluxException">Unavailable: no library, or no answer over UDP. Denied: another certificate.</exception>
    public static async Task<FluxdClient> ConnectAsync(FluxdClientOptions options, ILogger log, CancellationToken ct)
    {
        var state = QuicLibraries.Probe();
        if (!state.IsAvailable)
        {
            throw new FluxException(FluxError.Unavailable, state.Message);
        }

        var any = options.Server.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any;
        var endpoint = new QuicEndpoint(UdpSockets.Open(new IPEndPoint(any, 0), isServer: false), server: null, log);
        var connection = endpoint.Connect(options.Server, options.ToEngine());
        try
        {
            await connection.Handshake.WaitAsync(ct);
        }
        catch (Exception e)
        {
            await endpoint.DisposeAsync();
            throw e is FluxException or OperationCanceledException ? e : Lost(e);
        }

        var client = new FluxdClient(endpoint, connection);
        client.Login = client.AuthenticateAsync(options, CancellationToken.None); // it lives as long as the connection
        return client;
    }

    /// <summary>Who we are to the server; fails with Unauthenticated or RateLimited. Calls before its end are fine.</summary>
    public Task<LoginInfo> Login { get; private set; } = null!;

    private async Task<LoginInfo> AuthenticateAsync(FluxdClientOptions options, CancellationToken ct)
    {
        var frame = new FrameWriter((byte)FluxdOperation.Authenticate);
        _ = options.Credential switch
        {
            PasswordCredential password => frame.U8(1).Text(password.UserName).Bytes(password.Password.Span),
            TokenCredential token => frame.U8(2).Text(token.UserName).Text(token.Token),
            _ => throw FluxException.Invalid("fluxd/1 knows logins by password and by API key."),
        };
        try
        {
            return await AskAsync(frame.Text(options.ClientName), static (ref FrameReader answer) =>
                new LoginInfo(answer.Text(), (Scopes)answer.U32(), answer.Flag()), default, ct);
        }
        catch (Exception e) when (IsLoss(e))
        {
            throw Lost(e);
        }
    }

    public Task<NodeInfo> StatAsync(FilePath path, bool followLink, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.Stat).Bytes(path.ToBytes()).Flag(followLink), FluxdRecords.Node, ct);

    public Task<ListPage> ListAsync(FilePath folder, string? cursor, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.List).Bytes(folder.ToBytes()).Text(cursor).U32(0), ReadList, ct);

    public Task<UploadInfo> OpenUploadAsync(UploadRequest request, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.OpenUpload).Request(request), FluxdRecords.Upload, ct);

    public Task<UploadInfo> GetUploadAsync(UploadId id, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.GetUpload).Raw(id.ToBytes()), FluxdRecords.Upload, ct);

    public Task<IReadOnlyList<bool>> HaveAsync(UploadId id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct)
    {
        var frame = Frame(FluxdOperation.Have).Raw(id.ToBytes()).Bytes(basePath is null ? [] : basePath.ToBytes()).U32(chunks.Count);
        foreach (var chunk in chunks)
        {
            frame.Raw(chunk.ToArray());
        }

        return CallAsync<IReadOnlyList<bool>>(frame, static (ref FrameReader answer) =>
        {
            var have = new bool[answer.Count(1, Limits.ChunksPerCallMax)];
            for (var i = 0; i < have.Length; i++)
            {
                have[i] = answer.Flag();
            }

            return have;
        }, ct);
    }

    public Task PutChunkAsync(UploadId id, ChunkHash hash, ReadOnlyMemory<byte> bytes, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.PutChunk).Raw(id.ToBytes()).Raw(hash.ToArray()).U32(bytes.Length), Nothing, ct, bytes);

    public Task<RecipeAppend> AppendRecipeAsync(UploadId id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct)
    {
        var frame = Frame(FluxdOperation.AppendRecipe).Raw(id.ToBytes()).I64(offset).Recipe(recipe);
        return CallAsync(frame, static (ref FrameReader answer) =>
        {
            var durable = answer.I64();
            var missing = new int[answer.Count(sizeof(int), Limits.ChunksPerCallMax)];
            for (var i = 0; i < missing.Length; i++)
            {
                missing[i] = answer.U32();
            }

            return new RecipeAppend(durable, missing);
        }, ct);
    }

    public Task<UploadInfo> CommitAsync(UploadId id, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.Commit).Raw(id.ToBytes()), FluxdRecords.Upload, ct);

    public Task CancelUploadAsync(UploadId id, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.CancelUpload).Raw(id.ToBytes()), Nothing, ct);

    public Task RemoveFileAsync(FilePath path, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.RemoveFile).Bytes(path.ToBytes()).I64(-1), Nothing, ct);

    public Task RemoveFolderAsync(FilePath path, bool recursive, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.RemoveFolder).Bytes(path.ToBytes()).Flag(recursive), Nothing, ct);

    public Task<NodeInfo> MoveAsync(FilePath from, FilePath to, bool replace, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.Move).Bytes(from.ToBytes()).Bytes(to.ToBytes()).Flag(replace), FluxdRecords.Node, ct);

    public Task<NodeInfo> MakeFolderAsync(FilePath path, bool parents, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.MakeFolder).Bytes(path.ToBytes()).Flag(parents), FluxdRecords.Node, ct);

    /// <summary>SHA-256 of the whole content.</summary>
    public Task<byte[]> ChecksumAsync(FilePath path, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.Checksum).Bytes(path.ToBytes()), static (ref FrameReader answer) =>
        {
            _ = answer.I64(); // version and size: for who wants to know what was hashed
            _ = answer.I64();
            return answer.Raw(SHA256.HashSizeInBytes).ToArray();
        }, ct);

    /// <summary>Some of a file's chunks from an offset on; none at the end.</summary>
    public Task<IReadOnlyList<ChunkRef>> RecipeAsync(FilePath path, long offset, ReadOnlyMemory<byte> tag, CancellationToken ct) =>
        CallAsync<IReadOnlyList<ChunkRef>>(Frame(FluxdOperation.Recipe).Bytes(path.ToBytes()).I64(offset).Bytes(tag.Span), FluxdRecords.Recipe, ct);

    /// <summary>A token that stands for this login for a while, so that a password need not be kept.</summary>
    public Task<string> IssueTokenAsync(TimeSpan lifetime, CancellationToken ct) =>
        CallAsync(Frame(FluxdOperation.IssueToken).U32((int)lifetime.TotalSeconds), static (ref FrameReader answer) => answer.Text(), ct);

    private static ListPage ReadList(ref FrameReader answer)
    {
        var next = answer.TextOrNull();
        var entries = new NodeInfo[answer.Count(1, Limits.ListPageMax)];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = FluxdRecords.Node(ref answer);
        }

        return new ListPage(entries, next);
    }

    private static bool Nothing(ref FrameReader answer) => true;

    private static FrameWriter Frame(FluxdOperation operation) => new((byte)operation);

    /// <summary>Why a call failed or ended with the connection. A login that failed tells more than the calls that left with it.</summary>
    private async Task<FluxException> ReasonAsync(Exception cause)
    {
        try
        {
            await Login; // judged, or ended with the connection
        }
        catch (FluxException refused)
        {
            return refused;
        }

        return cause as FluxException ?? (_connection.PeerCloseCode == FluxdCodes.AuthenticationFailed
            ? new FluxException(FluxError.Unauthenticated, "This login is no longer valid; log in again.", cause)
            : Lost(cause));
    }

    private static FluxException Lost(Exception cause) =>
        new(FluxError.Unavailable, "The QUIC connection to the server was lost or could not be made.", cause);

    public async ValueTask DisposeAsync()
    {
        NetworkChange.NetworkAddressChanged -= _moved;
        _connection.Close(FluxdCodes.NoError);
        await _endpoint.DisposeAsync();
        await ((Task)Login).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it ended with the connection
    }
}

public sealed record LoginInfo(string UserName, Scopes Scopes, bool MustChangePassword);

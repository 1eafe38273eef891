using System.Buffers.Binary;
using System.Formats.Tar;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fluxd.Core;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Transports.Http;
using Fluxd.Transports.Http.Uploads;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Client;

/// <summary>Where a server is and what to say to it.</summary>
public sealed record LinkTarget
{
    public required Uri Url { get; init; }

    public required AuthenticationHeaderValue? Authorization { get; init; }

    /// <summary>SHA-256 of the certificate in hex, for one that no authority vouches for.</summary>
    public string? Pin { get; init; }

    /// <summary>Asked with a certificate's fingerprint when nobody vouches for it and nothing is pinned; true trusts it.</summary>
    public Func<string, bool>? TrustOnFirstUse { get; init; }
}

/// <summary>The link over HTTPS, through whatever proxies stand between: GET, PUT, POST and DELETE only.</summary>
public sealed class HttpLink : ILink
{
    private readonly HttpClient _http;

    /// <summary>Bodies up to here have passed every proxy on the way.</summary>
    private int _bodyBytesPassed = ClientLimits.BundleBytesMin;

    public HttpLink(LinkTarget target)
    {
        var handler = new SocketsHttpHandler
        {
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            MaxConnectionsPerServer = 4 * ClientLimits.Parallel,
            AllowAutoRedirect = false,
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, certificate, _, errors) => IsTrusted(target, certificate, errors) },
        };
        _http = new HttpClient(handler) { BaseAddress = target.Url, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = target.Authorization;
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("fluxctl/0.1");
    }

    public string Name => "https";

    internal HttpClient Http => _http;

    private static bool IsTrusted(LinkTarget target, X509Certificate? certificate, SslPolicyErrors errors)
    {
        if (certificate is null)
        {
            return false;
        }

        var fingerprint = certificate.GetCertHashString(HashAlgorithmName.SHA256);
        return target.Pin is { } pin ? pin.Replace(":", "", StringComparison.Ordinal).Equals(fingerprint, StringComparison.OrdinalIgnoreCase)
            : errors == SslPolicyErrors.None || target.TrustOnFirstUse?.Invoke(fingerprint) == true;
    }

    public async Task<RemoteEntry?> FindAsync(FilePath path, CancellationToken ct)
    {
        try
        {
            return Entry(await GetAsync("/v1/meta/" + HttpPaths.Encode(path), WireJson.Default.NodeEntry, ct), path);
        }
        catch (FluxException error) when (error.Error is FluxError.NotFound or FluxError.NotFolder)
        {
            return null;
        }
    }

    public async IAsyncEnumerable<RemoteEntry> ListAsync(FilePath folder, [EnumeratorCancellation] CancellationToken ct)
    {
        var url = HttpPaths.FilesUrl(folder) + (folder.IsRoot ? "" : "/");
        for (string? cursor = null; ;)
        {
            var page = await GetAsync($"{url}?list=1&limit=1000{(cursor is null ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}", WireJson.Default.NodePage, ct);
            foreach (var entry in page.Entries)
            {
                yield return Entry(entry, HttpPaths.FromSegments(HttpPaths.Split(entry.Href).AsSpan(2)));
            }

            cursor = page.Next;
            if (cursor is null)
            {
                yield break;
            }
        }
    }

    private static RemoteEntry Entry(NodeEntry entry, FilePath path) => new(
        path,
        entry.Kind switch
        {
            "file" => NodeKind.File,
            "folder" => NodeKind.Folder,
            _ => NodeKind.Symlink,
        },
        entry.Size,
        entry.Etag,
        entry.ModifiedAt);

    public Task MakeFolderAsync(FilePath path, CancellationToken ct) =>
        PostAsync("/v1/folders", new MakeFolderBody(path.ToString()), WireJson.Default.MakeFolderBody, WireJson.Default.NodeEntry, ct);

    public async Task RemoveAsync(FilePath path, bool recursive, CancellationToken ct) =>
        (await SendAsync(HttpMethod.Delete, HttpPaths.FilesUrl(path) + (recursive ? "?recursive=1" : ""), null, ct)).Dispose();

    public Task MoveAsync(FilePath from, FilePath to, bool replace, CancellationToken ct) =>
        PostAsync("/v1/move", new PathPair(from.ToString(), to.ToString(), replace), WireJson.Default.PathPair, WireJson.Default.NodeEntry, ct);

    public async Task ReadAsync(FilePath path, string tag, long offset, Memory<byte> buffer, CancellationToken ct)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, HttpPaths.FilesUrl(path));
        request.Headers.Range = new RangeHeaderValue(offset, offset + buffer.Length - 1);
        request.Headers.TryAddWithoutValidation("If-Match", tag);
        using var answer = await SendAsync(request, ct);
        if (answer.StatusCode != HttpStatusCode.PartialContent && !(offset == 0 && answer.Content.Headers.ContentLength == buffer.Length))
        {
            throw FluxException.Invalid("The server, or a proxy before it, ignored the range that was asked for.");
        }

        await using var stream = await answer.Content.ReadAsStreamAsync(ct);
        for (var got = 0; got < buffer.Length;)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(ct);
            silence.CancelAfter(ClientLimits.Silence);
            var count = await stream.ReadAsync(buffer[got..], silence.Token);
            got += count > 0 ? count : throw new IOException("The connection ended in the middle of the data.");
        }
    }

    public async Task<IReadOnlyList<ChunkRef>> RecipeAsync(FilePath path, string tag, long offset, CancellationToken ct)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"/v1/recipes/{HttpPaths.Encode(path)}?offset={offset}"));
        request.Headers.TryAddWithoutValidation("If-Match", tag);
        using var answer = await SendAsync(request, ct);
        return DeltaRoutes.Chunks((await ReadAsync(answer, WireJson.Default.FileRecipe, ct)).Chunks);
    }

    public async Task<byte[]> HashAsync(FilePath path, CancellationToken ct) =>
        Convert.FromHexString((await GetAsync("/v1/checksums/" + HttpPaths.Encode(path) + "?algorithm=sha-256", WireJson.Default.ChecksumAnswer, ct)).Hex);

    public async Task PutAsync(FilePath path, ReadOnlyMemory<byte> content, byte[] sha256, DateTimeOffset modified, CancellationToken ct)
    {
        var request = new HttpRequestMessage(HttpMethod.Put, HttpPaths.FilesUrl(path)) { Content = new ReadOnlyMemoryContent(content) };
        request.Headers.TryAddWithoutValidation("Repr-Digest", $"sha-256=:{Convert.ToBase64String(sha256)}:");
        request.Headers.TryAddWithoutValidation("X-OC-Mtime", Math.Max(0, modified.ToUnixTimeSeconds()).ToString(CultureInfo.InvariantCulture));
        (await SendAsync(request, ct)).Dispose();
    }

    public async Task<IReadOnlyList<FluxException?>> PutManyAsync(IReadOnlyList<SmallFile> files, CancellationToken ct)
    {
        using var tar = new MemoryStream();
        await using (var writer = new TarWriter(tar, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (var file in files)
            {
                await writer.WriteEntryAsync(TarEntryOf(file), ct);
            }
        }

        tar.Position = 0;
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/batch") { Content = new StreamContent(tar) };
        request.Headers.ExpectContinue = tar.Length > Volatile.Read(ref _bodyBytesPassed);
        var length = (int)tar.Length;
        using var answer = await SendAsync(request, ct);
        var faults = await ReadResultsAsync(answer, files.Count, ct);
        InterlockedMax(ref _bodyBytesPassed, length);
        return faults;
    }

    private static PaxTarEntry TarEntryOf(SmallFile file) => new(
        TarEntryType.RegularFile, file.Target.ToString().TrimStart('/'), [new(BatchRoutes.DigestKey, Convert.ToHexStringLower(file.Sha256))])
    {
        Mode = UnixFileMode.None,
        ModificationTime = file.Modified,
        DataStream = new MemoryStream(file.Content.ToArray(), writable: false),
    };

    /// <summary>A line for each file, in the order in which they became durable.</summary>
    private static async Task<IReadOnlyList<FluxException?>> ReadResultsAsync(HttpResponseMessage answer, int count, CancellationToken ct)
    {
        var faults = new FluxException?[count];
        var told = 0;
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(ct));
        while (await reader.ReadLineAsync(ct) is { } line)
        {
            var result = JsonSerializer.Deserialize(line, WireJson.Default.ItemResult) ?? throw new IOException("The server answered with nothing.");
            if (result.Index < 0 || result.Index >= count)
            {
                throw LinkErrors.Of(result.Status, result.Code, result.Detail ?? "The server could not read the batch.");
            }

            told++;
            faults[result.Index] = result.Status < 300 ? null : LinkErrors.Of(result.Status, result.Code, result.Detail ?? $"The server answered {result.Status}.");
        }

        return told == count ? faults : throw new IOException("The server's answer ended before it had told of all files.");
    }

    public async Task<RemoteUpload> BeginAsync(FilePath path, long size, DateTimeOffset modified, CancellationToken ct)
    {
        var body = new UploadBody(path.ToString(), size, null, null, false, modified, null);
        return Upload(await PostAsync("/v1/uploads", body, WireJson.Default.UploadBody, WireJson.Default.UploadEntry, ct));
    }

    private static RemoteUpload Upload(UploadEntry entry) => new(entry.Id, entry.Offset, entry.State == "completed");

    public async Task<RemoteUpload?> FindUploadAsync(string id, CancellationToken ct)
    {
        try
        {
            return Upload(await GetAsync("/v1/uploads/" + id, WireJson.Default.UploadEntry, ct));
        }
        catch (FluxException error) when (error.Error is FluxError.NotFound or FluxError.Gone)
        {
            return null;
        }
    }

    public async Task<IReadOnlyList<bool>> HaveAsync(string id, IReadOnlyList<ChunkHash> chunks, FilePath? basePath, CancellationToken ct)
    {
        var body = new HaveBody([.. chunks.Select(c => c.ToString())], basePath?.ToString());
        var answer = await PostAsync($"/v1/uploads/{id}/have", body, WireJson.Default.HaveBody, WireJson.Default.HaveAnswer, ct);
        return [.. answer.Have.Select(c => c == '1')];
    }

    public async Task PutChunksAsync(string id, IReadOnlyList<ChunkBytes> chunks, CancellationToken ct)
    {
        var bundle = new byte[chunks.Sum(c => ChunkHash.Size + 4 + c.Bytes.Length)];
        var at = 0;
        foreach (var chunk in chunks)
        {
            chunk.Hash.CopyTo(bundle.AsSpan(at));
            BinaryPrimitives.WriteInt32BigEndian(bundle.AsSpan(at + ChunkHash.Size), chunk.Bytes.Length);
            chunk.Bytes.Span.CopyTo(bundle.AsSpan(at + ChunkHash.Size + 4));
            at += ChunkHash.Size + 4 + chunk.Bytes.Length;
        }

        await SendBundleAsync($"/v1/uploads/{id}/chunks", bundle, ct);
    }

    private async Task SendBundleAsync(string url, byte[] bundle, CancellationToken ct)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(bundle) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(DeltaRoutes.BundleType);

        // A proxy that caps bodies cuts the connection in the middle of one: asking first gets its 413 in words instead.
        request.Headers.ExpectContinue = bundle.Length > Volatile.Read(ref _bodyBytesPassed);
        (await SendAsync(request, ct)).Dispose();
        InterlockedMax(ref _bodyBytesPassed, bundle.Length);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); value > seen;)
        {
            var was = Interlocked.CompareExchange(ref target, value, seen);
            if (was == seen)
            {
                return;
            }

            seen = was;
        }
    }

    public async Task<byte[]> BlocksAsync(string id, IReadOnlyList<(long Offset, int Length)> places, CancellationToken ct)
    {
        var body = new BlocksBody([.. places.Select(place => new BlocksPlace(place.Offset, place.Length))]);
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, WireJson.Default.BlocksBody));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        try
        {
            using var answer = await SendAsync(HttpMethod.Post, $"/v1/uploads/{id}/blocks", content, ct);
            return await answer.Content.ReadAsByteArrayAsync(ct);
        }
        catch (FluxException error) when (error.Error is FluxError.NotFound or FluxError.Denied or FluxError.IsFolder)
        {
            return []; // nothing there yet, not for us to read, or a server that doesn't know the call
        }
    }

    public Task PutPatchesAsync(string id, IReadOnlyList<ChunkPatch> patches, CancellationToken ct)
    {
        using var bundle = new MemoryStream();
        Span<byte> head = stackalloc byte[PatchRoutes.HeadBytes];
        foreach (var patch in patches)
        {
            patch.Hash.CopyTo(head);
            BinaryPrimitives.WriteInt32BigEndian(head[ChunkHash.Size..], patch.Bytes.Length);
            BinaryPrimitives.WriteInt64BigEndian(head[(ChunkHash.Size + 4)..], patch.Offset);
            bundle.Write(head);
            var bits = new byte[(PatchRoutes.BlocksOf(patch.Bytes.Length) + 7) / 8];
            foreach (var block in patch.Changed)
            {
                bits[block / 8] |= (byte)(1 << (block % 8));
            }

            bundle.Write(bits);
            foreach (var block in patch.Changed)
            {
                bundle.Write(patch.Bytes[PatchRoutes.Block(block, patch.Bytes.Length)].Span);
            }
        }

        return SendBundleAsync($"/v1/uploads/{id}/patches", bundle.ToArray(), ct);
    }

    public async Task<RecipeAppend> AppendAsync(string id, long offset, IReadOnlyList<ChunkRef> recipe, CancellationToken ct)
    {
        var body = new RecipeBody(offset, [.. recipe.Select(c => new RecipeChunk(c.Hash.ToString(), c.Length))]);
        var answer = await PostAsync($"/v1/uploads/{id}/recipe", body, WireJson.Default.RecipeBody, WireJson.Default.RecipeAnswer, ct);
        return new RecipeAppend(answer.Offset, answer.Missing);
    }

    public async Task CompleteAsync(string id, CancellationToken ct) =>
        (await SendAsync(HttpMethod.Post, $"/v1/uploads/{id}/complete", null, ct)).Dispose();

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<T> GetAsync<T>(string url, JsonTypeInfo<T> type, CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Get, url, null, ct);
        return await ReadAsync(answer, type, ct);
    }

    internal async Task<TAnswer> PostAsync<TBody, TAnswer>(string url, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> answerType, CancellationToken ct)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, bodyType));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await SendAsync(HttpMethod.Post, url, content, ct);
        return await ReadAsync(answer, answerType, ct);
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage answer, JsonTypeInfo<T> type, CancellationToken ct)
    {
        await using var stream = await answer.Content.ReadAsStreamAsync(ct);
        return await JsonSerializer.DeserializeAsync(stream, type, ct) ?? throw new IOException("The server answered with nothing.");
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string url, HttpContent? content, CancellationToken ct) =>
        SendAsync(new HttpRequestMessage(method, url) { Content = content }, ct);

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        if (answer.IsSuccessStatusCode)
        {
            return answer;
        }

        using (answer)
        {
            throw await LinkErrors.ReadAsync(answer, ct);
        }
    }
}

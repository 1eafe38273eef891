using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Fluxd.Core.Chunking;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.LoadTests.House;
using Fluxd.LoadTests.Runner;
using Fluxd.Testing;
using Fluxd.Transports.Client;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>One thing that a client does, for scenarios to put together: each compares what it got, and says by which way it failed.</summary>
internal sealed class Transfers(Site site)
{
    private const int TriesMax = 50;
    private const int SftpPieceBytes = 32768;
    private const uint NoStatus = 0xFFFF; // as the test client says that an answer is not a STATUS

    public static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    public async Task<Response> PutHttpAsync(UserContext user, string path, byte[] content) => await site.KeepAsync(user.User, path, content, async () =>
    {
        using var answer = await site.Http.SendAsync(site.Request(HttpMethod.Put, "v1/files" + path, user.User, new ByteArrayContent(content)), user.Ct);
        return Of(answer, content.Length);
    });

    public Task<Response> PutLinkAsync(UserContext user, ILink link, string path, byte[] content) => site.KeepAsync(user.User, path, content, async () =>
    {
        var local = Path.Combine(site.Work, string.Create(CultureInfo.InvariantCulture, $"{link.Name}-{user.User}"));
        await File.WriteAllBytesAsync(local, content, user.Ct);
        var sent = await Sender(link).SendAsync("load", local, FilePath.Parse(path), null, user.Ct);
        return Response.Ok(sent.Bytes);
    });

    public Task<Response> PutSftpAsync(SftpTestClient client, string path, byte[] content) => site.KeepAsync(0, path, content, async () =>
    {
        await client.PutAsync(path, content);
        return Response.Ok(content.Length);
    });

    public async Task<Response> GetHttpAsync(UserContext user, string path, byte[] expected, RangeHeaderValue? range = null, bool isAnonymous = false)
    {
        using var request = isAnonymous ? new HttpRequestMessage(HttpMethod.Get, path) : site.Request(HttpMethod.Get, "v1/files" + path, user.User);
        request.Headers.Range = range;
        using var answer = await site.Http.SendAsync(request, user.Ct);
        return answer.StatusCode != (range is null ? HttpStatusCode.OK : HttpStatusCode.PartialContent)
            ? Of(answer, 0)
            : Compare(expected, await answer.Content.ReadAsByteArrayAsync(user.Ct));
    }

    public async Task<Response> GetLinkAsync(UserContext user, ILink link, string path, byte[] expected)
    {
        var local = Path.Combine(site.Work, string.Create(CultureInfo.InvariantCulture, $"{link.Name}-{user.User}-back"));
        var entry = await link.FindAsync(FilePath.Parse(path), user.Ct);
        if (entry is null)
        {
            return Response.Fail("it is not there");
        }

        await new FileReceiver(link, TimeProvider.System).ReceiveAsync(entry, local, null, user.Ct);
        return Compare(expected, await File.ReadAllBytesAsync(local, user.Ct));
    }

    public static async Task<Response> GetSftpAsync(SftpTestClient client, string path, byte[] expected) => Compare(expected, await client.GetAsync(path));

    /// <summary>By a client that others wrote; a process for each.</summary>
    public async Task<Response> GetHttp3Async(UserContext user, string path, byte[] expected)
    {
        var (_, status, hash) = (await Http3Client.GetAsync(site.Daemon.TlsPort, $"Bearer {site.User(user.User).Token}", [path], TimeSpan.FromMinutes(2)))[0];
        return status != 200 ? Response.Fail($"HTTP {status}") : hash == Ledger.Hash(expected) ? Response.Ok(expected.Length) : Response.Fail("other bytes");
    }

    /// <summary>As <see cref="GetHttp3Async"/>.</summary>
    public Task<Response> PutHttp3Async(UserContext user, string path, byte[] content) => site.KeepAsync(user.User, path, content, async () =>
    {
        var local = Path.Combine(site.Work, string.Create(CultureInfo.InvariantCulture, $"h3-{user.User}"));
        await File.WriteAllBytesAsync(local, content, user.Ct);
        var status = await Http3Client.PutAsync(site.Daemon.TlsPort, $"Bearer {site.User(user.User).Token}", path, local, TimeSpan.FromMinutes(2));
        return status is 201 or 204 ? Response.Ok(content.Length) : Response.Fail($"HTTP {status}");
    });

    public static async Task<Response> RangeSftpAsync(SftpTestClient client, string path, long from, byte[] expected)
    {
        var handle = await client.OpenAsync(path, 1);
        var got = new List<byte>();
        while (got.Count < expected.Length)
        {
            var answer = await client.AskAsync(SftpTestClient.Read, handle, (ulong)(from + got.Count), (uint)Math.Min(32768, expected.Length - got.Count));
            if (answer.Status != NoStatus)
            {
                return Response.Fail($"SFTP status {answer.Status}");
            }

            got.AddRange(answer.Bytes());
        }

        return await client.CloseAsync(handle) is > 0 and var status ? Response.Fail($"SFTP status {status}") : Compare(expected, [.. got]);
    }

    public async Task<Response> RemoveSftpAsync(SftpTestClient client, string path)
    {
        site.Ledger.Begin($"/{site.User(0).Name}{path}", null);
        var status = (await client.AskAsync(SftpTestClient.Remove, path)).Status;
        if (status != 0)
        {
            return Response.Fail($"SFTP status {status}");
        }

        site.Ledger.Acknowledge($"/{site.User(0).Name}{path}");
        return Response.Ok();
    }

    /// <returns>How many names the folder has, itself and its parent apart.</returns>
    public static async Task<int> CountSftpAsync(SftpTestClient client, string folder)
    {
        var handle = (await client.AskAsync(SftpTestClient.OpenDir, folder)).Bytes();
        var found = 0;
        for (var page = await client.AskAsync(SftpTestClient.ReadDir, handle); page.Status == NoStatus; page = await client.AskAsync(SftpTestClient.ReadDir, handle))
        {
            for (var left = page.UInt32(); left > 0; left--)
            {
                found += page.Text() is "." or ".." ? 0 : 1;
                page.Text(); // the line for people
                page.Attributes();
            }
        }

        await client.CloseAsync(handle);
        return found;
    }

    /// <summary>tus: a part that is cut in its middle, the question how far it came, the rest.</summary>
    public Task<Response> ResumeTusAsync(UserContext user, string path, byte[] content) => site.KeepAsync(user.User, path, content, async () =>
    {
        using var create = Tus(HttpMethod.Post, "v1/uploads", user, new ByteArrayContent([]));
        create.Headers.Add("Upload-Length", content.Length.ToString(CultureInfo.InvariantCulture));
        create.Headers.Add("Upload-Metadata", "path " + Convert.ToBase64String(Encoding.UTF8.GetBytes(path)));
        using var made = await site.Http.SendAsync(create, user.Ct);
        if (!made.IsSuccessStatusCode)
        {
            return Of(made, 0);
        }

        await CutAsync(user, made.Headers.Location!, content);
        return await GoOnAsync(user, made.Headers.Location!, content);
    });

    /// <summary>The server may still be at the end of what was cut: then the offset that it told is no longer the newest, and is asked for again.</summary>
    private async Task<Response> GoOnAsync(UserContext user, Uri url, byte[] content)
    {
        for (var tries = 1; ; tries++)
        {
            using var asked = await site.Http.SendAsync(Tus(HttpMethod.Head, url.ToString(), user, null), user.Ct);
            var offset = (int)Offset(asked);
            if (offset < 0 || offset > content.Length / 2)
            {
                return Response.Fail("an offset that can't be");
            }

            using var rest = await site.Http.SendAsync(Patch(user, url, offset, new ByteArrayContent(content, offset, content.Length - offset)), user.Ct);
            if (rest.StatusCode != HttpStatusCode.Conflict || tries == TriesMax)
            {
                return rest.IsSuccessStatusCode && Offset(rest) != content.Length ? Response.Fail("the end is not where it should be") : Of(rest, content.Length);
            }
        }
    }

    /// <summary>Half by one connection, which is lost; the rest by another, which asks what is there.</summary>
    public Task<Response> ResumeLinkAsync(UserContext user, Func<Task<ILink>> connect, string path, byte[] content) => site.KeepAsync(user.User, path, content, async () =>
    {
        var recipe = Cut(content);
        var half = recipe.Count / 2;
        RemoteUpload upload;
        await using (var first = await connect())
        {
            upload = await first.BeginAsync(FilePath.Parse(path), content.Length, DateTimeOffset.UnixEpoch, user.Ct);
            await SendAsync(first, upload, recipe[..half], 0, content, user.Ct);
        }

        await using var second = await connect();
        if (await second.FindUploadAsync(upload.Id, user.Ct) is not { } found || found.Offset != recipe.Take(half).Sum(chunk => (long)chunk.Length))
        {
            return Response.Fail("what was acknowledged is not there");
        }

        await SendAsync(second, upload, recipe[half..], found.Offset, content, user.Ct);
        await second.CompleteAsync(upload.Id, user.Ct);
        return Response.Ok(content.Length);
    });

    /// <summary>
    /// As sftp's reput: half by one session, whose last writes are on their way when it is lost; another asks for the size
    /// of what stands there, opens without truncation, and writes from there on.
    /// </summary>
    public Task<Response> ResumeSftpAsync(string path, byte[] content) => site.KeepAsync(0, path, content, async () =>
    {
        const uint Create = 0x1A, Existing = 0x02; // WRITE with CREAT and TRUNC; WRITE alone
        var (half, answered) = (content.Length / 2, content.Length / 4);
        await using (var first = await site.NewSftpAsync())
        {
            var handle = await first.Client.OpenAsync(path, Create);
            await WriteSftpAsync(first.Client, handle, content, 0, answered);
            for (var at = answered; at < half; at += SftpPieceBytes)
            {
                await first.Client.SendAsync(SftpTestClient.Write, handle, (ulong)at, content[at..Math.Min(half, at + SftpPieceBytes)]);
            }
        }

        await using var second = await site.NewSftpAsync();
        var stat = await second.Client.AskAsync(SftpTestClient.Stat, path);
        if (stat.Status != NoStatus)
        {
            return Response.Fail($"SFTP status {stat.Status} for the size of what stands");
        }

        var size = (long)stat.Attributes().Size;
        if (size < answered || size > half)
        {
            return Response.Fail(size < answered ? "what was answered is not there" : "more is there than was sent");
        }

        var rest = await second.Client.OpenAsync(path, Existing);
        await WriteSftpAsync(second.Client, rest, content, (int)size, content.Length);
        return await second.Client.CloseAsync(rest) is > 0 and var status ? Response.Fail($"SFTP status {status}") : await GetSftpAsync(second.Client, path, content);
    });

    public FileSender Sender(ILink link) => new(link, new ResumeNotes(Path.Combine(site.Work, "notes")), TimeProvider.System);

    public static Response Of(HttpResponseMessage answer, long bytes) => answer.IsSuccessStatusCode ? Response.Ok(bytes) : Response.Fail($"HTTP {(int)answer.StatusCode}");

    private static Response Compare(byte[] expected, byte[] got) =>
        got.AsSpan().SequenceEqual(expected) ? Response.Ok(got.Length) : Response.Fail(got.Length == expected.Length ? "other bytes" : "another length");

    private static List<ChunkRef> Cut(byte[] content)
    {
        var chunker = Chunker.For(ContentSniffer.Choose(content.AsSpan(0, Math.Min(content.Length, ContentSniffer.HeadBytes)), content.Length));
        var recipe = new List<ChunkRef>();
        for (var at = 0; at < content.Length; at += recipe[^1].Length)
        {
            var length = chunker.Cut(content.AsSpan(at));
            recipe.Add(new ChunkRef(ChunkHash.Of(content.AsSpan(at, length)), length));
        }

        return recipe;
    }

    private static async Task SendAsync(ILink link, RemoteUpload upload, List<ChunkRef> recipe, long offset, byte[] content, CancellationToken ct)
    {
        var at = (int)offset;
        var chunks = new List<ChunkBytes>();
        foreach (var chunk in recipe)
        {
            chunks.Add(new ChunkBytes(chunk.Hash, content.AsMemory(at, chunk.Length)));
            at += chunk.Length;
        }

        await link.PutChunksAsync(upload.Id, chunks, ct);
        await link.AppendAsync(upload.Id, offset, recipe, ct);
    }

    private static async Task WriteSftpAsync(SftpTestClient client, byte[] handle, byte[] content, int from, int to)
    {
        for (var at = from; at < to; at += SftpPieceBytes)
        {
            if (await client.WriteAsync(handle, (ulong)at, content[at..Math.Min(to, at + SftpPieceBytes)]) is > 0 and var status)
            {
                throw new IOException($"SFTP status {status}");
            }
        }
    }

    private async Task CutAsync(UserContext user, Uri url, byte[] content)
    {
        try
        {
            using var answer = await site.Http.SendAsync(Patch(user, url, 0, new CutContent(content)), user.Ct);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // As it should be.
        }
    }

    private HttpRequestMessage Patch(UserContext user, Uri url, long offset, HttpContent content)
    {
        var request = Tus(HttpMethod.Patch, url.ToString(), user, content);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
        request.Headers.Add("Upload-Offset", offset.ToString(CultureInfo.InvariantCulture));
        return request;
    }

    private HttpRequestMessage Tus(HttpMethod method, string url, UserContext user, HttpContent? content)
    {
        var request = site.Request(method, url, user.User, content);
        request.Headers.Add("Tus-Resumable", "1.0.0");
        return request;
    }

    private static long Offset(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues("Upload-Offset", out var values) ? long.Parse(values.First(), CultureInfo.InvariantCulture) : -1;

    /// <summary>Promises everything, sends half, and is gone.</summary>
    private sealed class CutContent(byte[] content) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(content.AsMemory(0, content.Length / 2));
            await stream.FlushAsync();
            throw new IOException("cut");
        }

        protected override bool TryComputeLength(out long length)
        {
            length = content.Length;
            return true;
        }
    }
}

using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fluxd.Core.Chunking;
using Fluxd.Testing;
using Fluxd.Transports.Http;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

public sealed class UploadsOverHttpTests : HttpTest
{
    private static string Meta(string key, string value) => $"{key} {Convert.ToBase64String(Encoding.UTF8.GetBytes(value))}";

    private static string One(HttpResponseMessage answer, string header) => answer.Headers.GetValues(header).Single();

    private const string Tus = "Tus-Resumable: 1.0.0";
    private const string TusBody = "Content-Type: application/offset+octet-stream";
    private const string DraftBody = "Content-Type: application/partial-upload";

    private async Task<string> CreateTus(int size, string path) =>
        (await Send("POST", "/v1/uploads", [], Tus, $"Upload-Length: {size}", "Upload-Metadata: " + Meta("path", path))).Headers.Location!.OriginalString;

    [Fact(Timeout = 30_000)]
    public async Task Tus_creates_appends_tells_and_publishes()
    {
        var options = await Send("OPTIONS", "/v1/uploads", null);
        Assert.Equal("1.0.0", One(options, "Tus-Version"));
        Assert.Contains("concatenation", One(options, "Tus-Extension"), StringComparison.Ordinal);
        var location = await CreateTus(10, "/new/t.bin");
        var part = await Send("PATCH", location, "01234"u8.ToArray(), Tus, TusBody, "Upload-Offset: 0");
        Assert.Equal(HttpStatusCode.NoContent, part.StatusCode);
        Assert.Equal("5", One(part, "Upload-Offset"));
        Assert.Equal(HttpStatusCode.NotFound, (await Client.GetAsync("/v1/files/new/t.bin")).StatusCode);
        var head = await Send("HEAD", location, null, Tus);
        Assert.Equal(("5", "10", "no-store"), (One(head, "Upload-Offset"), One(head, "Upload-Length"), head.Headers.CacheControl!.ToString()));
        Assert.Equal("10", One(await Send("PATCH", location, "56789"u8.ToArray(), Tus, TusBody, "Upload-Offset: 5"), "Upload-Offset"));
        Assert.Equal("0123456789", await Client.GetStringAsync("/v1/files/new/t.bin"));
        Assert.Equal("10", One(await Send("PATCH", location, [], Tus, TusBody, "Upload-Offset: 10"), "Upload-Offset"));
    }

    [Fact(Timeout = 30_000)]
    public async Task Tus_refuses_a_wrong_offset_type_version_and_checksum()
    {
        var location = await CreateTus(10, "/t");
        Assert.Equal(HttpStatusCode.Conflict, (await Send("PATCH", location, [1], Tus, TusBody, "Upload-Offset: 3")).StatusCode);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await Send("PATCH", location, [1], Tus, "Upload-Offset: 0")).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Send("PATCH", location, [1], "Tus-Resumable: 0.2.2", TusBody, "Upload-Offset: 0")).StatusCode);
        Assert.Equal(460, (int)(await Send("PATCH", location, [1], Tus, TusBody, "Upload-Offset: 0", "Upload-Checksum: sha1 " + Convert.ToBase64String(SHA1.HashData([2])))).StatusCode);
        Assert.Equal("0", One(await Send("HEAD", location, null, Tus), "Upload-Offset"));
        Assert.Equal(HttpStatusCode.NoContent, (await Send("PATCH", location, [1], Tus, TusBody, "Upload-Offset: 0", "Upload-Checksum: sha1 " + Convert.ToBase64String(SHA1.HashData([1])))).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Send("PATCH", location, [1], Tus, TusBody, "Upload-Offset: 1", "Upload-Checksum: sha1 AAAA")).StatusCode);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await Send("PATCH", location, new byte[20], Tus, TusBody, "Upload-Offset: 1")).StatusCode);
    }

    [Theory(Timeout = 30_000)]
    [InlineData("Upload-Length: 5")]
    [InlineData("Upload-Length: -5", "Upload-Metadata: path YQ==")]
    [InlineData("Upload-Length: five", "Upload-Metadata: path YQ==")]
    [InlineData("Upload-Length: 5", "Upload-Defer-Length: 1", "Upload-Metadata: path YQ==")]
    [InlineData("Upload-Length: 5", "Upload-Metadata: path ???")]
    [InlineData("Upload-Length: 5", "Upload-Metadata: path YQ==,path YQ==")]
    [InlineData("Upload-Length: 5", "Upload-Metadata: filename Li4vYQ==")]
    [InlineData("Upload-Length: 5", "Upload-Metadata: path Li4vYQ==")]
    [InlineData("Upload-Length: 5", "Upload-Metadata: path YQBi")]
    [InlineData("Upload-Length: 5", "Upload-Metadata: path /w==")]
    [InlineData("Upload-Length: 5", "Upload-Concat: half", "Upload-Metadata: path YQ==")]
    public async Task Malformed_tus_creations_are_refused_in_words(params string[] headers)
    {
        var answer = await Send("POST", "/v1/uploads", [], [Tus, .. headers]);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.NotEmpty((await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString()!);
    }

    [Fact(Timeout = 30_000)]
    public async Task Tus_concatenates_parts_and_terminates()
    {
        var parts = new List<string>();
        foreach (var text in new[] { "abc", "def" })
        {
            var created = await Send("POST", "/v1/uploads", Encoding.ASCII.GetBytes(text), Tus, TusBody, "Upload-Length: 3", "Upload-Concat: partial");
            Assert.Equal("3", One(created, "Upload-Offset"));
            parts.Add(created.Headers.Location!.OriginalString);
        }

        var final = await Send("POST", "/v1/uploads", [], Tus, "Upload-Concat: final;" + string.Join(' ', parts), "Upload-Metadata: " + Meta("filename", "joined.txt"));
        Assert.Equal(HttpStatusCode.Created, final.StatusCode);
        Assert.Equal("abcdef", await Client.GetStringAsync("/v1/files/joined.txt"));
        var location = await CreateTus(10, "/gone");
        Assert.Equal(HttpStatusCode.NoContent, (await Send("DELETE", location, null, Tus)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Send("HEAD", location, null, Tus)).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task Tus_learns_a_deferred_length_later()
    {
        var created = await Send("POST", "/v1/uploads", [], Tus, "Upload-Defer-Length: 1", "Upload-Metadata: " + Meta("path", "/later"));
        var location = created.Headers.Location!.OriginalString;
        await Send("PATCH", location, "xy"u8.ToArray(), Tus, TusBody, "Upload-Offset: 0");
        await Send("PATCH", location, "z"u8.ToArray(), Tus, TusBody, "Upload-Offset: 2", "Upload-Length: 3");
        Assert.Equal("xyz", await Client.GetStringAsync("/v1/files/later"));
    }

    [Fact(Timeout = 30_000)]
    public async Task The_draft_creates_with_the_whole_body()
    {
        var answer = await Send("POST", "/v1/uploads?path=/d/whole", "hello"u8.ToArray(), "Upload-Complete: ?1", "Upload-Draft-Interop-Version: 8");
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        Assert.Equal(("?1", "5"), (One(answer, "Upload-Complete"), One(answer, "Upload-Offset")));
        Assert.Equal("hello", await Client.GetStringAsync("/v1/files/d/whole"));
    }

    [Fact(Timeout = 30_000)]
    public async Task The_draft_resumes_part_by_part()
    {
        var created = await Send("PUT", "/v1/files/d/parts", "he"u8.ToArray(), "Upload-Complete: ?0", "Upload-Draft-Interop-Version: 8", "Upload-Length: 5");
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        var location = created.Headers.Location!.OriginalString;
        var head = await Send("HEAD", location, null, "Upload-Draft-Interop-Version: 8");
        Assert.Equal((HttpStatusCode.NoContent, "2", "?0", "5"), (head.StatusCode, One(head, "Upload-Offset"), One(head, "Upload-Complete"), One(head, "Upload-Length")));
        Assert.StartsWith("min-append-size=0, max-age=", One(head, "Upload-Limit"), StringComparison.Ordinal);
        var wrong = await Send("PATCH", location, "x"u8.ToArray(), DraftBody, "Upload-Offset: 1", "Upload-Complete: ?0");
        var problem = await wrong.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((HttpStatusCode.Conflict, 2, 1), (wrong.StatusCode, problem.GetProperty("expected-offset").GetInt32(), problem.GetProperty("provided-offset").GetInt32()));
        Assert.Equal("https://iana.org/assignments/http-problem-types#mismatching-upload-offset", problem.GetProperty("type").GetString());
        var inconsistent = await Send("PATCH", location, "llo!"u8.ToArray(), DraftBody, "Upload-Offset: 2", "Upload-Complete: ?1");
        Assert.Equal("inconsistent_length", (await inconsistent.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        var done = await Send("PATCH", location, "llo"u8.ToArray(), DraftBody, "Upload-Offset: 2", "Upload-Complete: ?1");
        Assert.Equal((HttpStatusCode.OK, "?1"), (done.StatusCode, One(done, "Upload-Complete")));
        Assert.Equal("hello", await Client.GetStringAsync("/v1/files/d/parts"));
        var again = await Send("PATCH", location, [], DraftBody, "Upload-Offset: 5", "Upload-Complete: ?1");
        Assert.Equal("completed_upload", (await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    [Fact(Timeout = 30_000)]
    public async Task An_interim_104_tells_the_address_before_the_body_is_sent()
    {
        using var raw = await RawHttp.ConnectAsync(Server.Address);
        await raw.WriteAsync($"POST /v1/uploads?path=/early HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\nUpload-Complete: ?1\r\nUpload-Draft-Interop-Version: 8\r\nContent-Length: 5\r\n\r\n");
        var interim = await raw.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 104 ", interim, StringComparison.Ordinal);
        Assert.Contains("\r\nLocation: http://x/v1/uploads/", interim, StringComparison.Ordinal);
        await raw.WriteAsync("hello");
        Assert.StartsWith("HTTP/1.1 201 ", await raw.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("hello", await Client.GetStringAsync("/v1/files/early"));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_cut_connection_keeps_what_came_and_another_protocol_finishes_it()
    {
        var location = await CreateTus(10, "/cut");
        using (var raw = await RawHttp.ConnectAsync(Server.Address))
        {
            await raw.WriteAsync($"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\n{Tus}\r\n{TusBody}\r\nUpload-Offset: 0\r\nContent-Length: 10\r\n\r\n0123");
            while (Server.Transfers.Recent(100).Sum(t => t.BytesAccepted) < 4)
            {
                await Task.Delay(5);
            }
        }

        var state = await Client.GetFromJsonAsync<JsonElement>(location);
        while (state.GetProperty("offset").GetInt64() != 4)
        {
            state = await Client.GetFromJsonAsync<JsonElement>(location);
        }

        Assert.Equal("open", state.GetProperty("state").GetString());
        var done = await Send("PATCH", location, "456789"u8.ToArray(), DraftBody, "Upload-Offset: 4", "Upload-Complete: ?1");
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
        Assert.Equal("0123456789", await Client.GetStringAsync("/v1/files/cut"));
    }

    [Fact(Timeout = 30_000)]
    public async Task The_newest_request_wins_over_a_half_dead_one()
    {
        var location = await CreateTus(6, "/fence");
        using var old = await RawHttp.ConnectAsync(Server.Address);
        await old.WriteAsync($"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\n{Tus}\r\n{TusBody}\r\nUpload-Offset: 0\r\nContent-Length: 6\r\n\r\n");
        // The old request holds the session once its transfer has begun; the creation was the first transfer.
        while (Server.Transfers.Recent(100).Count < 2)
        {
            await Task.Delay(5);
        }

        var offset = One(await Send("HEAD", location, null, Tus), "Upload-Offset");
        var fresh = await Send("PATCH", location, "abcdef"u8.ToArray(), Tus, TusBody, "Upload-Offset: " + offset);
        Assert.Equal(HttpStatusCode.NoContent, fresh.StatusCode);
        await old.WriteAsync("XXXXXX");
        var answer = await old.ReadHeadAsync();
        Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 409", StringComparison.Ordinal), answer);
        Assert.Equal("abcdef", await Client.GetStringAsync("/v1/files/fence"));
    }

    [Fact(Timeout = 30_000)]
    public async Task Proxies_that_know_only_get_and_post_are_enough()
    {
        var created = await Client.PostAsJsonAsync("/v1/uploads", new { path = "/p", size = 3 });
        var href = (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("href").GetString()!;
        var part = await Send("POST", href, "abc"u8.ToArray(), "X-HTTP-Method-Override: PATCH", "Upload-Offset: 0", "Content-Type: application/octet-stream");
        Assert.Equal("3", One(part, "Upload-Offset"));
        var state = await Client.GetAsync(href);
        Assert.Equal("no-store", state.Headers.CacheControl!.ToString());
        var done = await Client.PostAsync(href + "/complete", null);
        var again = await Client.PostAsync(href + "/complete", null);
        Assert.Equal(await done.Content.ReadAsStringAsync(), await again.Content.ReadAsStringAsync());
        Assert.Equal("abc", await Client.GetStringAsync("/v1/files/p"));
    }

    [Fact(Timeout = 30_000)]
    public async Task A_changed_file_costs_about_what_changed()
    {
        var old = new byte[4 << 20];
        new Random(7).NextBytes(old);
        await Client.PutAsync("/v1/files/image", new ByteArrayContent(old));
        var changed = old.ToArray();
        changed[2_000_000] ^= 1;
        var chunks = Cut(changed);
        var href = (await (await Client.PostAsJsonAsync("/v1/uploads", new { path = "/image", size = changed.Length })).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("href").GetString()!;
        var have = (await (await Client.PostAsJsonAsync(href + "/have", new { chunks = chunks.Select(c => c.Hash.ToString()), @base = "/image" })).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("have").GetString()!;
        var missing = chunks.Where((_, i) => have[i] == '0').ToList();
        Assert.InRange(missing.Count, 1, 3);
        var recipe = new { offset = 0, chunks = chunks.Select(c => new { hash = c.Hash.ToString(), length = c.Bytes.Length }) };
        var early = await (await Client.PostAsJsonAsync(href + "/recipe", recipe)).Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(missing.Count, early.GetProperty("missing").GetArrayLength());
        Assert.Equal(HttpStatusCode.BadRequest, (await Send("PUT", $"{href}/chunks/{missing[0].Hash}", [1, 2, 3])).StatusCode);
        foreach (var chunk in missing)
        {
            Assert.Equal(HttpStatusCode.NoContent, (await Send("PUT", $"{href}/chunks/{chunk.Hash}", chunk.Bytes)).StatusCode);
        }

        var appended = await (await Client.PostAsJsonAsync(href + "/recipe", recipe)).Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(changed.Length, appended.GetProperty("offset").GetInt64());
        Assert.Equal(HttpStatusCode.OK, (await Client.PostAsync(href + "/complete", null)).StatusCode);
        Assert.Equal(changed, await Client.GetByteArrayAsync("/v1/files/image"));
    }

    private static List<(ChunkHash Hash, byte[] Bytes)> Cut(byte[] bytes)
    {
        var chunks = new List<(ChunkHash, byte[])>();
        for (var at = 0; at < bytes.Length;)
        {
            var chunk = bytes.AsSpan(at, Chunker.Fine.Cut(bytes.AsSpan(at))).ToArray();
            chunks.Add((ChunkHash.Of(chunk), chunk));
            at += chunk.Length;
        }

        return chunks;
    }

    [Fact(Timeout = 30_000)]
    public async Task Pushes_answer_for_each_operation_and_replays_change_nothing()
    {
        await Client.PutAsync("/v1/files/kept", new ByteArrayContent([1]));
        var push = new
        {
            operations = new object[]
            {
                new { id = "1", op = "mkdir", path = "/dir" }, new { id = "2", op = "move", path = "/kept", to = "/dir/kept" },
                new { id = "3", op = "remove", path = "/dir/kept", baseVersion = 999 }, new { id = "4", op = "put", path = "/x", recipe = new[] { new { hash = new string('a', 64), length = 5 } } },
                new { id = "5", op = "dance", path = "/x" },
            },
        };
        Assert.Equal(["applied", "applied", "conflict", "missing", "failed"], await Results(push));
        Assert.Equal(["duplicate", "duplicate", "conflict", "missing", "failed"], await Results(push));
    }

    private async Task<List<string?>> Results(object push)
    {
        var answer = await (await Client.PostAsJsonAsync("/v1/push", push)).Content.ReadFromJsonAsync<JsonElement>();
        return [.. answer.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("result").GetString())];
    }

    [Fact(Timeout = 30_000)]
    public async Task Pull_pages_waits_and_says_when_the_log_is_too_short()
    {
        Server.Feed.Add(Fluxd.Core.Feed.ChangeKind.Put, "/a");
        Server.Feed.Add(Fluxd.Core.Feed.ChangeKind.Put, "/b");
        var page = await Client.GetFromJsonAsync<JsonElement>("/v1/pull?cursor=0&limit=1");
        Assert.Equal((1, true, "put"), (page.GetProperty("cursor").GetInt64(), page.GetProperty("more").GetBoolean(), page.GetProperty("changes")[0].GetProperty("op").GetString()));
        var waiting = Client.GetFromJsonAsync<JsonElement>("/v1/pull?cursor=2&wait=20");
        Server.Feed.Add(Fluxd.Core.Feed.ChangeKind.Remove, "/a");
        Assert.Equal(3, (await waiting).GetProperty("cursor").GetInt64());
        Server.Feed.Oldest = 2;
        Assert.Equal(HttpStatusCode.Gone, (await Client.GetAsync("/v1/pull?cursor=0")).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task Events_resume_after_the_last_id()
    {
        Server.Feed.Add(Fluxd.Core.Feed.ChangeKind.Put, "/a");
        Server.Feed.Add(Fluxd.Core.Feed.ChangeKind.Put, "/b");
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events");
        request.Headers.TryAddWithoutValidation("Last-Event-ID", "1");
        using var answer = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("no", One(answer, "X-Accel-Buffering"));
        Assert.Equal("id: 2", await FirstId(answer));
        var stats = await Client.GetFromJsonAsync<JsonElement>("/v1/stats");
        Assert.Equal((2, 1, 1), (stats.GetProperty("cursor").GetInt64(), stats.GetProperty("sse").GetProperty("subscriptions").GetInt32(), stats.GetProperty("sse").GetProperty("devices").GetInt32()));
    }

    [Fact(Timeout = 240_000)]
    public async Task A_thousand_listen_and_one_more_is_sent_to_polling()
    {
        var streams = new List<HttpResponseMessage>();
        try
        {
            for (var i = 0; i < HttpLimits.EventStreamsMax; i++)
            {
                streams.Add((await Client.GetAsync("/v1/events", HttpCompletionOption.ResponseHeadersRead)).EnsureSuccessStatusCode());
            }

            using var refused = await Client.GetAsync("/v1/events", HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Server.Feed.Add(Fluxd.Core.Feed.ChangeKind.Put, "/news");
            Assert.All(await Task.WhenAll(streams.Select(FirstId)), id => Assert.Equal("id: 1", id));
        }
        finally
        {
            streams.ForEach(stream => stream.Dispose());
        }
    }

    private static async Task<string?> FirstId(HttpResponseMessage stream)
    {
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());
        string? line;
        while ((line = await reader.ReadLineAsync())?.StartsWith("id:", StringComparison.Ordinal) == false)
        {
        }

        return line;
    }
}

using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

/// <summary>
/// One good call of each method of each path that the OpenAPI document names, over the real store. What the document
/// gains and this table does not have fails here: no call ships that nobody ever made.
/// </summary>
public sealed class EveryRouteTests : HttpOverTheStoreTest
{
    private const string Tus = "Tus-Resumable: 1.0.0";

    private readonly HashSet<string> _made = [];

    [Fact(Timeout = 120_000)]
    public async Task Every_call_of_the_document_was_made_and_did_what_it_says()
    {
        await Files();
        await Folders();
        await ThePast();
        await Uploads();
        await Delta();
        await Feed();
        await Identity();
        await Rest();

        var document = await Client.GetFromJsonAsync<JsonElement>("/v1/openapi.json");
        var promised = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(method => $"{method.Name.ToUpperInvariant()} {path.Name}"))
            .Where(call => call.Split(' ')[0] is "GET" or "HEAD" or "PUT" or "POST" or "PATCH" or "DELETE" or "OPTIONS")
            .Order(StringComparer.Ordinal).ToList();
        Assert.Equal(promised, _made.Where(call => call.Contains(" /v1/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    private async Task Files()
    {
        Assert.Equal("/a/b.txt", (await Json(201, "PUT", "/v1/files/{path}", "/v1/files/a/b.txt", "hello"u8.ToArray())).GetProperty("path").GetString());
        await Call(204, "PUT", "/v1/files/{path}", "/v1/files/a/b.txt", "hello!"u8.ToArray());
        Assert.Equal("hello!", await (await Call(200, "GET", "/v1/files/{path}", "/v1/files/a/b.txt")).Content.ReadAsStringAsync());
        Assert.Equal(6, (await Call(200, "HEAD", "/v1/files/{path}", "/v1/files/a/b.txt")).Content.Headers.ContentLength);
        var sum = await Json(200, "GET", "/v1/checksums/{path}", "/v1/checksums/a/b.txt");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData("hello!"u8)), sum.GetProperty("hex").GetString());
        Assert.Equal(6, (await Json(200, "GET", "/v1/meta/{path}", "/v1/meta/a/b.txt")).GetProperty("size").GetInt64());
        Assert.Equal("600", (await Json(200, "PATCH", "/v1/meta/{path}", "/v1/meta/a/b.txt", new { mode = "600" })).GetProperty("mode").GetString());
    }

    private async Task Folders()
    {
        Assert.Equal("folder", (await Json(201, "POST", "/v1/folders", "/v1/folders", new { path = "/a/deep/er" })).GetProperty("kind").GetString());
        Assert.Equal("/a/copy.txt", (await Json(201, "POST", "/v1/copy", "/v1/copy", new { from = "/a/b.txt", to = "/a/copy.txt" })).GetProperty("path").GetString());
        Assert.Equal("/a/deep/c.txt", (await Json(200, "POST", "/v1/move", "/v1/move", new { from = "/a/copy.txt", to = "/a/deep/c.txt" })).GetProperty("path").GetString());
        var found = (await Json(200, "GET", "/v1/search", "/v1/search?path=/&q=C.TX")).GetProperty("entries");
        Assert.Equal("/a/deep/c.txt", Assert.Single(found.EnumerateArray()).GetProperty("path").GetString());
        Assert.True((await Json(200, "GET", "/v1/space", "/v1/space?path=/a")).GetProperty("bytesFree").GetInt64() > 0);
        var bulk = await Json(200, "POST", "/v1/bulk", "/v1/bulk", new { operations = new object[] { new { op = "mkdir", path = "/bulk" }, new { op = "remove", path = "/none" } } });
        Assert.Equal([200, 404], bulk.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("status").GetInt32()));
        Assert.Equal("PK"u8.ToArray(), (await (await Call(200, "GET", "/v1/archive/{path}", "/v1/archive/a?format=zip")).Content.ReadAsByteArrayAsync())[..2]);
        Assert.Equal("PK"u8.ToArray(), (await (await Call(200, "POST", "/v1/archive", "/v1/archive", new { paths = new[] { "/a/b.txt" } })).Content.ReadAsByteArrayAsync())[..2]);
    }

    private async Task ThePast()
    {
        var versions = (await Json(200, "GET", "/v1/versions/{path}", "/v1/versions/a/b.txt")).GetProperty("versions");
        var oldest = versions.EnumerateArray().Last().GetProperty("version").GetInt64();
        await Json(200, "POST", "/v1/restore", "/v1/restore", new { path = "/a/b.txt", version = oldest });
        Assert.Equal("hello", await Client.GetStringAsync("/v1/files/a/b.txt"));

        await Call(204, "DELETE", "/v1/files/{path}", "/v1/files/a/b.txt");
        var removed = Assert.Single((await Json(200, "GET", "/v1/trash", "/v1/trash")).GetProperty("entries").EnumerateArray()).GetProperty("id").GetInt64();
        Assert.Equal("/back.txt", (await Json(200, "POST", "/v1/trash/{id}", $"/v1/trash/{removed}", new { to = "/back.txt" })).GetProperty("path").GetString());
        Assert.Equal("hello", await Client.GetStringAsync("/v1/files/back.txt"));

        await Call(204, "DELETE", "/v1/files/{path}", "/v1/files/back.txt");
        var again = Assert.Single((await Json(200, "GET", "/v1/trash", "/v1/trash")).GetProperty("entries").EnumerateArray()).GetProperty("id").GetInt64();
        await Call(204, "DELETE", "/v1/trash/{id}", $"/v1/trash/{again}");
        Assert.Empty((await Json(200, "GET", "/v1/trash", "/v1/trash")).GetProperty("entries").EnumerateArray());
        await Call(404, "POST", "/v1/trash/{id}", $"/v1/trash/{again}");
        Assert.Equal(JsonValueKind.Array, (await Json(200, "GET", "/v1/snapshots", "/v1/snapshots")).GetProperty("snapshots").ValueKind);
    }

    private async Task Uploads()
    {
        Assert.Contains("creation", (await Call(204, "OPTIONS", "/v1/uploads", "/v1/uploads", null, Tus)).Headers.GetValues("Tus-Extension").Single(), StringComparison.Ordinal);
        var href = (await Json(201, "POST", "/v1/uploads", "/v1/uploads", new { path = "/up.bin", size = 4 })).GetProperty("href").GetString()!;
        await Call(204, "OPTIONS", "/v1/uploads/{id}", href, null, Tus);
        await Call(204, "PATCH", "/v1/uploads/{id}", href, [1, 2, 3, 4], "Upload-Offset: 0");
        Assert.Equal("4", (await Call(204, "HEAD", "/v1/uploads/{id}", href)).Headers.GetValues("Upload-Offset").Single());
        Assert.Equal(4, (await Json(200, "GET", "/v1/uploads/{id}", href)).GetProperty("offset").GetInt64());
        Assert.Single((await Json(200, "GET", "/v1/uploads", "/v1/uploads")).GetProperty("uploads").EnumerateArray());
        Assert.Equal("completed", (await Json(200, "POST", "/v1/uploads/{id}/complete", href + "/complete")).GetProperty("state").GetString());
        Assert.Equal(new byte[] { 1, 2, 3, 4 }, await Client.GetByteArrayAsync("/v1/files/up.bin"));

        var other = (await Json(201, "POST", "/v1/uploads", "/v1/uploads", new { path = "/other", size = 4 })).GetProperty("href").GetString()!;
        await Call(204, "POST", "/v1/uploads/{id}", other, [1, 2], "X-HTTP-Method-Override: PATCH", "Upload-Offset: 0");
        _made.Remove("POST /v1/uploads/{id}"); // the PATCH by another name
        await Call(204, "DELETE", "/v1/uploads/{id}", other);
        Assert.Equal(HttpStatusCode.NotFound, (await Client.GetAsync(other)).StatusCode);

        using var tar = new MemoryStream();
        await using (var writer = new System.Formats.Tar.TarWriter(tar, leaveOpen: true))
        {
            await writer.WriteEntryAsync(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "one") { DataStream = new MemoryStream([7]) });
        }

        await Call(200, "POST", "/v1/batch", "/v1/batch?path=/batch", tar.ToArray());
        Assert.Equal(new byte[] { 7 }, await Client.GetByteArrayAsync("/v1/files/batch/one"));
    }

    private async Task Delta()
    {
        byte[] first = [.. "first chunk"u8], second = [.. "second chunk"u8];
        string a = Convert.ToHexStringLower(SHA256.HashData(first)), b = Convert.ToHexStringLower(SHA256.HashData(second));
        var href = (await Json(201, "POST", "/v1/uploads", "/v1/uploads", new { path = "/delta", size = first.Length + second.Length })).GetProperty("href").GetString()!;
        Assert.Equal("00", (await Json(200, "POST", "/v1/uploads/{id}/have", href + "/have", new { chunks = new[] { a, b } })).GetProperty("have").GetString());
        await Call(204, "PUT", "/v1/uploads/{id}/chunks/{hash}", $"{href}/chunks/{a}", first);
        byte[] bundle = [.. SHA256.HashData(second), 0, 0, 0, (byte)second.Length, .. second];
        await Call(204, "POST", "/v1/uploads/{id}/chunks", href + "/chunks", bundle);
        Assert.Equal("11", (await Json(200, "POST", "/v1/uploads/{id}/have", href + "/have", new { chunks = new[] { a, b } })).GetProperty("have").GetString());
        var recipe = new { offset = 0, chunks = new[] { new { hash = a, length = first.Length }, new { hash = b, length = second.Length } } };
        Assert.Empty((await Json(200, "POST", "/v1/uploads/{id}/recipe", href + "/recipe", recipe)).GetProperty("missing").EnumerateArray());
        await Json(200, "POST", "/v1/uploads/{id}/complete", href + "/complete");
        Assert.Equal("first chunksecond chunk", await Client.GetStringAsync("/v1/files/delta"));

        await Patches();
        var bytes = RandomNumberGenerator.GetBytes(600_000);
        await Call(201, "PUT", "/v1/files/{path}", "/v1/files/large", bytes);
        var answer = await Json(200, "GET", "/v1/recipes/{path}", "/v1/recipes/large");
        var at = 0;
        foreach (var chunk in answer.GetProperty("chunks").EnumerateArray())
        {
            var length = chunk.GetProperty("length").GetInt32();
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes.AsSpan(at, length))), chunk.GetProperty("hash").GetString());
            at += length;
        }

        Assert.Equal(bytes.Length, at);
        Assert.Empty((await Json(200, "GET", "/v1/recipes/{path}", "/v1/recipes/large?offset=600000")).GetProperty("chunks").EnumerateArray());
        await Call(400, "GET", "/v1/recipes/{path}", "/v1/recipes/large?offset=1");
        await Call(400, "GET", "/v1/recipes/{path}", "/v1/recipes/large?offset=600001");
    }

    /// <summary>Of /delta's bytes one changes: its only block travels, and a lie about the result is refused.</summary>
    private async Task Patches()
    {
        byte[] changed = [.. "first chunkSecond chunk"u8];
        var href = (await Json(201, "POST", "/v1/uploads", "/v1/uploads", new { path = "/delta", size = changed.Length })).GetProperty("href").GetString()!;
        var places = new { places = new[] { new { offset = 0, length = 11 }, new { offset = 11, length = 12 }, new { offset = 1 << 20, length = 4097 } } };
        var hashes = await (await Call(200, "POST", "/v1/uploads/{id}/blocks", href + "/blocks", places)).Content.ReadAsByteArrayAsync();
        Assert.Equal(
            [.. SHA256.HashData("first chunk"u8)[..16], .. SHA256.HashData("second chunk"u8)[..16], .. SHA256.HashData(new byte[4096])[..16], .. SHA256.HashData(new byte[1])[..16]], hashes);
        await Call(413, "POST", "/v1/uploads/{id}/blocks", href + "/blocks", new { places = new[] { new { offset = 0, length = 1 << 30 } } });
        await Call(413, "POST", "/v1/uploads/{id}/blocks", href + "/blocks", new { places = new object?[] { null } });

        byte[] Patch(byte[] block, byte bits = 1) => [.. SHA256.HashData(changed), 0, 0, 0, (byte)changed.Length, 0, 0, 0, 0, 0, 0, 0, 0, bits, .. block];
        await Call(400, "POST", "/v1/uploads/{id}/patches", href + "/patches", Patch([.. "first chunksecond chunk"u8]));
        await Call(400, "POST", "/v1/uploads/{id}/patches", href + "/patches", Patch([], bits: 0));
        await Call(400, "POST", "/v1/uploads/{id}/patches", href + "/patches", Patch(changed[..5]));
        await Call(204, "POST", "/v1/uploads/{id}/patches", href + "/patches", Patch(changed));
        var recipe = new { offset = 0, chunks = new[] { new { hash = Convert.ToHexStringLower(SHA256.HashData(changed)), length = changed.Length } } };
        Assert.Empty((await Json(200, "POST", "/v1/uploads/{id}/recipe", href + "/recipe", recipe)).GetProperty("missing").EnumerateArray());
        await Json(200, "POST", "/v1/uploads/{id}/complete", href + "/complete");
        Assert.Equal(changed, await Client.GetByteArrayAsync("/v1/files/delta"));

        var fresh = (await Json(201, "POST", "/v1/uploads", "/v1/uploads", new { path = "/nothing-yet", size = 1 })).GetProperty("href").GetString()!;
        await Call(404, "POST", "/v1/uploads/{id}/blocks", fresh + "/blocks", places);
    }

    private async Task Feed()
    {
        Assert.NotEmpty((await Json(200, "GET", "/v1/pull", "/v1/pull?cursor=0")).GetProperty("changes").EnumerateArray());
        var pushed = await Json(200, "POST", "/v1/push", "/v1/push", new { operations = new[] { new { id = "1", op = "mkdir", path = "/pushed" } } });
        Assert.Equal("applied", pushed.GetProperty("results")[0].GetProperty("result").GetString());
        Assert.True((await Json(200, "GET", "/v1/stats", "/v1/stats")).GetProperty("oplogSize").GetInt64() > 0);
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events?cursor=0");
        using var events = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", events.Content.Headers.ContentType!.MediaType);
        using var reader = new StreamReader(await events.Content.ReadAsStreamAsync());
        while (await reader.ReadLineAsync() is { } line && !line.StartsWith("data:", StringComparison.Ordinal))
        {
        }

        _made.Add("GET /v1/events");
    }

    private async Task Identity()
    {
        Assert.Equal("anna", (await Json(200, "GET", "/v1/whoami", "/v1/whoami")).GetProperty("user").GetString());
        var token = (await Json(200, "POST", "/v1/auth/token", "/v1/auth/token", new { scope = "read" })).GetProperty("access_token").GetString();
        Assert.NotNull(token);
        var link = (await Json(200, "POST", "/v1/sign", "/v1/sign", new { path = "/delta" })).GetProperty("url").GetString()!;
        using var nobody = Server.Client(token: null);
        Assert.Equal("first chunkSecond chunk", await nobody.GetStringAsync(link));

        var login = await nobody.PostAsJsonAsync("/v1/auth/login", new { user = "anna", password = "correct horse" });
        Assert.Equal(HttpStatusCode.OK, login.StatusCode);
        _made.Add("POST /v1/auth/login");
        var cookie = login.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        var csrf = (await login.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("csrf").GetString();
        nobody.DefaultRequestHeaders.Add("Cookie", cookie);
        Assert.Equal(csrf, (await nobody.GetFromJsonAsync<JsonElement>("/v1/auth/session")).GetProperty("csrf").GetString());
        _made.Add("GET /v1/auth/session");
        nobody.DefaultRequestHeaders.Add("X-CSRF-Token", csrf);
        Assert.Equal(HttpStatusCode.NoContent, (await nobody.PostAsync("/v1/auth/logout", null)).StatusCode);
        _made.Add("POST /v1/auth/logout");
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("/v1/auth/session")).StatusCode);
    }

    private async Task Rest()
    {
        Assert.Contains("<title>fluxd</title>", await (await Call(200, "GET", "/", "/")).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await Call(200, "HEAD", "/", "/");
        Assert.True((await Json(200, "GET", "/v1/probe", "/v1/probe")).GetProperty("local").GetBoolean());
        Assert.Equal(3, (await Json(200, "POST", "/v1/probe", "/v1/probe", [1, 2, 3])).GetProperty("bodyBytes").GetInt64());
        await Json(200, "GET", "/v1/openapi.json", "/v1/openapi.json");
    }

    private Task<JsonElement> Json(int status, string method, string pattern, string url, object body) =>
        Json(status, method, pattern, url, JsonSerializer.SerializeToUtf8Bytes(body), "Content-Type: application/json");

    private Task<HttpResponseMessage> Call(int status, string method, string pattern, string url, object body) =>
        Call(status, method, pattern, url, JsonSerializer.SerializeToUtf8Bytes(body), "Content-Type: application/json");

    private async Task<JsonElement> Json(int status, string method, string pattern, string url, byte[]? body = null, params string[] headers) =>
        await (await Call(status, method, pattern, url, body, headers)).Content.ReadFromJsonAsync<JsonElement>();

    private async Task<HttpResponseMessage> Call(int status, string method, string pattern, string url, byte[]? body = null, params string[] headers)
    {
        var answer = await Send(method, url, body, headers);
        Assert.True((int)answer.StatusCode == status, $"{method} {url} answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        _made.Add($"{method} {pattern}");
        return answer;
    }
}

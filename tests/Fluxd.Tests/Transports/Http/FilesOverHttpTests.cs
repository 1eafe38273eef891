using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

public sealed class FilesOverHttpTests : HttpTest
{
    private static readonly byte[] Digits = Encoding.ASCII.GetBytes("0123456789");

    private async Task<HttpResponseMessage> Put(string path, byte[] bytes, Action<HttpRequestMessage>? change = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Put, "/v1/files/" + path) { Content = new ByteArrayContent(bytes) };
        change?.Invoke(request);
        return await Client.SendAsync(request);
    }

    private async Task<HttpResponseMessage> Get(string path, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/files/" + path);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Client.SendAsync(request);
    }

    [Fact(Timeout = 30_000)]
    public async Task Put_makes_parents_and_answers_created_then_replaced()
    {
        var first = await Put("a/b/c.txt", Digits);
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        Assert.Equal("/v1/files/a/b/c.txt", first.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.NoContent, (await Put("a/b/c.txt", Digits)).StatusCode);
        var got = await Get("a/b/c.txt");
        Assert.Equal(Digits, await got.Content.ReadAsByteArrayAsync());
        Assert.Equal(first.Headers.ETag, got.Headers.ETag);
        Assert.Equal("text/plain; charset=utf-8", got.Content.Headers.ContentType!.ToString());
        Assert.Equal("nosniff", got.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Contains("sandbox", got.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Theory(Timeout = 120_000)]
    [InlineData(10_000, true)]
    [InlineData(10_000, false)]
    [InlineData(5_000_000, true)]
    [InlineData(5_000_000, false)]
    public async Task A_put_whose_connection_is_cut_in_its_middle_is_the_clients_end_and_no_fault(int length, bool isReset)
    {
        using var raw = await RawHttp.ConnectAsync(Server.Address);
        await raw.WriteAsync($"PUT /v1/files/cut HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {HttpServer.Token}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 100", await raw.ReadHeadAsync(), StringComparison.Ordinal); // the body is being read
        await raw.WriteAsync(new string('x', length / 2));
        if (isReset)
        {
            raw.Reset();
        }
        else
        {
            raw.EndSending();
        }

        var line = await Server.Log.NextAsync();
        while (line.Id != 5001)
        {
            Assert.True(line.Level < Microsoft.Extensions.Logging.LogLevel.Warning, line.Text);
            line = await Server.Log.NextAsync();
        }

        Assert.Equal(Microsoft.Extensions.Logging.LogLevel.Information, line.Level);
        Assert.Matches(" (400|499) ", line.Text); // Kestrel finds a body too short, or the connection gone: whatever it sees first
        Assert.All(Server.Transfers.Recent(10), transfer => Assert.Equal("client closed", transfer.Outcome));
        Assert.Equal(HttpStatusCode.NotFound, (await Get("cut")).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_large_put_of_unknown_length_arrives_whole()
    {
        var bytes = RandomNumberGenerator.GetBytes(3_000_000);
        var answer = await Put("big.bin", bytes, r => r.Headers.TransferEncodingChunked = true);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        Assert.Equal(bytes, await (await Get("big.bin")).Content.ReadAsByteArrayAsync());
    }

    [Theory(Timeout = 30_000)]
    [InlineData("bytes=0-3", "0123", "bytes 0-3/10")]
    [InlineData("bytes=7-", "789", "bytes 7-9/10")]
    [InlineData("bytes=-2", "89", "bytes 8-9/10")]
    [InlineData("bytes=-50", "0123456789", "bytes 0-9/10")]
    [InlineData("bytes=5-500", "56789", "bytes 5-9/10")]
    public async Task Single_ranges_are_sent(string range, string expected, string contentRange)
    {
        await Put("r", Digits);
        var got = await Get("r", ("Range", range));
        Assert.Equal(HttpStatusCode.PartialContent, got.StatusCode);
        Assert.Equal(expected, await got.Content.ReadAsStringAsync());
        Assert.Equal(contentRange, got.Content.Headers.ContentRange!.ToString());
    }

    [Theory(Timeout = 30_000)]
    [InlineData("bytes=3-1")]
    [InlineData("bytes=a-b")]
    [InlineData("lines=1-2")]
    [InlineData("bytes=")]
    [InlineData("bytes=-")]
    [InlineData("bytes=99999999999999999999-")]
    [InlineData("bytes=0-9,0-9,0-9")]
    public async Task Senseless_ranges_are_ignored(string range)
    {
        await Put("r", Digits);
        var got = await Get("r", ("Range", range));
        Assert.Equal(HttpStatusCode.OK, got.StatusCode);
        Assert.Equal(Digits, await got.Content.ReadAsByteArrayAsync());
    }

    [Fact(Timeout = 30_000)]
    public async Task A_range_beyond_the_end_is_not_satisfiable()
    {
        await Put("r", Digits);
        var got = await Get("r", ("Range", "bytes=10-"));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, got.StatusCode);
        Assert.Equal("bytes */10", got.Content.Headers.ContentRange!.ToString());
        Assert.Equal("range_not_satisfiable", (await got.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    [Fact(Timeout = 30_000)]
    public async Task Several_ranges_come_as_multipart()
    {
        await Put("r.txt", Digits);
        var got = await Get("r.txt", ("Range", "bytes=0-1, 8-9"));
        Assert.Equal(HttpStatusCode.PartialContent, got.StatusCode);
        Assert.Equal("multipart/byteranges", got.Content.Headers.ContentType!.MediaType);
        var text = await got.Content.ReadAsStringAsync();
        Assert.Equal(got.Content.Headers.ContentLength, text.Length);
        Assert.Contains("Content-Range: bytes 0-1/10\r\n\r\n01\r\n", text, StringComparison.Ordinal);
        Assert.Contains("Content-Range: bytes 8-9/10\r\n\r\n89\r\n", text, StringComparison.Ordinal);
    }

    [Fact(Timeout = 30_000)]
    public async Task If_range_sends_the_whole_when_the_file_changed()
    {
        var tag = (await Put("r", Digits)).Headers.ETag!.ToString();
        Assert.Equal(HttpStatusCode.PartialContent, (await Get("r", ("Range", "bytes=0-1"), ("If-Range", tag))).StatusCode);
        await Put("r", Encoding.ASCII.GetBytes("abcdefghij"));
        Assert.Equal(HttpStatusCode.OK, (await Get("r", ("Range", "bytes=0-1"), ("If-Range", tag))).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task Conditional_requests_follow_the_tag_and_the_time()
    {
        var tag = (await Put("c", Digits)).Headers.ETag!.ToString();
        Assert.Equal(HttpStatusCode.NotModified, (await Get("c", ("If-None-Match", tag))).StatusCode);
        Assert.Equal(HttpStatusCode.NotModified, (await Get("c", ("If-None-Match", "\"x\", W/" + tag))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Get("c", ("If-None-Match", "\"other\""))).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Get("c", ("If-Match", "\"other\""))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Get("c", ("If-Match", tag))).StatusCode);
        var modified = (await Get("c")).Content.Headers.LastModified!.Value.ToString("r");
        Assert.Equal(HttpStatusCode.NotModified, (await Get("c", ("If-Modified-Since", modified))).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Get("c", ("If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"))).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Get("c", ("If-Match", "unquoted"))).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task Conditional_writes_protect_what_others_wrote()
    {
        var tag = (await Put("w", Digits, r => r.Headers.TryAddWithoutValidation("If-None-Match", "*"))).Headers.ETag!;
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Put("w", Digits, r => r.Headers.TryAddWithoutValidation("If-None-Match", "*"))).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await Put("w", [1], r => r.Headers.IfMatch.Add(tag))).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Put("w", [2], r => r.Headers.IfMatch.Add(tag))).StatusCode);
        var remove = new HttpRequestMessage(HttpMethod.Delete, "/v1/files/w");
        remove.Headers.IfMatch.Add(tag);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Client.SendAsync(remove)).StatusCode);
        Assert.Equal(new byte[] { 1 }, await (await Get("w")).Content.ReadAsByteArrayAsync());
    }

    [Fact(Timeout = 30_000)]
    public async Task Digests_are_checked_and_given()
    {
        var right = $"sha-256=:{Convert.ToBase64String(SHA256.HashData(Digits))}:";
        var wrong = $"sha-256=:{Convert.ToBase64String(SHA256.HashData([9]))}:";
        Assert.Equal(HttpStatusCode.Conflict, (await Put("d", Digits, r => r.Headers.TryAddWithoutValidation("Repr-Digest", wrong))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Get("d")).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await Put("d", Digits, r => r.Headers.TryAddWithoutValidation("Repr-Digest", right))).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Put("d", Digits, r => r.Headers.TryAddWithoutValidation("Repr-Digest", "sha-256=:AA==:"))).StatusCode);
        var got = await Get("d", ("Want-Repr-Digest", "md5=1, sha-256=9"), ("Want-Content-Digest", "sha-512"), ("Range", "bytes=0-3"));
        Assert.Equal(right, got.Headers.GetValues("Repr-Digest").Single());
        Assert.Equal($"sha-512=:{Convert.ToBase64String(SHA512.HashData(Digits.AsSpan(0, 4)))}:", got.Headers.GetValues("Content-Digest").Single());
    }

    [Fact(Timeout = 30_000)]
    public async Task Head_has_the_headers_and_no_body()
    {
        await Put("h.html", Digits);
        var head = await Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/v1/files/h.html"));
        Assert.Equal(10, head.Content.Headers.ContentLength);
        Assert.Equal("attachment; filename=\"h.html\"", head.Content.Headers.GetValues("Content-Disposition").Single());
    }

    [Theory(Timeout = 30_000)]
    [InlineData("gr%C3%BCn.txt", "inline; filename=\"gr_n.txt\"; filename*=UTF-8''gr%C3%BCn.txt")]
    [InlineData("a%22b%0D%0Ax.txt", "inline; filename=\"a_b__x.txt\"; filename*=UTF-8''a%22b%0D%0Ax.txt")]
    public async Task Odd_names_come_back_exactly(string name, string disposition)
    {
        Assert.Equal(HttpStatusCode.Created, (await Put(name, Digits)).StatusCode);
        Assert.Equal(disposition, (await Get(name)).Content.Headers.GetValues("Content-Disposition").Single());
        var listing = await Client.GetFromJsonAsync<JsonElement>("/v1/files/");
        Assert.Equal("/v1/files/" + name, listing.GetProperty("entries")[0].GetProperty("href").GetString());
    }

    [Fact(Timeout = 30_000)]
    public async Task Listings_are_paged_sorted_and_filtered()
    {
        foreach (var (name, size) in new[] { ("b", 1), ("a", 3), ("c", 2) })
        {
            await Put("f/" + name, new byte[size]);
        }

        var page = await Client.GetFromJsonAsync<JsonElement>("/v1/files/f/?limit=2");
        Assert.Equal(["a", "b"], page.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("name").GetString()));
        page = await Client.GetFromJsonAsync<JsonElement>("/v1/files/f/?limit=2&cursor=" + Uri.EscapeDataString(page.GetProperty("next").GetString()!));
        Assert.Equal(["c"], page.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("name").GetString()));
        Assert.False(page.TryGetProperty("next", out _));
        page = await Client.GetFromJsonAsync<JsonElement>("/v1/files/f?sort=size&order=desc");
        Assert.Equal(["a", "c", "b"], page.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("name").GetString()));
        Assert.Equal(HttpStatusCode.BadRequest, (await Get("f/?sort=colour")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Get("f/?limit=-1")).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task Move_copy_mkdir_bulk_and_metadata_work()
    {
        await Put("x/one", Digits);
        Assert.Equal(HttpStatusCode.Created, (await Client.PostAsJsonAsync("/v1/copy", new { from = "/x/one", to = "/y/two", parents = true })).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Client.PostAsJsonAsync("/v1/move", new { from = "/x/one", to = "/y/three" })).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await Client.PostAsJsonAsync("/v1/move", new { from = "/y/two", to = "/y/three" })).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await Client.PostAsJsonAsync("/v1/folders", new { path = "/z/deep" })).StatusCode);
        var meta = await Client.PatchAsJsonAsync("/v1/meta/y/two", new { mode = "600", modifiedAt = "2020-01-02T03:04:05Z" });
        Assert.Equal("600", (await meta.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("mode").GetString());
        var bulk = await Client.PostAsJsonAsync("/v1/bulk", new { operations = new object[] { new { op = "remove", path = "/y" }, new { op = "remove", path = "/nowhere" }, new { op = "fly", path = "/z" } } });
        var results = (await bulk.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("results");
        Assert.Equal([204, 404, 400], results.EnumerateArray().Select(r => r.GetProperty("status").GetInt32()));
    }

    [Theory(Timeout = 30_000)]
    [InlineData("zip")]
    [InlineData("tar")]
    public async Task A_folder_comes_as_an_archive(string format)
    {
        await Put("t/a.txt", Digits);
        await Put("t/sub/b.bin", new byte[300_000]);
        using var stream = new MemoryStream(await Client.GetByteArrayAsync($"/v1/archive/t?format={format}"));
        if (format == "zip")
        {
            using var zip = new System.IO.Compression.ZipArchive(stream);
            Assert.Equal(["a.txt", "sub/", "sub/b.bin"], zip.Entries.Select(e => e.FullName).Order(StringComparer.Ordinal));
            Assert.Equal(300_000, zip.GetEntry("sub/b.bin")!.Length);
        }
        else
        {
            using var tar = new System.Formats.Tar.TarReader(stream);
            var names = new List<string>();
            while (tar.GetNextEntry() is { } entry)
            {
                names.Add($"{entry.Name}:{entry.Length}");
            }

            Assert.Equal(["a.txt:10", "sub/:0", "sub/b.bin:300000"], names.Order(StringComparer.Ordinal));
        }
    }

    [Fact(Timeout = 30_000)]
    public async Task A_batch_stores_many_files_and_answers_for_each()
    {
        using var tar = new MemoryStream();
        await using (var writer = new System.Formats.Tar.TarWriter(tar, leaveOpen: true))
        {
            for (var i = 0; i < 200; i++)
            {
                await writer.WriteEntryAsync(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, $"./many/{i % 7}/f{i}") { DataStream = new MemoryStream(Encoding.ASCII.GetBytes($"file {i}")) });
            }

            await writer.WriteEntryAsync(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "../escape") { DataStream = new MemoryStream(Digits) });
        }

        var answer = await Client.PostAsync("/v1/batch?path=/in", new ByteArrayContent(tar.ToArray()));
        var lines = (await answer.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(201, lines.Count);
        Assert.Equal(200, lines.Count(l => l.GetProperty("status").GetInt32() == 201));
        Assert.Equal(400, lines.Single(l => l.GetProperty("index").GetInt32() == 200).GetProperty("status").GetInt32());
        Assert.Equal("file 123", await Client.GetStringAsync("/v1/files/in/many/4/f123"));
        Assert.Equal(HttpStatusCode.NotFound, (await Get("escape")).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task Another_user_sees_none_of_it_and_a_reader_changes_nothing()
    {
        await Put("private", Digits);
        using var bert = Server.Client("flx_bert");
        Assert.Equal(HttpStatusCode.NotFound, (await bert.GetAsync("/v1/files/private")).StatusCode);
        using var reader = Server.Client(HttpServer.ReadToken);
        Assert.Equal(HttpStatusCode.OK, (await reader.GetAsync("/v1/files/private")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await reader.PutAsync("/v1/files/private", new ByteArrayContent([1]))).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await reader.DeleteAsync("/v1/files/private")).StatusCode);
    }

    [Fact(Timeout = 30_000)]
    public async Task The_checksum_call_reads_once_and_remembers()
    {
        await Put("s", Digits);
        var answer = await Client.GetFromJsonAsync<JsonElement>("/v1/checksums/s?algorithm=sha-256");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Digits)), answer.GetProperty("hex").GetString());
        Assert.NotNull(await Server.Memory.FindDigestAsync(People.Anna, Fluxd.Core.Files.FilePath.Parse("/s"), Fluxd.Core.Files.DigestAlgorithm.Sha256, CancellationToken.None));
    }

    [Fact(Timeout = 30_000)]
    public async Task Folders_are_plain_links_for_clients_that_read_html()
    {
        await Put("web/a & b.txt".Replace(" ", "%20", StringComparison.Ordinal), Digits);
        var got = await Get("web/", ("Accept", "text/html"));
        Assert.Contains("<a href=\"./a%20%26%20b.txt\">a &amp; b.txt</a>", await got.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.PermanentRedirect, (await Get("web", ("Accept", "text/html"))).StatusCode);
    }
}

using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Fluxd.Testing;
using Xunit;

namespace Fluxd.Tests.Transports.Http;

public sealed class OverTheStoreTests : HttpOverTheStoreTest
{
    [Theory(Timeout = 60_000)]
    [InlineData(0)]
    [InlineData(4096)]
    [InlineData(900_000)]
    [InlineData(20_000_000)]
    public async Task What_is_put_is_got_and_ranges_are_its_parts(int size)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);
        var put = await Send("PUT", "/v1/files/deep/er/a.bin", bytes);
        Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await Send("PUT", "/v1/files/deep/er/a.bin", bytes)).StatusCode);
        var got = await Send("GET", "/v1/files/deep/er/a.bin", null);
        Assert.Equal(bytes, await got.Content.ReadAsByteArrayAsync());
        Assert.Equal(put.Headers.ETag, got.Headers.ETag);
        if (size > 100)
        {
            var range = await Send("GET", "/v1/files/deep/er/a.bin", null, $"Range: bytes={size / 2}-{(size / 2) + 50}");
            Assert.Equal(bytes[(size / 2)..((size / 2) + 51)], await range.Content.ReadAsByteArrayAsync());
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task Conditional_writes_are_decided_where_they_commit()
    {
        var tag = (await Send("PUT", "/v1/files/a", [1], "If-None-Match: *")).Headers.ETag!.ToString();
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Send("PUT", "/v1/files/a", [2], "If-None-Match: *")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await Send("PUT", "/v1/files/a", [3], "If-Match: " + tag)).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Send("PUT", "/v1/files/a", [4], "If-Match: " + tag)).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Send("DELETE", "/v1/files/a", null, "If-Match: " + tag)).StatusCode);
        Assert.Equal(new byte[] { 3 }, await Client.GetByteArrayAsync("/v1/files/a"));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_tus_upload_of_parts_is_published_whole()
    {
        var bytes = RandomNumberGenerator.GetBytes(10_000_000);
        const string tus = "Tus-Resumable: 1.0.0";
        var created = await Send("POST", "/v1/uploads", [], tus, $"Upload-Length: {bytes.Length}", "Upload-Metadata: path " + Convert.ToBase64String("/up/load"u8));
        var location = created.Headers.Location!.OriginalString;
        for (var offset = 0; offset < bytes.Length; offset += 4_000_000)
        {
            Assert.Equal(HttpStatusCode.NotFound, (await Client.GetAsync("/v1/files/up/load")).StatusCode);
            var part = bytes[offset..Math.Min(bytes.Length, offset + 4_000_000)];
            Assert.Equal(HttpStatusCode.NoContent, (await Send("PATCH", location, part, tus, "Content-Type: application/offset+octet-stream", $"Upload-Offset: {offset}")).StatusCode);
        }

        Assert.Equal(bytes, await Client.GetByteArrayAsync("/v1/files/up/load"));
        Assert.Equal("completed", (await Client.GetFromJsonAsync<JsonElement>(location)).GetProperty("state").GetString());
    }

    [Fact(Timeout = 60_000)]
    public async Task A_cut_put_shows_nothing_and_a_cut_part_resumes()
    {
        var created = await (await Client.PostAsJsonAsync("/v1/uploads", new { path = "/cut", size = 10 })).Content.ReadFromJsonAsync<JsonElement>();
        var href = created.GetProperty("href").GetString()!;
        using (var raw = await RawHttp.ConnectAsync(Server.Address))
        {
            await raw.WriteAsync($"PATCH {href} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HttpServer.Token}\r\nUpload-Offset: 0\r\nContent-Length: 10\r\n\r\n0123");
            while (Server.Transfers.Recent(100).Sum(t => t.BytesAccepted) < 4)
            {
                await Task.Delay(5);
            }
        }

        // The server may notice the cut only now: then the offset moves once more, and the client asks again.
        HttpResponseMessage answer;
        do
        {
            var offset = (await Client.GetFromJsonAsync<JsonElement>(href)).GetProperty("offset").GetInt64();
            var rest = "0123456789"u8.ToArray()[(int)offset..];
            answer = await Send("PATCH", href, rest, "Content-Type: application/partial-upload", $"Upload-Offset: {offset}", "Upload-Complete: ?1");
        }
        while (answer.StatusCode == HttpStatusCode.Conflict);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("0123456789", await Client.GetStringAsync("/v1/files/cut"));
    }

    [Theory(Timeout = 120_000)]
    [InlineData("tus")]
    [InlineData("draft")]
    public async Task The_same_ranges_from_two_clients_at_once_are_there_once(string protocol)
    {
        var bytes = RandomNumberGenerator.GetBytes(6_000_000);
        var created = await (await Client.PostAsJsonAsync("/v1/uploads", new { path = "/twice", size = bytes.Length })).Content.ReadFromJsonAsync<JsonElement>();
        var href = created.GetProperty("href").GetString()!;

        // Neither knows of the other: each sends from where it believes the upload to stand, and asks when told off.
        async Task SendAll()
        {
            var offset = 0L;
            while (offset < bytes.Length)
            {
                var part = bytes[(int)offset..(int)Math.Min(bytes.Length, offset + 700_000)];
                var answer = protocol == "tus"
                    ? await Send("PATCH", href, part, "Tus-Resumable: 1.0.0", "Content-Type: application/offset+octet-stream", $"Upload-Offset: {offset}")
                    : await Send("PATCH", href, part, "Content-Type: application/partial-upload", $"Upload-Offset: {offset}", "Upload-Complete: ?0");
                Assert.True(answer.IsSuccessStatusCode || answer.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.BadRequest, await answer.Content.ReadAsStringAsync());
                offset = answer.IsSuccessStatusCode
                    ? long.Parse(answer.Headers.GetValues("Upload-Offset").Single(), System.Globalization.CultureInfo.InvariantCulture)
                    : (await Client.GetFromJsonAsync<JsonElement>(href)).GetProperty("offset").GetInt64();
            }
        }

        await Task.WhenAll(SendAll(), SendAll());
        Assert.Equal("completed", (await (await Client.PostAsync(href + "/complete", null)).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("state").GetString());
        Assert.Equal(bytes, await Client.GetByteArrayAsync("/v1/files/twice"));
        Assert.Single((await Client.GetFromJsonAsync<JsonElement>("/v1/versions/twice")).GetProperty("versions").EnumerateArray());
    }

    [Fact(Timeout = 120_000)]
    public async Task Of_two_puts_to_one_name_one_is_shown_whole()
    {
        byte[][] both = [RandomNumberGenerator.GetBytes(3_000_000), RandomNumberGenerator.GetBytes(3_000_000)];
        for (var round = 0; round < 5; round++)
        {
            var answers = await Task.WhenAll(both.Select(bytes => Send("PUT", "/v1/files/one", bytes)));
            Assert.All(answers, answer => Assert.True(answer.IsSuccessStatusCode, answer.StatusCode.ToString()));
            var shown = await Client.GetByteArrayAsync("/v1/files/one");
            Assert.Contains(both, bytes => bytes.AsSpan().SequenceEqual(shown));
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task Versions_trash_and_the_feed_tell_the_past()
    {
        await Send("PUT", "/v1/files/v", [1]);
        await Send("PUT", "/v1/files/v", [2]);
        var versions = (await Client.GetFromJsonAsync<JsonElement>("/v1/versions/v")).GetProperty("versions");
        Assert.True(versions[0].GetProperty("isCurrent").GetBoolean());
        await Send("DELETE", "/v1/files/v", null);
        var trash = (await Client.GetFromJsonAsync<JsonElement>("/v1/trash")).GetProperty("entries");
        Assert.Equal("/v", trash[0].GetProperty("path").GetString());
        Assert.Equal(HttpStatusCode.OK, (await Client.PostAsync($"/v1/trash/{trash[0].GetProperty("id").GetInt64()}", null)).StatusCode);
        Assert.Equal(new byte[] { 2 }, await Client.GetByteArrayAsync("/v1/files/v"));
        var changes = (await Client.GetFromJsonAsync<JsonElement>("/v1/pull?cursor=0")).GetProperty("changes");
        var ops = changes.EnumerateArray().Select(c => c.GetProperty("op").GetString()).ToList();
        Assert.Equal("put", ops[0]);
        Assert.Contains("remove", ops);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_batch_lands_in_the_store()
    {
        using var tar = new MemoryStream();
        await using (var writer = new System.Formats.Tar.TarWriter(tar, leaveOpen: true))
        {
            for (var i = 0; i < 300; i++)
            {
                await writer.WriteEntryAsync(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, $"many/f{i:000}") { DataStream = new MemoryStream(BitConverter.GetBytes(i)) });
            }
        }

        var answer = await Client.PostAsync("/v1/batch", new ByteArrayContent(tar.ToArray()));
        Assert.Equal(300, (await answer.Content.ReadAsStringAsync()).Split('\n').Count(l => l.Contains("\"status\":201", StringComparison.Ordinal)));
        Assert.Equal(BitConverter.GetBytes(222), await Client.GetByteArrayAsync("/v1/files/many/f222"));
        Assert.Equal(300, (await Client.GetFromJsonAsync<JsonElement>("/v1/files/many/")).GetProperty("entries").GetArrayLength());
    }
}

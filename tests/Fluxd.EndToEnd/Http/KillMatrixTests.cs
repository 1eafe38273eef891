using System.Formats.Tar;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fluxd.EndToEnd.House;
using Xunit;

namespace Fluxd.EndToEnd.Http;

/// <summary>
/// Every kind of upload at once, and kill -9 of the daemon at a chosen moment: nothing half is ever shown, what was told
/// durable is there, and each goes on from where the daemon says, to the same bytes.
/// </summary>
public sealed class KillMatrixTests
{
    private const int Size = 12_000_000;
    private const int First = 3_000_000;

    /// <param name="moment">How much of each body the daemon is sent before it dies.</param>
    [Theory(Timeout = 300_000)]
    [InlineData(0.0)]
    [InlineData(0.35)]
    [InlineData(0.999)]
    [InlineData(1.0)]
    public async Task All_kinds_of_uploads_survive_the_death_of_the_daemon(double moment)
    {
        var port = Tool.FreePort();
        await using var first = Start(null, port);
        await first.ReadyAsync();
        using var before = Client(port, first.Password);
        Upload[] all = [new Put(), new Tus(), new Draft(), new Delta(), new Batch()];
        foreach (var upload in all)
        {
            await upload.BeginAsync(before);
        }

        var running = all.Select(upload => upload.SendAsync(before, moment)).ToList();
        await Task.WhenAll(all.Select(upload => upload.Reached)).WaitAsync(TimeSpan.FromSeconds(90));
        first.Signal("KILL");
        await first.ExitAsync();
        foreach (var upload in all)
        {
            upload.LetGo();
        }

        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

        await using var second = Start(first.Folder, port);
        await second.ReadyAsync();
        using var after = Client(port, first.Password);
        foreach (var upload in all)
        {
            await upload.NothingHalfAsync(after);
            await upload.GoOnAsync(after);
            await upload.IsWholeAsync(after);
        }

        var names = (await after.GetFromJsonAsync<JsonElement>("/v1/files/")).GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("name").GetString());
        Assert.Equal(["batch", "delta", "draft", "put", "tus"], names.Order(StringComparer.Ordinal));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_killed_fluxctl_and_a_killed_daemon_cost_only_what_was_in_flight()
    {
        var port = Tool.FreePort();
        await using var first = StartTls(null, port);
        await first.ReadyAsync();
        var ctl = new House.Fluxctl(first.Folder);
        await ctl.LoginAsync($"https://127.0.0.1:{port}", first.Password);
        var bytes = RandomNumberGenerator.GetBytes(100_000_000);
        var local = Path.Combine(first.Folder.FullName, "film.bin");
        await File.WriteAllBytesAsync(local, bytes);

        using (var client = ctl.Start("put", local, "--json"))
        {
            while (await client.StandardOutput.ReadLineAsync() is { } line && Number(line, "progress", "bytes") < 40_000_000)
            {
            }

            client.Kill();
            await client.WaitForExitAsync();
            Assert.NotEqual(0, client.ExitCode);
        }

        // The second run loses its daemon in the middle, and waits for the next one.
        using var patient = ctl.Start("put", local, "--json");
        var lines = new List<string>();
        while (await patient.StandardOutput.ReadLineAsync() is { } line)
        {
            lines.Add(line);
            if (Number(line, "progress", "bytes") >= 60_000_000)
            {
                break;
            }
        }

        first.Signal("KILL");
        await first.ExitAsync();
        await using var second = StartTls(first.Folder, port);
        await second.ReadyAsync();
        while (await patient.StandardOutput.ReadLineAsync() is { } line)
        {
            lines.Add(line);
        }

        await patient.WaitForExitAsync();
        Assert.True(patient.ExitCode == 0, await patient.StandardError.ReadToEndAsync());
        Assert.True(JsonDocument.Parse(lines[^1]).RootElement.GetProperty("resumed").GetBoolean());
        Assert.InRange(Number(lines[^1], "sent", "moved"), 1, bytes.Length - 8_000_000);
        await ctl.RunAsync("get", "/film.bin", local + ".back");
        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData(await File.ReadAllBytesAsync(local + ".back")));
    }

    private static long Number(string line, string about, string field)
    {
        var json = JsonDocument.Parse(line).RootElement;
        return json.GetProperty("event").GetString() == about && json.TryGetProperty(field, out var value) ? value.GetInt64() : -1;
    }

    private static DaemonProcess Start(DirectoryInfo? folder, int port) => Start(
        folder, "--set", $"http.listen=127.0.0.1:{port}", "--set", "limits.requests_per_second=100000", "--set", "limits.requests_burst=100000");

    private static DaemonProcess StartTls(DirectoryInfo? folder, int port) =>
        Start(folder, "--set", "http.listen=127.0.0.1:0", "--set", $"http.listen_tls=127.0.0.1:{port}");

    private static DaemonProcess Start(DirectoryInfo? folder, params string[] arguments) =>
        folder is null ? DaemonProcess.Start(arguments) : DaemonProcess.StartIn(folder, arguments);

    private static HttpClient Client(int port, string password) => new(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.Zero })
    {
        BaseAddress = new Uri($"http://127.0.0.1:{port}"),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + password))) },
        Timeout = TimeSpan.FromSeconds(120),
    };

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string method, string url, HttpContent? body, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), url) { Content = body };
        foreach (var (name, value) in headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                (request.Content ??= new ByteArrayContent([])).Headers.TryAddWithoutValidation(name, value);
            }
        }

        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static async Task<string> LocationAsync(HttpClient client, string method, string url, object? json, params (string Name, string Value)[] headers)
    {
        var answer = await SendAsync(client, method, url, json is null ? new ByteArrayContent([]) : JsonContent.Create(json), headers);
        Assert.True(answer.StatusCode == HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
        return answer.Headers.Location!.ToString();
    }

    private static async Task MustAsync(Task<HttpResponseMessage> sending, params HttpStatusCode[] expected)
    {
        using var answer = await sending;
        Assert.True(expected.Contains(answer.StatusCode), $"{(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
    }

    /// <summary>A body that stops at a place and holds the connection open there.</summary>
    private sealed class HeldContent(byte[] bytes, double moment) : HttpContent
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _free = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => _reached.Task;

        public void LetGo() => _free.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            try
            {
                await stream.WriteAsync(bytes.AsMemory(0, (int)(bytes.Length * moment)));
                await stream.FlushAsync();
            }
            finally
            {
                _reached.TrySetResult();
            }

            if (moment < 1)
            {
                await _free.Task;
                throw new IOException("Given up.");
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes.Length;
            return true;
        }
    }

    private abstract class Upload(string name)
    {
        private HeldContent? _held;

        protected string Name => name;

        protected byte[] Bytes { get; } = RandomNumberGenerator.GetBytes(Size);

        public Task Reached => _held!.Reached;

        public void LetGo() => _held!.LetGo();

        protected HeldContent Hold(byte[] bytes, double moment) => _held = new HeldContent(bytes, moment);

        public virtual Task BeginAsync(HttpClient client) => Task.CompletedTask;

        public abstract Task SendAsync(HttpClient client, double moment);

        /// <summary>The name shows the whole file or nothing.</summary>
        public virtual async Task NothingHalfAsync(HttpClient client)
        {
            using var answer = await client.GetAsync("/v1/files/" + Name);
            if (answer.StatusCode != HttpStatusCode.NotFound)
            {
                Assert.Equal(Bytes, await answer.Content.ReadAsByteArrayAsync());
            }
        }

        public abstract Task GoOnAsync(HttpClient client);

        public virtual async Task IsWholeAsync(HttpClient client) => Assert.Equal(Bytes, await client.GetByteArrayAsync("/v1/files/" + Name));

        /// <summary>Where the daemon says that it stands: never before what it told, never beyond what it was sent.</summary>
        protected static async Task<(long Offset, bool Done)> StandAsync(HttpClient client, string href)
        {
            var state = await client.GetFromJsonAsync<JsonElement>(href);
            var done = state.GetProperty("state").GetString() == "completed";
            var offset = state.GetProperty("offset").GetInt64();
            Assert.InRange(offset, First, Size);
            return (offset, done);
        }
    }

    private sealed class Put() : Upload("put")
    {
        public override async Task SendAsync(HttpClient client, double moment) => await KillMatrixTests.SendAsync(client, "PUT", "/v1/files/put", Hold(Bytes, moment));

        public override Task GoOnAsync(HttpClient client) =>
            MustAsync(client.PutAsync("/v1/files/put", new ByteArrayContent(Bytes)), HttpStatusCode.Created, HttpStatusCode.NoContent);
    }

    private sealed class Tus() : Upload("tus")
    {
        private string _href = "";

        public override async Task BeginAsync(HttpClient client)
        {
            _href = await LocationAsync(
                client, "POST", "/v1/uploads", null, ("Tus-Resumable", "1.0.0"), ("Upload-Length", $"{Size}"), ("Upload-Metadata", "path " + Convert.ToBase64String("/tus"u8)));
            await MustAsync(PatchAsync(client, 0, new ByteArrayContent(Bytes[..First])), HttpStatusCode.NoContent);
        }

        public override async Task SendAsync(HttpClient client, double moment) => await PatchAsync(client, First, Hold(Bytes[First..], moment));

        public override async Task GoOnAsync(HttpClient client)
        {
            var (offset, done) = await StandAsync(client, _href);
            if (!done)
            {
                await MustAsync(PatchAsync(client, offset, new ByteArrayContent(Bytes[(int)offset..])), HttpStatusCode.NoContent);
            }
        }

        private Task<HttpResponseMessage> PatchAsync(HttpClient client, long offset, HttpContent body) => KillMatrixTests.SendAsync(
            client, "PATCH", _href, body, ("Tus-Resumable", "1.0.0"), ("Upload-Offset", offset.ToString(CultureInfo.InvariantCulture)), ("Content-Type", "application/offset+octet-stream"));
    }

    private sealed class Draft() : Upload("draft")
    {
        private string _href = "";

        public override async Task BeginAsync(HttpClient client)
        {
            _href = await LocationAsync(client, "POST", "/v1/uploads?path=/draft", null, ("Upload-Complete", "?0"), ("Upload-Length", $"{Size}"));
            await MustAsync(PatchAsync(client, 0, "?0", new ByteArrayContent(Bytes[..First])), HttpStatusCode.NoContent);
        }

        public override async Task SendAsync(HttpClient client, double moment) => await PatchAsync(client, First, "?1", Hold(Bytes[First..], moment));

        public override async Task GoOnAsync(HttpClient client)
        {
            var (offset, done) = await StandAsync(client, _href);
            if (!done)
            {
                await MustAsync(PatchAsync(client, offset, "?1", new ByteArrayContent(Bytes[(int)offset..])), HttpStatusCode.OK);
            }
        }

        private Task<HttpResponseMessage> PatchAsync(HttpClient client, long offset, string complete, HttpContent body) => KillMatrixTests.SendAsync(
            client, "PATCH", _href, body, ("Upload-Complete", complete), ("Upload-Offset", offset.ToString(CultureInfo.InvariantCulture)), ("Content-Type", "application/partial-upload"));
    }

    /// <summary>Chunks by name: what the dead daemon took need not be sent again where the new one says so.</summary>
    private sealed class Delta() : Upload("delta")
    {
        private const int ChunkBytes = 100_000;
        private string _href = "";

        private IEnumerable<byte[]> Chunks => Bytes.Chunk(ChunkBytes);

        public override async Task BeginAsync(HttpClient client)
        {
            _href = await LocationAsync(client, "POST", "/v1/uploads", new { path = "/delta", size = Size });
            await MustAsync(client.PostAsync(_href + "/chunks", new ByteArrayContent(Bundle(Chunks.Take(First / ChunkBytes)))), HttpStatusCode.NoContent);
            await AppendAsync(client, 0, Chunks.Take(First / ChunkBytes));
        }

        public override async Task SendAsync(HttpClient client, double moment) =>
            await client.PostAsync(_href + "/chunks", Hold(Bundle(Chunks.Skip(First / ChunkBytes)), moment));

        public override async Task GoOnAsync(HttpClient client)
        {
            var (offset, _) = await StandAsync(client, _href);
            var left = Chunks.Skip((int)(offset / ChunkBytes)).ToList();
            var asked = await client.PostAsJsonAsync(_href + "/have", new { chunks = left.Select(Hash) });
            var have = (await asked.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("have").GetString()!;
            var missing = left.Where((_, i) => have[i] == '0').ToList();
            if (missing.Count > 0)
            {
                await MustAsync(client.PostAsync(_href + "/chunks", new ByteArrayContent(Bundle(missing))), HttpStatusCode.NoContent);
            }

            await AppendAsync(client, offset, left);
            await MustAsync(client.PostAsync(_href + "/complete", null), HttpStatusCode.OK);
        }

        private async Task AppendAsync(HttpClient client, long offset, IEnumerable<byte[]> chunks)
        {
            var answer = await client.PostAsJsonAsync(_href + "/recipe", new { offset, chunks = chunks.Select(chunk => new { hash = Hash(chunk), length = chunk.Length }) });
            var told = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.True(answer.IsSuccessStatusCode && told.GetProperty("missing").GetArrayLength() == 0, told.ToString());
        }

        private static string Hash(byte[] chunk) => Convert.ToHexStringLower(SHA256.HashData(chunk));

        private static byte[] Bundle(IEnumerable<byte[]> chunks)
        {
            using var bundle = new MemoryStream();
            foreach (var chunk in chunks)
            {
                bundle.Write(SHA256.HashData(chunk));
                bundle.Write([(byte)(chunk.Length >> 24), (byte)(chunk.Length >> 16), (byte)(chunk.Length >> 8), (byte)chunk.Length]);
                bundle.Write(chunk);
            }

            return bundle.ToArray();
        }
    }

    /// <summary>Many small files: each that was answered is there; of the others each is there whole or not at all.</summary>
    private sealed class Batch() : Upload("batch")
    {
        private const int Files = 600;
        private readonly List<string> _answered = [];

        private byte[] FileAt(int index) => Bytes[(index * (Size / Files))..((index + 1) * (Size / Files))];

        private static string PathAt(int index) => $"batch/{index:000}";

        public override async Task SendAsync(HttpClient client, double moment)
        {
            using var answer = await KillMatrixTests.SendAsync(client, "POST", "/v1/batch", Hold(await TarAsync(), moment));
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            while (await reader.ReadLineAsync() is { } line)
            {
                var result = JsonDocument.Parse(line).RootElement;
                if (result.GetProperty("status").GetInt32() < 300)
                {
                    _answered.Add(result.GetProperty("path").GetString()!);
                }
            }
        }

        public override async Task NothingHalfAsync(HttpClient client)
        {
            for (var i = 0; i < Files; i++)
            {
                using var answer = await client.GetAsync("/v1/files/" + PathAt(i));
                if (answer.StatusCode == HttpStatusCode.NotFound)
                {
                    Assert.DoesNotContain("/" + PathAt(i), _answered);
                    continue;
                }

                Assert.Equal(FileAt(i), await answer.Content.ReadAsByteArrayAsync());
            }
        }

        public override async Task GoOnAsync(HttpClient client)
        {
            using var answer = await client.PostAsync("/v1/batch", new ByteArrayContent(await TarAsync()));
            var lines = (await answer.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.All(lines, line => Assert.InRange(JsonDocument.Parse(line).RootElement.GetProperty("status").GetInt32(), 200, 299));
            Assert.Equal(Files, lines.Length);
        }

        public override async Task IsWholeAsync(HttpClient client)
        {
            for (var i = 0; i < Files; i++)
            {
                Assert.Equal(FileAt(i), await client.GetByteArrayAsync("/v1/files/" + PathAt(i)));
            }
        }

        private async Task<byte[]> TarAsync()
        {
            using var tar = new MemoryStream();
            await using (var writer = new TarWriter(tar, leaveOpen: true))
            {
                for (var i = 0; i < Files; i++)
                {
                    await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, PathAt(i)) { DataStream = new MemoryStream(FileAt(i)) });
                }
            }

            return tar.ToArray();
        }
    }
}

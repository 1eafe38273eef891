using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>What the daemon tells of itself: lines, figures, timelines, and what a collector gets.</summary>
public sealed class TelemetryTests
{
    private const int TimeoutMs = 180_000;

    private static readonly HttpClient s_client = new(new SocketsHttpHandler { UseCookies = false }) { Timeout = DaemonProcess.Patience };

    [Fact(Timeout = TimeoutMs)]
    public async Task Every_request_has_its_line_with_the_agreed_keys_and_no_secret_is_in_any()
    {
        await using var daemon = await StartAsync("log.format=json", "log.level=trace", "log.names=true");
        var added = await new Fluxctl(daemon.Folder).TryAsync("correct horse battery", "--socket", daemon.Socket, "users", "add", "anna", "--password-stdin");
        Assert.True(added.ExitCode == 0, added.Errors);
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes("anna:correct horse battery"));
        var secrets = new List<string> { "correct horse battery", basic };
        using (var put = await SendAsync(daemon, HttpMethod.Put, "/v1/files/notes.txt", basic, new ByteArrayContent(new byte[4321])))
        {
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        }

        using (var token = await SendAsync(daemon, HttpMethod.Post, "/v1/auth/token", basic, JsonContent.Create(new { seconds = 60 })))
        {
            secrets.Add((await BodyAsync(token)).GetProperty("access_token").GetString()!);
        }

        using (var signed = await SendAsync(daemon, HttpMethod.Post, "/v1/sign", basic, JsonContent.Create(new { path = "/notes.txt" })))
        {
            var url = (await BodyAsync(signed)).GetProperty("url").GetString()!;
            secrets.Add(url[(url.IndexOf("sig=", StringComparison.Ordinal) + 4)..].Split('&')[0]);
            Assert.Equal(4321, (await s_client.GetByteArrayAsync(url)).Length);
        }

        using (var login = await s_client.PostAsJsonAsync(daemon.Url + "/v1/auth/login", new { user = "anna", password = "correct horse battery" }))
        {
            secrets.Add((await BodyAsync(login)).GetProperty("csrf").GetString()!);
            secrets.Add(login.Headers.GetValues("Set-Cookie").Single().Split(';')[0].Split('=')[1]);
        }

        using (var wrong = await SendAsync(daemon, HttpMethod.Get, "/v1/whoami", Convert.ToBase64String("anna:wrong guess"u8)))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
            secrets.Add("wrong guess");
        }

        var line = await LineAsync(daemon, e => Is(e, "method", "PUT"));
        Assert.Equal("/v1/files/notes.txt", line.GetProperty("path").GetString());
        Assert.Equal((201, 4321L), (line.GetProperty("status").GetInt32(), line.GetProperty("bytes_in").GetInt64()));
        Assert.Equal(("anna", "127.0.0.1", "info"), (line.GetProperty("user").GetString(), line.GetProperty("remote").GetString(), line.GetProperty("level").GetString()));
        Assert.True(line.GetProperty("duration_ms").GetDouble() > 0);
        Assert.StartsWith("t", line.GetProperty("transfer_id").GetString(), StringComparison.Ordinal);
        Assert.True(line.TryGetProperty("timestamp", out _));
        var download = await LineAsync(daemon, e => Is(e, "method", "GET") && Is(e, "path", "/v1/files/notes.txt"));
        Assert.Equal(4321, download.GetProperty("bytes_out").GetInt64());
        await LineAsync(daemon, e => Is(e, "path", "/v1/whoami") && e.GetProperty("status").GetInt32() == 401);
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, daemon.Output, StringComparison.Ordinal));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task File_names_stay_out_of_the_log_unless_asked_for_and_lines_can_be_fewer()
    {
        await using var daemon = await StartAsync("log.format=text", "log.requests=errors");
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + daemon.Password));
        using (await SendAsync(daemon, HttpMethod.Put, "/v1/files/quite-private", basic, new ByteArrayContent(new byte[1])))
        using (await SendAsync(daemon, HttpMethod.Get, "/v1/files/quite-absent", basic))
        {
            await WaitForAsync(daemon, "GET /v1/files/{path*} 404 in ");
        }

        Assert.DoesNotContain("PUT /v1/files", daemon.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("quite-", daemon.Output, StringComparison.Ordinal);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Figures_move_with_what_happens()
    {
        await using var daemon = await StartAsync("log.format=text");
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + daemon.Password));
        var bytes = new byte[3_000_000];
        new Random(1).NextBytes(bytes);
        foreach (var name in new[] { "a", "b" })
        {
            using var put = await SendAsync(daemon, HttpMethod.Put, "/v1/files/" + name, basic, new ByteArrayContent(bytes));
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        }

        using (await SendAsync(daemon, HttpMethod.Get, "/v1/files/b", basic))
        using (await SendAsync(daemon, HttpMethod.Get, "/v1/files/none", basic))
        using (await SendAsync(daemon, HttpMethod.Get, "/v1/files/b", Convert.ToBase64String("admin:wrong"u8)))
        {
        }

        var figures = await FiguresAsync(daemon);
        Assert.Equal(6_000_000, figures["fluxd_traffic_bytes_total{direction=\"in\",frontend=\"http\"}"]);
        Assert.Equal(3_000_000, figures["fluxd_traffic_bytes_total{direction=\"out\",frontend=\"http\"}"]);
        Assert.Equal(2, figures["fluxd_transfers_total{frontend=\"http\",kind=\"upload\",outcome=\"done\"}"]);
        Assert.Equal(1, figures["fluxd_errors_total{code=\"not_found\",frontend=\"http\"}"]);
        Assert.Equal(1, figures["fluxd_logins_total{frontend=\"http\",method=\"password\",outcome=\"failure\"}"]);
        // The unfinished end of an upload is stored as it is before it is cut again: a little is counted twice.
        Assert.InRange(figures["fluxd_store_written_bytes_total{state=\"known\"}"], 2_900_000, 3_500_000);
        Assert.InRange(figures["fluxd_store_written_bytes_total{state=\"new\"}"], 3_000_000, 3_600_000);
        Assert.Equal(6_000_000, figures["fluxd_store_current_bytes"]);
        Assert.InRange(figures["fluxd_store_ratio"], 1.5, 2.0);
        Assert.InRange(figures["fluxd_store_size_bytes{part=\"packs\"}"], 3_000_000, 4_000_000);
        Assert.True(figures["fluxd_disk_free_bytes"] > 0);
        Assert.True(figures["fluxd_store_syncs_total"] > 0);
        Assert.True(figures["fluxd_store_commit_duration_seconds_count"] > 0);
        Assert.Equal(0, figures["fluxd_transfers_running"]);
        Assert.Equal(0, figures["fluxd_store_queue"]);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Why_says_what_became_durable_how_long_the_disk_took_and_who_closed()
    {
        await using var daemon = await StartAsync("log.format=text", "limits.requests_per_second=1", "limits.requests_burst=4");
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + daemon.Password));
        string id;
        using (var put = await SendAsync(daemon, HttpMethod.Put, "/v1/files/a", basic, new ByteArrayContent(new byte[5000])))
        {
            id = put.Headers.GetValues("Transfer-Id").Single();
        }

        var whole = await WhyAsync(daemon, id);
        Assert.Contains("5000 accepted, 5000 durable", whole, StringComparison.Ordinal);
        Assert.Contains("disk: 5000 bytes durable after ", whole, StringComparison.Ordinal);
        Assert.Contains("done", whole, StringComparison.Ordinal);

        using (var half = new TcpClient())
        {
            await half.ConnectAsync(IPAddress.Loopback, new Uri(daemon.Url).Port);
            await half.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                $"PUT /v1/files/half HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {basic}\r\nContent-Length: 9000000\r\n\r\n{new string('x', 5000)}"));
            while (!(await WhyAsync(daemon)).Contains("running", StringComparison.Ordinal))
            {
                await Task.Delay(50);
            }
        }

        while (!(await WhyAsync(daemon)).Contains("client closed", StringComparison.Ordinal))
        {
            await Task.Delay(50);
        }

        for (var status = HttpStatusCode.OK; status != HttpStatusCode.TooManyRequests;)
        {
            using var refused = await SendAsync(daemon, HttpMethod.Get, "/v1/files/a", basic);
            status = refused.StatusCode;
            id = refused.Headers.TryGetValues("Transfer-Id", out var ids) ? ids.Single() : id;
        }

        Assert.Contains("limiter: requests", await WhyAsync(daemon, id), StringComparison.Ordinal);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_collector_gets_figures_and_spans(bool grpc)
    {
        await using var collector = await OtlpReceiver.StartAsync(grpc);
        await using (var daemon = await StartAsync("log.format=text", "telemetry.otlp=" + collector.Address + (grpc ? "" : "/otlp")))
        {
            using (await SendAsync(daemon, HttpMethod.Put, "/v1/files/a", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + daemon.Password)), new ByteArrayContent(new byte[9])))
            {
            }

            // A stop sends what is left.
            daemon.Signal("TERM");
            Assert.Equal(0, await daemon.ExitAsync());
        }

        Assert.Superset(
            new HashSet<string> { "fluxd.http.requests", "fluxd.transfers", "fluxd.traffic", "fluxd.store.commits", "fluxd.disk.free", "fluxd.store.size" },
            collector.Metrics.Keys.ToHashSet());
        Assert.Superset(new HashSet<string> { "fluxd.transfer", "fluxd.http.request" }, collector.Spans.Keys.ToHashSet());
        Assert.Contains("fluxd", collector.Services.Keys);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_collector_that_is_not_there_holds_nothing_up()
    {
        await using var daemon = await StartAsync("log.format=text", "telemetry.otlp=http://127.0.0.1:1");
        await daemon.AssertWellAsync();
        daemon.Signal("TERM");
        Assert.Equal(0, await daemon.ExitAsync());
    }

    private static async Task<DaemonProcess> StartAsync(params string[] settings)
    {
        var daemon = DaemonProcess.Start([.. settings.Prepend("http.listen=127.0.0.1:0").SelectMany(setting => new[] { "--set", setting })]);
        await daemon.ReadyAsync();
        return daemon;
    }

    private static async Task<HttpResponseMessage> SendAsync(DaemonProcess daemon, HttpMethod method, string path, string basic, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, daemon.Url + path) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", basic);
        return await s_client.SendAsync(request);
    }

    private static async Task<JsonElement> BodyAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement.Clone();
    }

    private static Task<string> WhyAsync(DaemonProcess daemon, params string[] id) => new Fluxctl(daemon.Folder).RunAsync(["--socket", daemon.Socket, "why", .. id]);

    private static bool Is(JsonElement line, string key, string value) => line.TryGetProperty(key, out var found) && found.GetString() == value;

    /// <summary>Lines come a moment after the answer; the test's own limit ends the wait.</summary>
    private static async Task<JsonElement> LineAsync(DaemonProcess daemon, Func<JsonElement, bool> wanted)
    {
        while (true)
        {
            foreach (var line in daemon.Output.Split('\n').Where(line => line.StartsWith('{')))
            {
                var element = JsonDocument.Parse(line).RootElement;
                if (wanted(element))
                {
                    return element;
                }
            }

            await Task.Delay(50);
        }
    }

    private static async Task WaitForAsync(DaemonProcess daemon, string text)
    {
        while (!daemon.Output.Contains(text, StringComparison.Ordinal))
        {
            await Task.Delay(50);
        }
    }

    private static async Task<Dictionary<string, double>> FiguresAsync(DaemonProcess daemon) =>
        (await s_client.GetStringAsync(daemon.Url + "/metrics")).Split('\n').Where(line => line.Length > 0 && line[0] != '#')
            .ToDictionary(line => line[..line.LastIndexOf(' ')], line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
}

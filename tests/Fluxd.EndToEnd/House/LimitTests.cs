using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>Keys of the configuration, each seen to act in the real daemon.</summary>
public sealed class LimitTests
{
    private const int TimeoutMs = 180_000;

    [Fact(Timeout = TimeoutMs)]
    public async Task A_connection_beyond_the_limit_is_closed_and_one_that_leaves_makes_room()
    {
        await using var daemon = await StartAsync("limits.connections=2");
        using var one = await ConnectAsync(daemon);
        using var two = await ConnectAsync(daemon);
        Assert.StartsWith("HTTP/1.1 200", await AskAsync(one), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200", await AskAsync(two), StringComparison.Ordinal);
        Assert.Equal("", await AskAnewAsync(daemon));
        two.Close();
        while ((await AskAnewAsync(daemon)).Length == 0)
        {
            await Task.Delay(50); // the daemon hears of the end a moment later
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task An_account_has_so_many_sessions_and_no_more_and_links_uploads_and_the_document_follow_their_keys()
    {
        await using var daemon = await StartAsync("limits.sessions_per_user=2", "http.public_url=https://files.example/", "store.upload_expiry=3h");
        using var client = new HttpClient { BaseAddress = new Uri(daemon.Url), Timeout = DaemonProcess.Patience };
        Assert.Equal(HttpStatusCode.OK, await LoginAsync(client, daemon));
        Assert.Equal(HttpStatusCode.OK, await LoginAsync(client, daemon));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await LoginAsync(client, daemon));

        client.DefaultRequestHeaders.Authorization = Basic(daemon);
        using (var signed = await client.PostAsJsonAsync("/v1/sign", new { path = "/a", method = "GET" }))
        {
            Assert.StartsWith("https://files.example/v1/files/a?", (await BodyAsync(signed)).GetProperty("url").GetString(), StringComparison.Ordinal);
        }

        Assert.Contains("https://files.example", await client.GetStringAsync("/v1/openapi.json"), StringComparison.Ordinal);
        using var upload = await client.PostAsJsonAsync("/v1/uploads", new { path = "/big", size = 1000 });
        var left = (await BodyAsync(upload)).GetProperty("expiresAt").GetDateTimeOffset() - TimeProvider.System.GetUtcNow();
        Assert.InRange(left, TimeSpan.FromHours(2), TimeSpan.FromHours(3));
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task With_proxy_protocol_the_header_names_the_client_and_nobody_is_local()
    {
        await using var daemon = await StartAsync("http.proxy_protocol=true", "http.trusted_proxies=127.0.0.1", "http.allow_plain=true");
        using (var bare = await ConnectAsync(daemon))
        {
            Assert.Equal("", await AskAsync(bare));
        }

        using (var proxied = await ConnectAsync(daemon))
        {
            await proxied.GetStream().WriteAsync("PROXY TCP4 203.0.113.7 192.0.2.1 5000 80\r\n"u8.ToArray());
            Assert.StartsWith("HTTP/1.1 200", await AskAsync(proxied, "/health"), StringComparison.Ordinal);
        }

        using (var claims = await ConnectAsync(daemon))
        {
            // A client that is said to be this machine is not: /metrics is for who really is here.
            await claims.GetStream().WriteAsync("PROXY TCP4 127.0.0.1 127.0.0.1 5000 80\r\n"u8.ToArray());
            Assert.StartsWith("HTTP/1.1 404", await AskAsync(claims, "/metrics"), StringComparison.Ordinal);
        }

        while (!daemon.Output.Contains("203.0.113.7", StringComparison.Ordinal))
        {
            await Task.Delay(50);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task Silent_SSH_connections_beyond_the_key_give_way_to_newer_ones()
    {
        await using var daemon = await StartAsync("sftp.listen=127.0.0.1:0", "sftp.unauthenticated_per_address=2", "log.format=text");
        var port = int.Parse(daemon.Output[(daemon.Output.IndexOf("sftp listens on 127.0.0.1:", StringComparison.Ordinal) + 26)..].Split('\n', ' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        using var oldest = new TcpClient("127.0.0.1", port);
        await GreetingAsync(oldest);
        using var second = new TcpClient("127.0.0.1", port);
        await GreetingAsync(second);
        using var third = new TcpClient("127.0.0.1", port);
        await GreetingAsync(third);
        await ReadToEndAsync(oldest);
    }

    private static async Task<DaemonProcess> StartAsync(params string[] settings)
    {
        var daemon = DaemonProcess.Start([.. settings.Prepend("http.listen=127.0.0.1:0").Prepend("log.level=debug").SelectMany(setting => new[] { "--set", setting })]);
        await daemon.ReadyAsync();
        return daemon;
    }

    private static async Task<TcpClient> ConnectAsync(DaemonProcess daemon)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, new Uri(daemon.Url).Port);
        return client;
    }

    private static async Task<string> AskAnewAsync(DaemonProcess daemon)
    {
        try
        {
            using var client = await ConnectAsync(daemon);
            return await AskAsync(client);
        }
        catch (SocketException)
        {
            return ""; // hung up before the connection was reported
        }
    }

    /// <summary>The answer's head; nothing when the daemon hung up.</summary>
    private static async Task<string> AskAsync(TcpClient client, string path = "/health")
    {
        var buffer = new byte[4096];
        try
        {
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
            return Encoding.ASCII.GetString(buffer, 0, await client.GetStream().ReadAsync(buffer));
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static async Task GreetingAsync(TcpClient client) => Assert.True(await client.GetStream().ReadAsync(new byte[8]) > 0);

    private static async Task ReadToEndAsync(TcpClient client)
    {
        try
        {
            while (await client.GetStream().ReadAsync(new byte[4096]) > 0)
            {
            }
        }
        catch (IOException)
        {
            // Reset: ended too.
        }
    }

    private static System.Net.Http.Headers.AuthenticationHeaderValue Basic(DaemonProcess daemon) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + daemon.Password)));

    private static async Task<HttpStatusCode> LoginAsync(HttpClient client, DaemonProcess daemon)
    {
        using var answer = await client.PostAsJsonAsync("/v1/auth/login", new { user = "admin", password = daemon.Password });
        return answer.StatusCode;
    }

    private static async Task<JsonElement> BodyAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement.Clone();
    }
}

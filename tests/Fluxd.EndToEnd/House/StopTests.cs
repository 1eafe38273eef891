using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Fluxd.Core.Accounts;
using Fluxd.Testing.Quic;
using Fluxd.Transports.Quic.Client;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>A stop waits for transfers, not for clients that only listen.</summary>
public sealed class StopTests
{
    private const string Long = "daemon.drain=10m"; // ten times the test's patience

    [Fact(Timeout = 120_000)]
    public async Task Listeners_by_HTTP_do_not_hold_up_a_stop()
    {
        await using var daemon = DaemonProcess.Start("--set", "http.listen=127.0.0.1:0", "--set", Long);
        await daemon.ReadyAsync();
        using var client = new HttpClient { BaseAddress = new Uri(daemon.Url), Timeout = DaemonProcess.Patience };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + daemon.Password)));
        using var events = await client.GetAsync("/v1/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await events.Content.ReadAsStreamAsync());
        Assert.Equal("retry: 3000", await reader.ReadLineAsync());
        using var stats = JsonDocument.Parse(await client.GetStringAsync("/v1/stats"));
        var poll = client.GetAsync($"/v1/pull?cursor={stats.RootElement.GetProperty("cursor").GetInt64()}&wait=50");

        daemon.Signal("TERM");
        Assert.Equal(0, await daemon.ExitAsync());
        while (await reader.ReadLineAsync() is not null)
        {
            // To its end, which is a proper one.
        }

        try
        {
            using var answer = await poll;
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        catch (HttpRequestException)
        {
            // It came when nobody listened any more.
        }
    }

    [QuicFact(Timeout = 120_000)]
    public async Task Listeners_by_QUIC_do_not_hold_up_a_stop()
    {
        var port = QuicPair.FreePort();
        await using var daemon = DaemonProcess.Start("--set", "http.listen=127.0.0.1:0", "--set", $"quic.listen=127.0.0.1:{port}", "--set", Long);
        await daemon.ReadyAsync();
        await using var client = await FluxdClient.ConnectAsync(
            new FluxdClientOptions
            {
                Server = new IPEndPoint(IPAddress.Loopback, port),
                ServerName = "localhost",
                Credential = new PasswordCredential("admin", Encoding.UTF8.GetBytes(daemon.Password)),
                TrustOnFirstUse = _ => true,
            },
            NullLogger.Instance,
            CancellationToken.None);
        await using var events = client.EventsAsync(-1, CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        var next = events.MoveNextAsync().AsTask();

        daemon.Signal("TERM");
        Assert.Equal(0, await daemon.ExitAsync());
        await Assert.ThrowsAnyAsync<Exception>(() => next);
    }
}

using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>What browsers and synchronising clients were told is known after a kill.</summary>
public sealed class SignInTests
{
    private static readonly string[] s_settings = ["--set", "http.listen=127.0.0.1:0"];

    [Fact(Timeout = 240_000)]
    public async Task A_kill_signs_nobody_out_and_a_replayed_push_is_answered_and_not_done_again()
    {
        await using var first = DaemonProcess.Start(s_settings);
        await first.ReadyAsync();
        var browser = await Browser.SignInAsync(first, first.Password);
        Assert.Equal(["applied", "applied"], await browser.PushAsync(first, ("1", "/a"), ("2", "/b")));
        Assert.Equal(HttpStatusCode.NoContent, await browser.RemoveAsync(first, "/a"));
        await KillAsync(first);

        await using (var second = DaemonProcess.StartIn(first.Folder, s_settings))
        {
            await second.ReadyAsync();
            Assert.Equal(browser.Csrf, await browser.CsrfAsync(second));

            // /a was removed since: state alone would make it anew.
            Assert.Equal(["duplicate", "applied"], await browser.PushAsync(second, ("1", "/a"), ("3", "/c")));
            Assert.Equal(HttpStatusCode.NotFound, (await browser.GetAsync(second, "/v1/meta/a")).StatusCode);

            foreach (var file in Directory.EnumerateFiles(Path.Combine(first.Folder.FullName, "var", "store"), "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) is not ("LOCK" or "ballast")))
            {
                var bytes = await ReadSharedAsync(file);
                Assert.True(bytes.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(browser.Secret)) < 0, $"the cookie's secret is in {file}");
            }

            Assert.Equal(HttpStatusCode.NoContent, (await browser.PostAsync(second, "/v1/auth/logout")).StatusCode);
            second.Signal("KILL");
            await second.ExitAsync();
            await using var third = DaemonProcess.StartIn(Directory.CreateDirectory(first.Folder.FullName), s_settings);
            await third.ReadyAsync();
            Assert.Equal(HttpStatusCode.Unauthorized, (await browser.GetAsync(third, "/v1/auth/session")).StatusCode);
        }
    }

    private static async Task KillAsync(DaemonProcess daemon)
    {
        daemon.Signal("KILL");
        await daemon.ExitAsync();
        Directory.CreateDirectory(daemon.Folder.FullName);
    }

    private static async Task<byte[]> ReadSharedAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[Math.Min(stream.Length, 8 << 20)];
        await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false);
        return bytes;
    }

    private sealed record Browser(string Cookie, string Csrf)
    {
        private static readonly HttpClient s_client = new(new SocketsHttpHandler { UseCookies = false }) { Timeout = DaemonProcess.Patience };

        public string Secret => Cookie[(Cookie.IndexOf('=', StringComparison.Ordinal) + 1)..];

        public static async Task<Browser> SignInAsync(DaemonProcess daemon, string password)
        {
            using var answer = await s_client.PostAsJsonAsync(daemon.Url + "/v1/auth/login", new { user = "admin", password });
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            return new Browser(answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0], JsonDocument.Parse(text).RootElement.GetProperty("csrf").GetString()!);
        }

        public async Task<string> CsrfAsync(DaemonProcess daemon)
        {
            using var answer = await GetAsync(daemon, "/v1/auth/session");
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            return JsonDocument.Parse(text).RootElement.GetProperty("csrf").GetString()!;
        }

        public async Task<string[]> PushAsync(DaemonProcess daemon, params (string Id, string Path)[] folders)
        {
            using var answer = await SendAsync(daemon, HttpMethod.Post, "/v1/push", JsonContent.Create(new { operations = folders.Select(f => new { id = f.Id, op = "mkdir", path = f.Path }) }));
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            return [.. JsonDocument.Parse(text).RootElement.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("result").GetString()!)];
        }

        public async Task<HttpStatusCode> RemoveAsync(DaemonProcess daemon, string path)
        {
            using var answer = await SendAsync(daemon, HttpMethod.Delete, "/v1/files" + path, null);
            return answer.StatusCode;
        }

        public Task<HttpResponseMessage> GetAsync(DaemonProcess daemon, string path) => SendAsync(daemon, HttpMethod.Get, path, null);

        public Task<HttpResponseMessage> PostAsync(DaemonProcess daemon, string path) => SendAsync(daemon, HttpMethod.Post, path, null);

        private async Task<HttpResponseMessage> SendAsync(DaemonProcess daemon, HttpMethod method, string path, HttpContent? content)
        {
            using var request = new HttpRequestMessage(method, daemon.Url + path) { Content = content };
            request.Headers.Add("Cookie", Cookie);
            request.Headers.Add("X-CSRF-Token", Csrf);
            return await s_client.SendAsync(request);
        }
    }
}

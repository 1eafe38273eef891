using System.Net;
using System.Security.Cryptography;
using Fluxd.EndToEnd.House;
using Xunit;

namespace Fluxd.EndToEnd.Http;

/// <summary>The built-in page, used by a person's browser against the real daemon over TLS.</summary>
[Trait("Category", "Peers")]
public sealed class PageTests
{
    [Fact(Timeout = 300_000)]
    public async Task A_person_signs_in_uploads_resumes_downloads_and_gives_a_link_away()
    {
        await using var served = await ServedDaemon.StartAsync(quic: false);
        await using var browser = await Browser.StartAsync();
        var film = await served.MakeFileAsync("film one.bin", 30_000_000);

        // Signing in: a wrong password is told in words, the right one shows the files.
        await browser.OpenAsync(served.Url + "/");
        await browser.UntilAsync("!document.getElementById('login').hidden");
        await SignInAsync(browser, "wrong");
        await browser.UntilAsync("document.getElementById('message').textContent.includes('wrong')");
        await SignInAsync(browser, served.Daemon.Password);
        await browser.UntilAsync("!document.getElementById('files').hidden && document.getElementById('who').textContent === 'admin'");

        // A folder, entered by its link.
        await browser.EvaluateAsync("document.getElementById('folder').value = 'filme & mehr'; document.getElementById('make').click()");
        await browser.UntilAsync("[...document.querySelectorAll('#list a')].some(a => a.textContent === 'filme & mehr/')");
        await browser.EvaluateAsync("[...document.querySelectorAll('#list a')].find(a => a.textContent === 'filme & mehr/').click()");
        await browser.UntilAsync("decodeURIComponent(location.hash).includes('filme & mehr') && document.querySelectorAll('#list tr').length === 0");

        // An upload that is paused after its first part, lost with the page, and goes on when the file is chosen again.
        await browser.EvaluateAsync("""
            {
              const real = window.fetch; let parts = 0;
              window.fetch = (url, options) => {
                const isPart = options && options.headers && options.headers["X-HTTP-Method-Override"] === "PATCH";
                if (isPart && ++parts === 2) { setTimeout(() => document.querySelector('#uploads button').click()); return new Promise((_, no) => options.signal.addEventListener('abort', () => no(new DOMException('stopped', 'AbortError')))); }
                return real(url, options);
              };
            } 0
            """);
        await browser.ChooseAsync("#pick", served.Local("film one.bin"));
        await browser.UntilAsync("[...document.querySelectorAll('#uploads button')].some(b => b.textContent === 'Go on')");
        var before = (await browser.EvaluateAsync("document.querySelector('#uploads progress').value"))!.GetValue<double>();
        Assert.InRange(before, 1, film.Length - 1);
        await browser.OpenAsync(served.Url + "/?again" + new Uri(served.Url + "/#" + Uri.EscapeDataString("/filme & mehr/")).Fragment);
        await browser.UntilAsync("!document.getElementById('files').hidden");
        await browser.EvaluateAsync("""
            {
              const real = window.fetch; window.firstOffset = -1;
              window.fetch = (url, options) => {
                const at = options && options.headers && options.headers["Upload-Offset"];
                if (at !== undefined && at !== null && window.firstOffset < 0) window.firstOffset = Number(at);
                return real(url, options);
              };
            } 0
            """);
        await browser.ChooseAsync("#pick", served.Local("film one.bin"));
        await browser.UntilAsync("[...document.querySelectorAll('#list a')].some(a => a.textContent === 'film one.bin')");
        Assert.True((await browser.EvaluateAsync("window.firstOffset"))!.GetValue<double>() >= before, "The upload began anew.");

        // The download, saved by the browser itself.
        await browser.EvaluateAsync("[...document.querySelectorAll('#list a')].find(a => a.textContent === 'film one.bin').click()");
        Assert.Equal(SHA256.HashData(film), SHA256.HashData(await SavedAsync(Path.Combine(browser.Downloads, "film one.bin"), film.Length)));

        // A link that works for who has no account, for this file.
        await browser.EvaluateAsync("[...document.querySelectorAll('#list button')].find(b => b.textContent === 'Link').click()");
        await browser.UntilAsync("document.getElementById('url').value.startsWith('https://')");
        var link = (await browser.EvaluateAsync("document.getElementById('url').value"))!.GetValue<string>();
        using var stranger = new HttpClient(new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, shown, _, _) => shown is not null });
        Assert.Equal(SHA256.HashData(film), SHA256.HashData(await stranger.GetByteArrayAsync(link)));
        Assert.Equal(HttpStatusCode.Forbidden, (await stranger.GetAsync(link.Replace("film", "firm", StringComparison.Ordinal))).StatusCode);

        // Removing asks first; signing out ends it.
        await browser.EvaluateAsync("window.confirm = () => true; [...document.querySelectorAll('#list button')].find(b => b.textContent === 'Delete').click()");
        await browser.UntilAsync("document.querySelectorAll('#list tr').length === 0");
        await browser.EvaluateAsync("document.getElementById('out').click()");
        await browser.UntilAsync("!document.getElementById('login').hidden && document.getElementById('files').hidden");

        // Nothing but the two refused sign-ins (none yet, wrong password) and the end of the session went wrong.
        Assert.All(browser.Complaints, complaint => Assert.Contains("401", complaint, StringComparison.Ordinal));
    }

    private static async Task SignInAsync(Browser browser, string password)
    {
        await browser.EvaluateAsync($"document.getElementById('user').value = 'admin'; document.getElementById('password').value = '{password}'; document.querySelector('#login button').click()");
    }

    /// <summary>A download has its name when it is whole.</summary>
    private static async Task<byte[]> SavedAsync(string path, long length)
    {
        for (var tries = 0; !File.Exists(path) || new FileInfo(path).Length != length; tries++)
        {
            Assert.True(tries < 1800, $"The browser saved nothing as {path}.");
            await Task.Delay(50);
        }

        return await File.ReadAllBytesAsync(path);
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Fluxd.Core.Admin;
using Xunit;

namespace Fluxd.EndToEnd.House;

/// <summary>fluxctl users purge against the real daemon and its store.</summary>
public sealed class PurgeTests
{
    private const string Password = "correct horse battery";

    [Fact(Timeout = 240_000)]
    public async Task A_removed_users_files_go_when_it_is_said_twice_and_shared_ones_stay()
    {
        await using var daemon = DaemonProcess.Start("--set", "http.listen=127.0.0.1:0");
        await daemon.ReadyAsync();
        var ctl = new Fluxctl(daemon.Folder);
        Task<(int ExitCode, string Output, string Errors)> RunAsync(string? input, params string[] arguments) =>
            ctl.TryAsync(input, ["--socket", Path.Combine(daemon.Folder.FullName, "var", "fluxd.sock"), .. arguments]);
        async Task GoodAsync(string? input, params string[] arguments) => Assert.True(await RunAsync(input, arguments) is { ExitCode: 0 }, string.Join(' ', arguments));
        await GoodAsync(Password, "users", "add", "bob", "--password-stdin");
        await GoodAsync(null, "folders", "add", "Team");
        await GoodAsync(null, "folders", "grant", "Team", "bob", "write");
        await GoodAsync(null, "folders", "grant", "Team", "admin", "read");
        using (var bob = Client(daemon, "bob", Password))
        {
            foreach (var path in new[] { "a.txt", "deep/er/b.bin", "gone.txt", "Team/kept.txt" })
            {
                Assert.True((await bob.PutAsync("/v1/files/" + path, new ByteArrayContent(new byte[300_000]))).IsSuccessStatusCode, path);
            }

            Assert.True((await bob.DeleteAsync("/v1/files/gone.txt")).IsSuccessStatusCode);
        }

        Assert.Equal((1, true), await RefusedAsync("keeps the files", "users", "purge", "bob", "--yes"));
        await GoodAsync(null, "users", "remove", "bob");
        Assert.Equal((2, true), await RefusedAsync("--yes", "users", "purge", "bob"));
        Assert.Contains("bob", (await RunAsync(null, "users", "list", "--removed")).Output, StringComparison.Ordinal);

        var purged = JsonSerializer.Deserialize((await RunAsync(null, "users", "purge", "bob", "--yes", "--json")).Output, AdminJson.Default.RemovedUserRecord)!;

        Assert.Equal(("bob", 4, 600_000, 300_000), (purged.Name, purged.Files, purged.Bytes, purged.PastBytes));
        Assert.Equal("[]", (await RunAsync(null, "users", "list", "--removed", "--json")).Output.Trim());
        Assert.Equal((1, true), await RefusedAsync("users list --removed", "users", "purge", "bob", "--yes"));
        Assert.Contains("600000 bytes", (await RunAsync(null, "audit", "--kind", "user.purge")).Output, StringComparison.Ordinal);
        var status = JsonSerializer.Deserialize((await RunAsync(null, "status", "--json")).Output, AdminJson.Default.StatusRecord)!;
        Assert.Equal((1, 300_000), (status.Store!.CurrentFiles, status.Store.CurrentBytes));
        await GoodAsync(null, "store", "fsck", "--read-data");
        using var admin = Client(daemon, "admin", daemon.Password);
        Assert.Equal(HttpStatusCode.OK, (await admin.GetAsync("/v1/files/Team/kept.txt")).StatusCode);

        async Task<(int ExitCode, bool Says)> RefusedAsync(string words, params string[] arguments)
        {
            var (exit, _, errors) = await RunAsync(null, arguments);
            return (exit, errors.Contains(words, StringComparison.Ordinal));
        }
    }

    private static HttpClient Client(DaemonProcess daemon, string user, string password)
    {
        var client = new HttpClient { BaseAddress = new Uri(daemon.Url), Timeout = DaemonProcess.Patience };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
        return client;
    }
}

using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fluxd.Core.Admin;
using Fluxd.EndToEnd.House;
using Xunit;

namespace Fluxd.EndToEnd.Store;

/// <summary>fluxctl store gc against the real daemon: what was removed for good gives its room back, and nothing else changes.</summary>
public sealed class CollectTests : IAsyncLifetime
{
    private const int FileBytes = 3_000_000;

    private readonly DaemonProcess _daemon = DaemonProcess.Start("--set", "http.listen=127.0.0.1:0");
    private readonly Dictionary<string, byte[]> _kept = [];
    private HttpClient _http = null!;

    private string StorePath => Path.Combine(_daemon.Folder.FullName, "var", "store");

    private long PackBytes => Directory.EnumerateFiles(Path.Combine(StorePath, "packs"), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);

    public async Task InitializeAsync()
    {
        await _daemon.ReadyAsync();
        _http = new HttpClient { BaseAddress = new Uri(_daemon.Url), Timeout = DaemonProcess.Patience };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{_daemon.Password}")));
    }

    public async Task DisposeAsync()
    {
        _http.Dispose();
        await _daemon.DisposeAsync();
    }

    [Fact(Timeout = 240_000)]
    public async Task What_was_removed_for_good_gives_its_room_back_and_every_other_file_stays_as_it_was()
    {
        await PutFilesAsync();
        var before = PackBytes;
        Assert.Contains("never", Line(await RunAsync("store", "stat"), "last gc"), StringComparison.Ordinal);
        await CollectAsync(); // what is in the trash is no garbage
        Assert.True(PackBytes > before - FileBytes, $"{before} bytes before, {PackBytes} after");
        await EmptyTrashAsync();

        var dry = Read(await RunAsync("store", "gc", "--dry-run", "--json"));
        Assert.True(dry is { DryRun: true, ContentsWaiting: >= 4, BytesFreed: 0 }, dry.ToString());
        var first = await CollectAsync();
        var second = await CollectAsync();

        Assert.True(first.BytesFreed > 4L * FileBytes && first is { BytesWaiting: 0, Stopped: null }, first.ToString());
        Assert.True(second is { ContentsRemoved: 0, Stopped: null }, second.ToString());
        Assert.True(PackBytes < before - (7 * FileBytes / 2), $"{before} bytes before, {PackBytes} after");
        Assert.DoesNotContain("never", Line(await RunAsync("status"), "last gc"), StringComparison.Ordinal);
        await EverythingIsThereAsync();
        Assert.Contains("all was done", await RunAsync("store", "gc", "--bytes-per-second", "0"), StringComparison.Ordinal);

        // Without fluxd too: by the newest copy of the catalogue, with a reader that shares no code with the collector.
        var copy = Directory.GetFiles(Path.Combine(StorePath, "snap"), "catalog-*.db").Max(StringComparer.Ordinal)!;
        var to = Path.Combine(_daemon.Folder.FullName, "restored");
        var (code, text) = await PythonReader.RunAsync("restore", StorePath, copy, to);
        Assert.True(code == 0, text);
        foreach (var (name, bytes) in _kept)
        {
            Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(to, "home", "admin", name)));
        }
    }

    /// <summary>What two people have, each for themselves, is kept once; with and without fluxd each finds all of theirs.</summary>
    [Fact(Timeout = 240_000)]
    public async Task What_two_people_store_alike_takes_its_room_once_and_both_have_all_of_it()
    {
        const string password = "correct horse battery";
        var added = await new House.Fluxctl(_daemon.Folder).TryAsync(password, "--socket", _daemon.Socket, "users", "add", "bert", "--password-stdin");
        Assert.True(added.ExitCode == 0, added.Errors);
        using var bert = new HttpClient { BaseAddress = new Uri(_daemon.Url), Timeout = DaemonProcess.Patience };
        bert.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"bert:{password}")));
        var bytes = RandomNumberGenerator.GetBytes(4 * FileBytes);
        foreach (var http in new[] { _http, bert })
        {
            (await http.PutAsync("/v1/files/same", new ByteArrayContent(bytes))).EnsureSuccessStatusCode();
        }

        var before = PackBytes;
        Assert.True(before > 8L * FileBytes, $"{before}");
        var done = await CollectAsync();
        Assert.True(done.BytesFolded >= 4L * FileBytes && done is { BytesWaiting: 0, Stopped: null }, done.ToString());
        Assert.True(PackBytes < before - (7 * FileBytes / 2), $"{before} bytes before, {PackBytes} after");
        foreach (var http in new[] { _http, bert })
        {
            Assert.Equal(bytes, await http.GetByteArrayAsync("/v1/files/same"));
        }

        Assert.Contains("No findings", await RunAsync("store", "fsck", "--read-data"), StringComparison.Ordinal);
        await RunAsync("store", "copy");
        var copy = Directory.GetFiles(Path.Combine(StorePath, "snap"), "catalog-*.db").Max(StringComparer.Ordinal)!;
        var to = Path.Combine(_daemon.Folder.FullName, "restored");
        var (code, text) = await PythonReader.RunAsync("restore", StorePath, copy, to);
        Assert.True(code == 0, text);
        var plain = Path.Combine(_daemon.Folder.FullName, "plain");
        Assert.Contains("2 files", await RunAsync("store", "export", plain), StringComparison.Ordinal);
        foreach (var who in new[] { "admin", "bert" })
        {
            Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(to, "home", who, "same")));
            Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(plain, "home", who, "same")));
        }
    }

    private async Task PutFilesAsync()
    {
        // Kept and removed ones lie side by side, so that packs are mixed.
        for (var i = 0; i < 8; i++)
        {
            var bytes = RandomNumberGenerator.GetBytes(FileBytes + i);
            (await _http.PutAsync($"/v1/files/f{i}", new ByteArrayContent(bytes))).EnsureSuccessStatusCode();
            if (i % 2 == 0)
            {
                _kept[$"f{i}"] = bytes;
            }
        }

        _kept["begins as f0"] = [.. _kept["f0"], .. new byte[100_000]];
        (await _http.PutAsync("/v1/files/begins as f0", new ByteArrayContent(_kept["begins as f0"]))).EnsureSuccessStatusCode();
        for (var i = 1; i < 8; i += 2)
        {
            (await _http.DeleteAsync($"/v1/files/f{i}")).EnsureSuccessStatusCode();
        }
    }

    private async Task EmptyTrashAsync()
    {
        using var trash = JsonDocument.Parse(await _http.GetStringAsync("/v1/trash"));
        var ids = trash.RootElement.EnumerateObject().Single(property => property.Value.ValueKind == JsonValueKind.Array).Value
            .EnumerateArray().Select(item => item.GetProperty("id").ToString()).ToList();
        Assert.Equal(4, ids.Count);
        foreach (var id in ids)
        {
            (await _http.DeleteAsync("/v1/trash/" + id)).EnsureSuccessStatusCode();
        }
    }

    private async Task EverythingIsThereAsync()
    {
        foreach (var (name, bytes) in _kept)
        {
            Assert.Equal(bytes, await _http.GetByteArrayAsync("/v1/files/" + name));
        }

        Assert.Contains("No findings", await RunAsync("store", "fsck", "--read-data"), StringComparison.Ordinal);
    }

    private async Task<GcRecord> CollectAsync() => Read(await RunAsync("store", "gc", "--bytes-per-second", "0", "--json"));

    private Task<string> RunAsync(params string[] arguments) => new House.Fluxctl(_daemon.Folder).RunAsync(["--socket", _daemon.Socket, .. arguments]);

    private static GcRecord Read(string json) => JsonSerializer.Deserialize(json, AdminJson.Default.GcRecord)!;

    private static string Line(string output, string beginning) =>
        output.Split('\n').Single(line => line.StartsWith(beginning, StringComparison.Ordinal));
}

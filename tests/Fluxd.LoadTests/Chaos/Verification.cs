using System.Collections.Concurrent;
using System.Text.Json;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>Reads everything back: each name by HTTP, HTTPS and HTTP/3, the whole tree by SFTP and fluxd/1.</summary>
internal sealed class Verification(Field field, Ledger ledger, Action<string> say)
{
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(10);

    private readonly ConcurrentQueue<string> _ways = [];

    /// <summary>By which all was read.</summary>
    public IEnumerable<string> Ways => _ways.Order(StringComparer.Ordinal);

    /// <summary>Call it when no upload is unfinished: what a cut SFTP upload has brought so far hides the old file from its owner.</summary>
    public async Task TreesAsync(bool hasQuic)
    {
        var sftp = TreeAsync("SFTP", async to =>
        {
            var batch = Path.Combine(field.Work, "back-batch");
            await File.WriteAllTextAsync(batch, $"get -r /* {to}/\n");
            return await Sftp.RunAsync(field.Daemon.Password, field.Daemon.Sftp.Port, batch, Most);
        });
        var quic = hasQuic ? TreeAsync("fluxd-1", to => FilesCtl.RunAsync(field, "quic", Most, "sync", "server:/", to)) : Task.CompletedTask;
        await Task.WhenAll(sftp, quic);
    }

    public async Task NamesAsync(bool hasHttp3)
    {
        using var http = field.Client(isPatient: true);
        using var https = field.HttpsClient();
        await Task.WhenAll(NamesAsync("HTTP", http), NamesAsync("HTTPS", https), hasHttp3 ? NamesByHttp3Async() : Task.CompletedTask);
    }

    private async Task NamesByHttp3Async()
    {
        foreach (var (path, status, hash) in await Http3Client.GetAsync(field.Daemon.TlsPort, field.Authorization.ToString(), ledger.Paths("/"), Most))
        {
            Check("HTTP/3", path, status, hash);
        }

        Done("HTTP/3");
    }

    private async Task NamesAsync(string way, HttpClient client)
    {
        foreach (var path in ledger.Paths("/"))
        {
            using var answer = await client.GetAsync("v1/files" + path);
            Check(way, path, (int)answer.StatusCode, Ledger.Hash(await answer.Content.ReadAsByteArrayAsync()));
        }

        Done(way);
    }

    private void Check(string way, string path, int status, string hash)
    {
        if (status is 200 or 404)
        {
            ledger.Check(way, path, status == 200 ? hash : null);
        }
        else
        {
            ledger.Lost($"{way}: {path} was answered with {status}");
        }
    }

    private void Done(string way)
    {
        _ways.Enqueue(way);
        say("read back by " + way);
    }

    private async Task TreeAsync(string way, Func<string, Task<(int Code, string Output)>> fetch)
    {
        var to = Directory.CreateDirectory(Path.Combine(field.Work, "back-" + way)).FullName;
        var (code, output) = await fetch(to);
        for (var tries = 1; code != 0 && tries < 5; tries++)
        {
            // An address whose connections were cut before they logged in may have to wait for a while.
            await Task.Delay(TimeSpan.FromSeconds(15));
            (code, output) = await fetch(to);
        }

        if (code != 0)
        {
            ledger.Lost($"{way}: reading the tree back ended with {code}: {output[..Math.Min(output.Length, 500)]}");
        }

        var expected = ledger.Paths("/").ToHashSet(StringComparer.Ordinal);
        foreach (var path in expected)
        {
            ledger.Check(way, path, File.Exists(to + path) ? Ledger.Hash(await File.ReadAllBytesAsync(to + path)) : null);
        }

        foreach (var stray in Directory.EnumerateFiles(to, "*", SearchOption.AllDirectories).Select(file => file[to.Length..]).Where(file => !expected.Contains(file)).Take(5))
        {
            ledger.Lost($"{way}: {stray} is there, and nobody wrote it");
        }

        Directory.Delete(to, recursive: true);
        Done(way);
    }
}

internal static class Uploads
{
    public static async Task<IReadOnlyList<string>> ListAsync(HttpClient client)
    {
        var ids = new List<string>();
        for (string? cursor = null; ;)
        {
            using var page = JsonDocument.Parse(await client.GetStringAsync("v1/uploads" + (cursor is null ? "" : "?cursor=" + Uri.EscapeDataString(cursor))));
            ids.AddRange(page.RootElement.GetProperty("uploads").EnumerateArray().Select(upload => upload.GetProperty("id").ToString()));
            if (!page.RootElement.TryGetProperty("next", out var next) || (cursor = next.GetString()) is null)
            {
                return ids;
            }
        }
    }
}

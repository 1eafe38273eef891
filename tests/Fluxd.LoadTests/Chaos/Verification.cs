using System.Net;
using System.Text.Json;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>Reads everything back: each name by HTTP, the whole tree by SFTP, and by QUIC.</summary>
internal sealed class Verification(Field field, Ledger ledger, Action<string> say)
{
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(10);

    /// <summary>Call it when no upload is unfinished: what a cut SFTP upload has brought so far hides the old file from its owner.</summary>
    public async Task TreesAsync(bool hasQuic)
    {
        await TreeAsync("SFTP", async to =>
        {
            var batch = Path.Combine(field.Work, "back-batch");
            await File.WriteAllTextAsync(batch, $"get -r /* {to}/\n");
            return await Sftp.RunAsync(field.Daemon.Password, field.Daemon.Sftp.Port, batch, Most);
        });
        if (hasQuic)
        {
            await TreeAsync("QUIC", to => QuicCtl.RunAsync(field, Most, "sync", "server:/", to));
        }
    }

    public async Task HttpAsync()
    {
        using var client = field.Client(isPatient: true);
        foreach (var path in ledger.Paths("/"))
        {
            using var answer = await client.GetAsync("v1/files" + path);
            if (answer.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.NotFound))
            {
                ledger.Lost($"HTTP: {path} was answered with {(int)answer.StatusCode}");
                continue;
            }

            ledger.Check("HTTP", path, answer.StatusCode == HttpStatusCode.OK ? Ledger.Hash(await answer.Content.ReadAsByteArrayAsync()) : null);
        }

        say("read back by HTTP");
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
        say("read back by " + way);
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

using System.Diagnostics;
using Fluxd.Bench;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Upkeep.Check;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.EndToEnd.Store;

/// <summary>A process with a store and clients at work is killed again and again; the store is held to the ledger of what it answered.</summary>
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int TimeoutMs = 900_000;
    private const int KillsEach = 10;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fluxd-kill-");
    private readonly KillLedger _ledger = new();

    private string StorePath => Path.Combine(_folder.FullName, "store");

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Fifty kills, in shares that each have a store of their own.</summary>
    [Theory(Timeout = TimeoutMs)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task What_was_acknowledged_survives_kill_9_under_load(int share)
    {
        var seed = Random.Shared.Next(1_000_000);
        output.WriteLine($"share {share}, seed {seed}");
        var random = new Random(seed);
        for (var kill = 0; kill < KillsEach; kill++)
        {
            await RunUntilKilled(seed + kill, random.Next(5, 120), LiveClients.HasBig(seed + kill) ? random.Next(1, 4) : 0);
            await CheckAsync($"seed {seed}, kill {kill}");
        }

        Assert.True(_ledger.Answers > KillsEach * 5);
        Assert.Contains(_ledger.Files.Keys, LiveClients.IsBig);
        await using var store = await OpenStore.OpenAsync(StorePath);
        var report = await new StoreCheck(store.Store.CatalogFile, store.Store.Packs).RunAsync(readData: true, CancellationToken.None);
        Assert.DoesNotContain(report.Findings, finding => finding.IsDamage);
    }

    /// <summary>By a number of answers, not by a time: the same on a slow machine.</summary>
    /// <param name="bigParts">And not before the big upload was told durable so often.</param>
    private async Task RunUntilKilled(int seed, int answers, int bigParts)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { Path.Combine(AppContext.BaseDirectory, "Fluxd.Bench.dll"), "live", StorePath, $"{seed}" },
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var until = _ledger.Answers + answers;
        var killed = false;
        var rest = "";
        var buffer = new char[4096];
        while (await process.StandardOutput.ReadAsync(buffer) is > 0 and var got)
        {
            var lines = (rest + new string(buffer, 0, got)).Split('\n');
            rest = lines[^1];
            foreach (var line in lines[..^1])
            {
                _ledger.Read(line);
                bigParts -= line.Split(' ') is ["part", _, var name, ..] && LiveClients.IsBig(name) ? 1 : 0;
            }

            if (!killed && _ledger.Answers >= until && bigParts <= 0)
            {
                process.Kill();
                killed = true;
            }
        }

        await process.WaitForExitAsync();
        Assert.True(killed, "The process ended by itself: " + await error);
    }

    private async Task CheckAsync(string where)
    {
        await using var store = await OpenStore.OpenAsync(StorePath);
        Assert.True(store.Store.Fault is null, $"{where}: {store.Store.Fault}");
        var files = store.Trees.Files;
        foreach (var asked in _ledger.InDoubt.ToList())
        {
            var isNew = true;
            var isOld = true;
            foreach (var (name, content) in asked)
            {
                var found = await FindAsync(files, name);
                isNew &= Same(found, content);
                isOld &= Same(found, _ledger.Files.GetValueOrDefault(name));
            }

            Assert.True(isNew || isOld, $"{where}: {string.Join(", ", asked.Keys)}: neither as before nor as asked for");
            _ledger.Settle(asked, isNew);
        }

        foreach (var (name, content) in _ledger.Files)
        {
            Assert.True(Same(await FindAsync(files, name), content), $"{where}: {name} is not what was acknowledged");
        }

        foreach (var node in (await files.ListAsync(OpenStore.Who, FilePath.Root, new ListRequest(), CancellationToken.None)).Entries)
        {
            Assert.True(_ledger.Files.GetValueOrDefault(node.Name.ToString()) is not null, $"{where}: nobody made {node.Name}");
        }

        await FinishUploadsAsync(store, where);
    }

    private async Task FinishUploadsAsync(OpenStore store, string where)
    {
        var uploads = store.Trees.Uploads;
        foreach (var (text, (name, whole, durable)) in _ledger.Uploads)
        {
            Assert.True(UploadId.TryParse(text, out var id));
            var info = await uploads.GetAsync(OpenStore.Who, id, CancellationToken.None);
            Assert.True(info.DurableOffset >= durable, $"{where}: {durable} bytes of an upload were told durable and {info.DurableOffset} are there");
            if (info.State == UploadState.Completed)
            {
                continue;
            }

            await using (var writer = await uploads.OpenAsync(OpenStore.Who, id, CancellationToken.None))
            {
                await writer.WriteAsync(whole.Bytes.AsMemory((int)info.DurableOffset), CancellationToken.None);
                await writer.FlushAsync(CancellationToken.None);
            }

            await uploads.CompleteAsync(OpenStore.Who, id, CancellationToken.None);
            _ledger.Files[name] = whole;
            Assert.True(Same(await FindAsync(store.Trees.Files, name), whole), $"{where}: an upload's bytes are damaged");
        }

        _ledger.Uploads.Clear();
    }

    private static async Task<byte[]?> FindAsync(IFiles files, string name)
    {
        try
        {
            await using var file = await files.OpenAsync(
                OpenStore.Who, FilePath.Parse("/" + name), new OpenRequest { Access = OpenAccess.Read }, CancellationToken.None);
            var bytes = new byte[(await file.StatAsync(CancellationToken.None)).Size + 1];
            var length = 0;
            while (await file.ReadAsync(length, bytes.AsMemory(length), CancellationToken.None) is > 0 and var got)
            {
                length += got;
            }

            return bytes[..length];
        }
        catch (FluxException e) when (e.Error == FluxError.NotFound)
        {
            return null;
        }
    }

    private static bool Same(byte[]? found, Expected? expected) =>
        found is null ? expected is null : expected is not null && found.Length == expected.Length && found.AsSpan().SequenceEqual(expected.Bytes);
}

using System.Diagnostics;
using System.Globalization;
using Xunit;
using Xunit.Abstractions;

namespace Fluxd.EndToEnd.Store;

/// <summary>The memory of a process with a store does not grow with the size of a file, and hardly with the number of files.</summary>
[Trait("Category", "Long")]
public sealed class MemoryTests(ITestOutputHelper output) : IDisposable
{
    private const int TimeoutMs = 7_200_000;

    /// <summary>What ingest may take at its peak; most of it is the buffers' budget and SQLite's caches.</summary>
    private const long PeakMiB = 200;

    private readonly DirectoryInfo _folder = Directory.CreateDirectory(Path.Combine(
        Environment.GetEnvironmentVariable("FLUXD_LONG_FOLDER") ?? "/var/tmp", "fluxd-memory-" + Guid.NewGuid().ToString("n")));

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact(Timeout = TimeoutMs)]
    public async Task An_upload_of_10_GB_takes_no_more_memory_than_one_of_1_GB()
    {
        var small = await RunAsync("upload", Path.Combine(_folder.FullName, "1"), "1024");
        var big = await RunAsync("upload", Path.Combine(_folder.FullName, "10"), "10240");
        Assert.InRange(big, 1, PeakMiB);
        Assert.InRange(big, 1, small + 32);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_million_files_take_no_more_memory_than_their_hashes()
    {
        var hundredth = await RunAsync("many", Path.Combine(_folder.FullName, "few"), "10000", "1000");
        var all = await RunAsync("many", Path.Combine(_folder.FullName, "all"), "1000000", "1000");
        Assert.InRange(all, 1, PeakMiB);

        // The catalogue's page caches, which few files don't fill (48 MiB); new hashes in memory, before they are merged (at most
        // twice 256 thousand of 44 bytes); and what the runtime leaves lying until it collects. None of them grows on.
        Assert.InRange(all, 1, hundredth + 112);
    }

    /// <summary>The peak of the process's memory in MiB.</summary>
    private async Task<long> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Fluxd.Bench.dll"));
        Array.ForEach(arguments, start.ArgumentList.Add);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);
        output.WriteLine($"{string.Join(' ', arguments)}: {said.ReplaceLineEndings(", ")}");
        var peak = said.Split('\n').Single(line => line.StartsWith("rss-mb ", StringComparison.Ordinal));
        return long.Parse(peak.AsSpan("rss-mb ".Length), CultureInfo.InvariantCulture);
    }
}

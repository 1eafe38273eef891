using System.Diagnostics;
using System.Globalization;
using System.Net;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>
/// Writers of all protocols under a ledger, while the daemon lives a hard life; then everything that was acknowledged is
/// read back by every protocol, the store is checked, and what is left over is counted.
/// </summary>
internal sealed class ChaosRun(Places places, TimeSpan length, int seed, long bytesMax, bool ownsDisk, bool hasQuic, TextWriter report)
{
    /// <summary>With fewer the run would show nothing.</summary>
    private const int AcknowledgedMin = 30;

    private const int OpenFilesSlack = 40;
    private const int TriesMax = 20;
    private const long ResidentBytesMax = 700L << 20;

    private readonly Ledger _ledger = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    public async Task<bool> RunAsync()
    {
        var random = new Random(seed);
        await using var daemon = new TestedDaemon(places, movesClock: true, "store.keep_free=4M", "daemon.drain=5");
        await daemon.StartAsync();
        await using var http = new Relay(daemon.Http);
        await using var sftp = new Relay(daemon.Sftp);
        await using var tls = new Relay(new IPEndPoint(IPAddress.Loopback, daemon.TlsPort));
        await using var quic = new UdpRelay(new IPEndPoint(IPAddress.Loopback, daemon.TlsPort));
        var key = (await MustAsync(() => daemon.FluxctlAsync("tokens", "create", "admin", "--scope", "write"))).Split('\n')[0].Trim();
        await MustAsync(() => FilesCtl.LoginAsync(daemon, places.Work, "https", tls.EndPoint, key));
        if (hasQuic)
        {
            await MustAsync(() => FilesCtl.LoginAsync(daemon, places.Work, "quic", quic.EndPoint, key));
        }

        var field = new Field(daemon, http, sftp, _ledger, key, places.Work, bytesMax);
        var baseline = daemon.OpenFiles;

        Writer[] writers =
        [
            new PutWriter(field, 1), new PutWriter(field, 2), new PutWriter(field, 3), new TusWriter(field, 4), new TusWriter(field, 5), new PurgingWriter(field, 6),
            new ProgramWriter(field, "sftp", 7), new ProgramWriter(field, "https", 8), .. hasQuic ? new Writer[] { new ProgramWriter(field, "quic", 9) } : [],
        ];
        using var weather = new Weather(daemon, _ledger, Cut, Path.Combine(places.Work, "disk"), ownsDisk, random, () => _ledger.Acknowledged >= AcknowledgedMin, Say);
        using var ended = new CancellationTokenSource(length);
        using var writing = new CancellationTokenSource();
        var running = writers.Select(writer => writer.RunAsync(writing.Token)).ToArray();
        try
        {
            await weather.RunAsync(ended.Token);
        }
        finally
        {
            await writing.CancelAsync();
        }

        Say("calm: the writers finish");
        await Task.WhenAll(running).WaitAsync(TimeSpan.FromMinutes(5));
        await daemon.MoveClockAsync(0);
        daemon.Set("limits.requests_per_second=100000", "limits.requests_burst=100000"); // names are read back by the ten thousand
        await daemon.RestartAsync("TERM");
        Say($"{_ledger.Acknowledged} changes acknowledged in {writers.Sum(w => w.Tries)} turns of the writers, {_ledger.Count} names, {daemon.Lives} lives");
        foreach (var writer in writers)
        {
            report.WriteLine($"  {writer.Name}: {writer.Tries} tries");
        }

        var hasHttp3 = hasQuic && await Http3Client.IsThereAsync();
        var verification = new Verification(field, _ledger, Say);
        await verification.NamesAsync(hasHttp3);
        await GiveUpUploadsAsync(field);
        await verification.TreesAsync(hasQuic);
        await LeftoversAsync(field.Daemon, baseline, weather.ResidentMost);
        report.WriteLine("weather: " + string.Join(", ", weather.Counts.OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => $"{c.Key} {c.Value}")));
        report.WriteLine($"upkeep: {weather.Upkeep}");
        if (weather.Upkeep is { ContentsRemoved: 0 } or { BytesFreed: 0 })
        {
            _ledger.Lost("the collector gave nothing back in the whole run, though files were removed and purged");
        }

        string[] missing = [.. ownsDisk ? [] : new[] { "a full disk (needs root)" }, .. TestedDaemon.CanMoveClock ? [] : new[] { "a moved clock (needs faketime)" }, .. hasQuic ? [] : new[] { "QUIC (needs libngtcp2)" }, .. hasHttp3 ? [] : new[] { "HTTP/3 (needs python3 and a libcurl-gnutls that speaks it)" }];
        if (missing.Length > 0)
        {
            report.WriteLine("not done here: " + string.Join(", ", missing));
        }

        foreach (var loss in _ledger.Losses.Take(40))
        {
            report.WriteLine("LOST " + loss);
        }

        var good = _ledger.Losses.Count == 0 && _ledger.Acknowledged >= AcknowledgedMin;
        report.WriteLine(good ? $"everything that was acknowledged is there, by {string.Join(", ", verification.Ways)}" : $"{_ledger.Losses.Count} faults; {_ledger.Acknowledged} acknowledged");
        return good;

        void Cut()
        {
            http.Cut();
            sftp.Cut();
            tls.Cut();
            quic.Cut();
        }
    }

    /// <summary>Unfinished uploads are kept for their owners, who can do away with each of them.</summary>
    private async Task GiveUpUploadsAsync(Field field)
    {
        using var client = field.Client(isPatient: true);
        var uploads = await Uploads.ListAsync(client);
        foreach (var id in uploads)
        {
            using var gone = await client.DeleteAsync("v1/uploads/" + id);
        }

        Say($"{uploads.Count} unfinished uploads were kept for resuming, and are given up now");
        if (await Uploads.ListAsync(client) is { Count: > 0 } still)
        {
            _ledger.Lost($"orphans: {still.Count} uploads can't be removed");
        }
    }

    /// <summary>Nothing is open, no file of an ended transfer lies about, and the daemon is as small as it was.</summary>
    private async Task LeftoversAsync(TestedDaemon daemon, int baseline, long residentMost)
    {
        var open = 0;
        for (var tries = 0; tries < 120 && (open = daemon.OpenFiles) > baseline + OpenFilesSlack; tries++)
        {
            await Task.Delay(500);
        }

        if (open > baseline + OpenFilesSlack)
        {
            _ledger.Lost($"leak: {open} open files, {baseline} in the beginning");
        }

        var (code, fsck) = await daemon.FluxctlAsync("store", "fsck", "--read-data");
        if (code != 0 || !fsck.Contains("No findings.", StringComparison.Ordinal))
        {
            _ledger.Lost($"fsck ended with {code}: {fsck}");
        }

        Say("fsck: " + fsck.Trim().ReplaceLineEndings("; "));
        await daemon.RestartAsync("TERM");
        if (Directory.GetFiles(Path.Combine(daemon.Store, "spool"), "*", SearchOption.AllDirectories) is { Length: > 0 } spooled)
        {
            _ledger.Lost($"orphans: {string.Join(", ", spooled.Take(5))} in the spool of a store without uploads");
        }

        var resident = Math.Max(residentMost, daemon.ResidentBytes);
        report.WriteLine($"memory: {resident >> 20} MiB at most; open files: {baseline} in the beginning, {open} at the end");
        if (resident > ResidentBytesMax)
        {
            _ledger.Lost($"memory: {resident >> 20} MiB is above {ResidentBytesMax >> 20}");
        }

        if (daemon.Unforeseen is { } unforeseen)
        {
            _ledger.Lost($"the daemon's log: {unforeseen}");
        }
    }

    private void Say(string what) => report.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_clock.Elapsed.TotalSeconds,7:0.0} s  {what}"));

    /// <summary>A machine that is busy with other things may miss a handshake's time: that is not what this is about.</summary>
    private static async Task<string> MustAsync(Func<Task<(int Code, string Output)>> run)
    {
        for (var tries = 1; ; tries++)
        {
            var (code, output) = await run();
            if (code == 0)
            {
                return output;
            }

            if (tries == TriesMax)
            {
                throw new InvalidOperationException($"fluxctl ended with {code}: {output}");
            }

            await Task.Delay(TimeSpan.FromSeconds(3));
        }
    }
}

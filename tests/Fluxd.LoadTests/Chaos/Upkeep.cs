using System.Globalization;
using System.Text.Json;
using Fluxd.LoadTests.House;

namespace Fluxd.LoadTests.Chaos;

/// <summary>
/// Scrub, a copy of the catalogue, and the collector, as an administrator asks for them while clients write. What the
/// run itself cut off, by a kill or a full disk, is told apart from what failed by itself: that is a fault.
/// </summary>
/// <param name="troubles">Odd while the run stops the daemon or fills its disk; another number each time.</param>
internal sealed class Upkeep(TestedDaemon daemon, Func<int> troubles, Ledger ledger)
{
    /// <summary>The daemon's own timetable may be at one of them, and it does one at a time.</summary>
    private const int TriesMax = 120;

    private static readonly string[] s_kinds = ["scrub", "copy", "gc"];
    private readonly Dictionary<string, int> _done = s_kinds.ToDictionary(kind => kind, _ => 0);
    private readonly Dictionary<string, int> _cutOff = s_kinds.ToDictionary(kind => kind, _ => 0);

    public long ContentsRemoved { get; private set; }

    public long BytesFreed { get; private set; }

    public override string ToString() => string.Join(", ", s_kinds.Select(kind => $"{kind} {_done[kind]} (and {_cutOff[kind]} cut off)"))
        + string.Create(CultureInfo.InvariantCulture, $"; {ContentsRemoved} contents removed, {BytesFreed / 1048576.0:0.0} MiB given back");

    public async Task RunAllAsync()
    {
        foreach (var kind in s_kinds)
        {
            await RunAsync(kind);
        }
    }

    /// <summary>Not at the same time as another.</summary>
    public async Task RunAsync(string kind)
    {
        for (var tries = 1; ; tries++)
        {
            var before = troubles();
            var (code, output) = await daemon.FluxctlAsync(kind == "scrub" ? ["store", kind, "--json", "--bytes-per-second", "0"] : ["store", kind, "--json"]);
            if (code == 0)
            {
                _done[kind]++;
                Note(kind, output);
                return;
            }

            if (before % 2 != 0 || before != troubles())
            {
                _cutOff[kind]++;
                return;
            }

            if (tries == TriesMax || !output.Contains("wait for that to end", StringComparison.Ordinal))
            {
                ledger.Lost($"store {kind} ended with {code}, and nothing had been done to the daemon: {output.Trim()}");
                return;
            }

            await Task.Delay(500);
        }
    }

    private void Note(string kind, string output)
    {
        using var json = JsonDocument.Parse(output);
        long Number(string name) => json.RootElement.TryGetProperty(name, out var value) ? value.GetInt64() : 0;
        ContentsRemoved += Number("contentsRemoved");
        BytesFreed += Number("bytesFreed");
        if (Number("newlyBad") + Number("stillBad") + Number("packsKeptForDamage") is > 0 and var damaged)
        {
            ledger.Lost($"store {kind} found damage, {damaged} times: {output.Trim()}");
        }
    }
}

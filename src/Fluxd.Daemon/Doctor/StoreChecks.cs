using System.Globalization;
using Fluxd.Core.Admin;
using Fluxd.Store.Upkeep;

namespace Fluxd.Daemon.Doctor;

/// <summary>Whether the store takes writes, and when its catalogue was last copied and its packs last read through.</summary>
internal sealed class StoreChecks(StoreUpkeep upkeep, TimeProvider clock) : IDoctorCheck
{
    /// <summary>Copies are made daily; one that failed is tried again every hour.</summary>
    private static readonly TimeSpan s_copyWarnAfter = TimeSpan.FromDays(2);

    private static readonly TimeSpan s_scrubWarnAfter = TimeSpan.FromDays(90);

    public string Name => "store";

    public async ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct)
    {
        var stat = await upkeep.StatAsync(ct);
        return [Fault(stat), Copy(stat), Scrub(stat)];
    }

    private static CheckRecord Fault(StoreStatRecord stat) => stat.Problem is null
        ? Check.Good("store.state", "The store reads and writes.")
        : Check.Bad("store.state", "The store only reads: " + stat.Problem, "Cure the disk (sudo dmesg | tail), then: sudo systemctl restart fluxd && sudo fluxctl store fsck");

    private CheckRecord Copy(StoreStatRecord stat)
    {
        const string name = "store.copy";
        const string cure = "sudo fluxctl store copy   (the reason why it failed by itself: journalctl -u fluxd | grep catalogue)";
        return stat.LastCopyAt is not { } at ? Check.Warning(name, "The catalogue was never copied.", cure)
            : clock.GetUtcNow() - at > s_copyWarnAfter ? Check.Warning(name, $"The catalogue's newest copy is of {Day(at)}.", cure)
            : Check.Good(name, $"The catalogue was copied on {Day(at)}.");
    }

    private CheckRecord Scrub(StoreStatRecord stat)
    {
        const string name = "store.scrub";
        const string cure = "sudo fluxctl store scrub   (reads all packs at an easy pace, and may run while people work)";
        return stat.OldestScrubAt is { } at
            ? clock.GetUtcNow() - at > s_scrubWarnAfter
                ? Check.Warning(name, $"Some packs were last read and compared on {Day(at)}.", cure)
                : Check.Good(name, $"Every closed pack was read and compared since {Day(at)}.")
            : stat.Packs <= 1
                ? Check.Good(name, "There is no closed pack yet to read through.")
                : Check.Warning(name, "Not every pack was ever read through since it was written.", cure);
    }

    private static string Day(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
}

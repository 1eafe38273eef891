using System.Globalization;

namespace Fluxd.Daemon.Hosting;

/// <summary>
/// Pings systemd's watchdog, but only while the health check answers: a bare timer would prove nothing but that timers
/// work. A check that hangs or fails sends no ping, and systemd restarts the daemon.
/// </summary>
internal sealed class Watchdog(SystemdNotifier notifier, TimeSpan interval, Func<CancellationToken, Task<bool>> isAlive, TimeProvider clock)
{
    /// <summary>What a timer can do; systemd's own figures lie far within.</summary>
    private const long IntervalMinUs = 1_000;

    private const long IntervalMaxUs = 86_400_000_000;

    /// <summary>Half of WATCHDOG_USEC, when systemd means this very process; null without a watchdog.</summary>
    public static TimeSpan? Interval(IReadOnlyDictionary<string, string> environment)
    {
        var isForUs = !environment.TryGetValue("WATCHDOG_PID", out var pid) || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        return isForUs && environment.TryGetValue("WATCHDOG_USEC", out var text)
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds) && microseconds > 0
            ? TimeSpan.FromMicroseconds(Math.Clamp(microseconds / 2, IntervalMinUs, IntervalMaxUs))
            : null;
    }

    /// <summary>Runs until cancelled; owned and awaited by the daemon's life.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var timer = new PeriodicTimer(interval, clock);
        try
        {
            do
            {
                if (await isAlive(ct))
                {
                    notifier.Watchdog();
                }
            }
            while (await timer.WaitForNextTickAsync(ct));
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
        }
    }
}

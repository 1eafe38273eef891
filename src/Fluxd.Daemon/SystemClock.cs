namespace Fluxd.Daemon;

/// <summary>Nothing expires before the clock is right: a board without a battery begins in 1970, or in the future.</summary>
internal static class SystemClock
{
    /// <summary>systemd-timesyncd and chrony under systemd make this file; where neither is, the clock is believed.</summary>
    private const string Synchronised = "/run/systemd/timesync/synchronized";

    public static bool IsSynchronised() => !Directory.Exists("/run/systemd/timesync") || File.Exists(Synchronised);
}

namespace Fluxd.Daemon.Telemetry;

/// <summary>Outcomes are sentences for people; figures need few words.</summary>
internal static class TransferOutcome
{
    public static string Of(string outcome) =>
        outcome == "done" ? "done"
        : outcome.StartsWith("client", StringComparison.Ordinal) ? "client_closed"
        : outcome.StartsWith("server closed", StringComparison.Ordinal) ? "server_closed"
        : outcome == "cut off" ? "cut_off"
        : "refused";
}

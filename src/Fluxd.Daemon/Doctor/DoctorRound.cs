using Fluxd.Core.Admin;

namespace Fluxd.Daemon.Doctor;

/// <summary>All checks side by side, in the order of their names.</summary>
internal static class DoctorRound
{
    /// <summary>A check that hangs must not hide the others' answers.</summary>
    private static readonly TimeSpan s_checkTimeout = TimeSpan.FromSeconds(10);

    public static async Task<IReadOnlyList<CheckRecord>> RunAsync(IEnumerable<IDoctorCheck> checks, CancellationToken ct)
    {
        var results = await Task.WhenAll(checks.Select(check => RunAsync(check, ct)));
        return [.. results.SelectMany(result => result).OrderBy(result => result.Name, StringComparer.Ordinal)];
    }

    private static async Task<IReadOnlyList<CheckRecord>> RunAsync(IDoctorCheck check, CancellationToken ct)
    {
        try
        {
            return await check.RunAsync(ct).AsTask().WaitAsync(s_checkTimeout, ct);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return [Check.Bad(check.Name, "The check itself failed: " + failure.Message, "Look at the daemon's log: journalctl -u fluxd")];
        }
    }
}

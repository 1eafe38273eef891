using System.CommandLine;
using Fluxctl.Doctor;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class DoctorCommand
{
    private static readonly Option<string?> Url = new("--url") { Description = "Probe a server through its public address instead, with the profile's sign-in", HelpName = "URL" };

    public static Command Make() => new Verb(
        "doctor", "Finds what is wrong with this machine, or with the proxy before a server, and prints the line that cures it. Exit code 4 when something is bad.",
        "fluxctl doctor", "fluxctl doctor --json", "fluxctl doctor --url https://files.example")
        .With(Url, Client.ClientRun.ProfileOption)
        .Does(async (context, ct) =>
        {
            var checks = context.Get(Url) is { } url ? await Client.PublicChecks.RunAsync(context, url, ct) : await CheckAsync(context, ct);
            context.Answer(checks, AdminJson.Default.IReadOnlyListCheckRecord, Print);
            return checks.Any(check => check.State == CheckState.Bad) ? ExitCodes.Unhealthy : ExitCodes.Good;
        });

    private static async Task<IReadOnlyList<CheckRecord>> CheckAsync(Context context, CancellationToken ct)
    {
        try
        {
            var status = await context.Daemon.GetAsync("status", AdminJson.Default.StatusRecord, ct);
            var checks = await context.Daemon.GetAsync("doctor", AdminJson.Default.IReadOnlyListCheckRecord, ct);
            return [.. checks, .. await FirewallCheck.RunAsync(status, ct), VersionOf.Compare(status.Version)];
        }
        catch (CommandFailure failure) when (failure.ExitCode == ExitCodes.Unreachable)
        {
            // A daemon that doesn't run is just what one asks a doctor about.
            return [new CheckRecord("daemon.answers", CheckState.Bad, failure.Message, "sudo systemctl start fluxd; journalctl -u fluxd -n 50")];
        }
    }

    private static void Print(IReadOnlyList<CheckRecord> checks)
    {
        foreach (var check in checks)
        {
            var mark = check.State switch { CheckState.Good => "ok  ", CheckState.Skipped => "-   ", CheckState.Warning => "warn", _ => "BAD " };
            Console.Out.WriteLine($"{mark}  {Show.Plain(check.Name)}: {Show.Plain(check.Found)}");
            if (check.Cure is { } cure)
            {
                Console.Out.WriteLine("        " + Show.Plain(cure));
            }
        }
    }
}

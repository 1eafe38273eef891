using System.CommandLine;
using System.Text.Json;
using Fluxctl.Doctor;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class DoctorCommand
{
    private static readonly Option<string?> Url = new("--url") { Description = "Probe a server through its public address instead, with the profile's sign-in", HelpName = "URL" };

    private static readonly Option<string?> s_config = new("--config") { Description = "Where no daemon answers: the configuration to look at; else the system's", HelpName = "FILE" };

    public static Command Make() => new Verb(
        "doctor", "Finds what is wrong with this machine, or with the proxy before a server, and prints the line that cures it. Exit code 4 when something is bad.",
        "fluxctl doctor", "fluxctl doctor --json", "sudo fluxctl doctor --config /etc/fluxd/fluxd.toml", "fluxctl doctor --url https://files.example")
        .With(Url, s_config, Client.ClientRun.ProfileOption)
        .Does(async (context, ct) =>
        {
            var checks = context.Get(Url) is { } url ? await Client.PublicChecks.RunAsync(context, url, ct) : await CheckAsync(context, ct);
            context.Answer(checks, AdminJson.Default.IReadOnlyListCheckRecord, Print);
            return checks.Any(check => check.State == CheckState.Bad) ? ExitCodes.Unhealthy : ExitCodes.Good;
        });

    private static async Task<IReadOnlyList<CheckRecord>> CheckAsync(Context context, CancellationToken ct)
    {
        var file = context.Get(s_config) is { Length: > 0 } given ? Path.GetFullPath(given) : null;
        StatusRecord status;
        try
        {
            status = await context.Daemon.GetAsync("status", AdminJson.Default.StatusRecord, ct);
        }
        catch (CommandFailure failure) when (failure.ExitCode == ExitCodes.Unreachable)
        {
            return [NoDaemon(failure), .. await CheckWithoutDaemonAsync(file, ct)];
        }

        if (file is not null && status.ConfigFile is { } theirs && Path.GetFullPath(theirs) != file)
        {
            throw CommandFailure.Failed($"The daemon at {context.Socket} runs with {theirs}. Leave --config out to ask it, or name the socket of the one that is meant: --socket PATH");
        }

        var checks = await context.Daemon.GetAsync("doctor", AdminJson.Default.IReadOnlyListCheckRecord, ct);
        return [.. checks, .. await FirewallCheck.RunAsync(status, ct), VersionOf.Compare(status.Version)];
    }

    /// <summary>A daemon that doesn't run is just what one asks a doctor about.</summary>
    private static CheckRecord NoDaemon(CommandFailure failure) => new(
        "daemon.answers", CheckState.Bad, "The daemon is not running, or not here; what follows was looked at without it. " + failure.Message,
        "sudo systemctl start fluxd; journalctl -u fluxd -n 50");

    private static async Task<IReadOnlyList<CheckRecord>> CheckWithoutDaemonAsync(string? file, CancellationToken ct)
    {
        try
        {
            var said = await FluxdBeside.ReadAsync(["--doctor", .. file is null ? Array.Empty<string>() : ["--config", file]], ct);
            return JsonSerializer.Deserialize(said, AdminJson.Default.IReadOnlyListCheckRecord)!;
        }
        catch (CommandFailure failure)
        {
            return [new CheckRecord("daemon.program", CheckState.Bad, failure.Message, "sudo apt-get install --reinstall fluxd; in a source tree: ./build.sh publish, then out/fluxd/fluxctl doctor")];
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

using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class ReloadCommand
{
    // Every reload waits for its outcome; the option says so in unit files, where it matters.
    private static readonly Option<bool> s_wait = new("--wait") { Description = "Return when the new configuration is in force (always so)" };

    public static Command Make() => new Verb(
        "reload", "Reads the configuration again, without dropping a transfer. A bad file leaves the old one in force.", "fluxctl reload")
        .With(s_wait)
        .Does(async (context, ct) =>
        {
            var outcome = await context.Daemon.PostAsync("reload", AdminJson.Default.ReloadRecord, ct);
            context.Answer(outcome, AdminJson.Default.ReloadRecord, Print);
            return outcome.Applied ? ExitCodes.Good : ExitCodes.Failed;
        });

    private static void Print(ReloadRecord outcome)
    {
        if (!outcome.Applied)
        {
            Console.Error.WriteLine("fluxctl: The old configuration stays in force: " + string.Join("; ", outcome.Faults.Select(Show.Plain)));
            return;
        }

        Console.Out.WriteLine("The configuration was reloaded.");
        foreach (var key in outcome.NeedsRestart)
        {
            Console.Out.WriteLine($"  {key} takes effect at the next start: sudo systemctl restart fluxd");
        }
    }
}

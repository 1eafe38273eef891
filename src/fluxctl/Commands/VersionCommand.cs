using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class VersionCommand
{
    public static Command Make() => new Verb("version", "The versions of fluxctl and of the daemon; warns when they differ.", "fluxctl version", "fluxctl version --json")
        .Does(async (context, ct) => context.Answer(new VersionRecord(VersionOf.Program, await DaemonsAsync(context, ct)), AdminJson.Default.VersionRecord, Print));

    /// <summary>No daemon is no failure here: one also asks before it is started, or on a machine that has none.</summary>
    private static async Task<string?> DaemonsAsync(Context context, CancellationToken ct)
    {
        try
        {
            return (await context.Daemon.GetAsync("status", AdminJson.Default.StatusRecord, ct)).Version;
        }
        catch (CommandFailure failure) when (failure.ExitCode == ExitCodes.Unreachable)
        {
            await Console.Error.WriteLineAsync("fluxctl: " + failure.Message);
            return null;
        }
    }

    private static void Print(VersionRecord versions)
    {
        Console.Out.WriteLine("fluxctl " + versions.Fluxctl);
        if (versions.Fluxd is { } daemons)
        {
            Console.Out.WriteLine("fluxd   " + Show.Plain(daemons));
            if (VersionOf.Mismatch(daemons) is { } mismatch)
            {
                Console.Error.WriteLine("fluxctl: " + mismatch);
            }
        }
    }
}

using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;

namespace Fluxctl.Commands;

/// <summary>
/// The store. What works on a store that no daemon has open is done by fluxd itself, which alone knows configuration
/// and store: fluxctl starts the one that lies beside it.
/// </summary>
internal static class StoreCommand
{
    private static readonly Option<string> s_config = new("--config") { Description = "fluxd's configuration file", HelpName = "FILE", Required = true };

    public static Command Make() => new Verb("store", "The store of all files.").With(
        new Verb(
            "init", "Makes an empty store at [store] path, where there is none. The daemon must not be running.",
            "sudo -u fluxd fluxctl store init --config /etc/fluxd/fluxd.toml")
            .With(s_config).Does((context, ct) => RunDaemonAsync(["--init-store", "--config", context.Get(s_config)!], ct)));

    private static async Task<int> RunDaemonAsync(string[] arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo { UseShellExecute = false };
        var program = Path.Combine(AppContext.BaseDirectory, "fluxd");
        if (File.Exists(program))
        {
            start.FileName = program;
        }
        else if (File.Exists(program + ".dll"))
        {
            // The portable form has no program of its own for this machine.
            start.FileName = Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet";
            start.ArgumentList.Add(program + ".dll");
        }
        else
        {
            throw CommandFailure.Failed($"fluxd is not beside fluxctl in {AppContext.BaseDirectory}; run the fluxctl that was installed with it.");
        }

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using var process = Process.Start(start)!;
            await process.WaitForExitAsync(ct);
            return process.ExitCode == 0 ? ExitCodes.Good : ExitCodes.Failed;
        }
        catch (Win32Exception failure)
        {
            throw CommandFailure.Failed($"{start.FileName} can't be started: {failure.Message}");
        }
    }
}

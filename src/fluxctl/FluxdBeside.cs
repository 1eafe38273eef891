using System.ComponentModel;
using System.Diagnostics;

namespace Fluxctl;

/// <summary>The fluxd that was installed with this fluxctl, for what needs no running daemon: it alone knows configuration and store.</summary>
internal static class FluxdBeside
{
    // As in fluxd's usage.
    private const int FluxdFoundDamage = 3;

    /// <summary>It speaks for itself.</summary>
    public static async Task<int> RunAsync(string[] arguments, CancellationToken ct)
    {
        using var process = Start(arguments, readOutput: false);
        await process.WaitForExitAsync(ct);
        return process.ExitCode switch
        {
            0 => ExitCodes.Good,
            FluxdFoundDamage => ExitCodes.Damaged,
            _ => ExitCodes.Failed,
        };
    }

    /// <summary>What it printed; what it complains of goes to standard error by itself.</summary>
    public static async Task<string> ReadAsync(string[] arguments, CancellationToken ct)
    {
        using var process = Start(arguments, readOutput: true);
        var output = await process.StandardOutput.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        return process.ExitCode == 0 ? output : throw CommandFailure.Failed("fluxd " + string.Join(' ', arguments) + " failed.");
    }

    private static Process Start(string[] arguments, bool readOutput)
    {
        var start = new ProcessStartInfo { UseShellExecute = false, RedirectStandardOutput = readOutput };
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
            return Process.Start(start)!;
        }
        catch (Win32Exception failure)
        {
            throw CommandFailure.Failed($"{start.FileName} can't be started: {failure.Message}");
        }
    }
}

using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Fluxd.EndToEnd.Store;

/// <summary>Runs docs/fluxd-reader.py.</summary>
internal static class PythonReader
{
    public static async Task<(int Code, string Text)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("python3", ["-B", ScriptPath(), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var outText = process.StandardOutput.ReadToEndAsync(deadline.Token);
        var errorText = process.StandardError.ReadToEndAsync(deadline.Token);
        await process.WaitForExitAsync(deadline.Token);
        return (process.ExitCode, await outText + await errorText);
    }

    private static string ScriptPath([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../docs/fluxd-reader.py"));
}

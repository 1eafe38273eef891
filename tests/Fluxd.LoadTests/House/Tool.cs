using System.Diagnostics;

namespace Fluxd.LoadTests.House;

/// <summary>Programs that the run starts and ends itself.</summary>
internal static class Tool
{
    /// <summary>Runs a program to its end, or to <paramref name="most"/>: then it is killed and its code is -1.</summary>
    public static async Task<(int Code, string Output)> RunAsync(TimeSpan most, IReadOnlyDictionary<string, string>? environment, string? input, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        if (input is not null)
        {
            await process.StandardInput.WriteLineAsync(input);
        }

        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(most);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            return (-1, "it took too long: " + await output + await errors);
        }

        return (process.ExitCode, await output + await errors);
    }

    public static async Task<bool> HasAsync(string program) => (await RunAsync(TimeSpan.FromSeconds(60), null, null, "sh", "-c", $"command -v {program}")).Code == 0;
}

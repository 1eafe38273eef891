using Fluxd.LoadTests.Chaos;

namespace Fluxd.LoadTests;

internal static class Program
{
    private static Task<int> Main(string[] arguments) => arguments is ["chaos", .. var rest] ? ChaosCommand.RunAsync(rest) : UsageAsync();

    private static async Task<int> UsageAsync()
    {
        await Console.Error.WriteLineAsync("usage: Fluxd.LoadTests chaos --fluxd FOLDER --fluxctl FOLDER [--seconds N] [--megabytes N] [--seed N] [--keep FOLDER] [--no-quic]");
        return 2;
    }
}

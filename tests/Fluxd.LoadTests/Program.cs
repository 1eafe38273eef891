using Fluxd.LoadTests.Chaos;
using Fluxd.LoadTests.Scenarios;

namespace Fluxd.LoadTests;

internal static class Program
{
    private static Task<int> Main(string[] arguments) => arguments switch
    {
        ["chaos", .. var rest] => ChaosCommand.RunAsync(rest),
        ["load", .. var rest] => LoadCommand.RunAsync(rest),
        _ => UsageAsync(),
    };

    private static async Task<int> UsageAsync()
    {
        await Console.Error.WriteLineAsync("usage: Fluxd.LoadTests chaos --fluxd FOLDER --fluxctl FOLDER [--seconds N] [--megabytes N] [--seed N] [--keep FOLDER] [--no-quic]");
        await Console.Error.WriteLineAsync("       Fluxd.LoadTests load --fluxd FOLDER --fluxctl FOLDER --out FOLDER [--long] [--only NAME] [--seed N] [--no-quic]");
        return 2;
    }
}

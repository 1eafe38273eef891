namespace Fluxctl;

internal static class Program
{
    // The overview is plain text: asking for it must not load a parser, a table writer or an HTTP client.
    private static Task<int> Main(string[] args) => args switch
    {
        [] or ["--help" or "-h" or "-?" or "help"] => Say(Overview.Text),
        ["--version"] => Say("fluxctl " + VersionOf.Program + "\n"),
        ["completion", "bash"] => Say(Completion.Bash),
        ["completion", "zsh"] => Say(Completion.Zsh),
        _ => CommandLine.RunAsync(args),
    };

    private static Task<int> Say(string text)
    {
        Console.Out.Write(text);
        return Task.FromResult(ExitCodes.Good);
    }
}

using System.CommandLine;

namespace Fluxctl.Commands;

internal static class VersionCommand
{
    public static Command Make() => new Verb("version", "The version of fluxctl.", "fluxctl version")
        .Does((_, _) =>
        {
            Console.Out.WriteLine("fluxctl " + VersionOf.Program);
            return Task.FromResult(ExitCodes.Good);
        });
}

using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Fluxctl.Commands;

namespace Fluxctl;

/// <summary>Puts together only the command that was asked for, runs it, and turns failures into one sentence and a code.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = Build(args);
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpWithExamples)
        {
            await Console.Error.WriteLineAsync($"fluxctl: {FaultOf(parsed)} Try: {HelpFor(parsed)}");
            return ExitCodes.Usage;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (CommandFailure failure)
        {
            await Console.Error.WriteLineAsync("fluxctl: " + failure.Message);
            return failure.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Failed;
        }
#pragma warning disable CA1031 // The last catch of the process: whatever was typed gets a sentence and a code, never a trace.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            await Console.Error.WriteLineAsync($"fluxctl: This failed: {Show.Plain(failure.Message)}");
            return ExitCodes.Failed;
        }
    }

    /// <summary>All commands when the first word is none of theirs (an error, or completion).</summary>
    internal static RootCommand Build(string[] args)
    {
        var root = new RootCommand("Administers a fluxd daemon over its Unix socket.");
        root.Options.Add(Context.SocketOption);
        root.Options.Add(Context.JsonOption);
        var word = WordOf(args);
        var wanted = Array.Find(AllCommands.Table, entry => entry.Name == word);
        foreach (var entry in wanted is null ? AllCommands.Table : [wanted])
        {
            root.Subcommands.Add(entry.Make());
        }

        foreach (var help in root.Options.OfType<HelpOption>())
        {
            help.Action = new HelpWithExamples();
        }

        return root;
    }

    /// <summary>The command's place, not its name, tells it: a user may be called "status".</summary>
    private static string? WordOf(string[] args)
    {
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == Context.SocketOption.Name)
            {
                i++;
            }
            else if (!args[i].StartsWith('-'))
            {
                return args[i];
            }
        }

        return null;
    }

    private static string FaultOf(ParseResult parsed) =>
        parsed.CommandResult.Command.Subcommands.Count == 0 ? parsed.Errors[0].Message
        : parsed.UnmatchedTokens is [var word, ..] ? $"\"{Show.Plain(word)}\" is no command here."
        : "A command is missing here.";

    private static string HelpFor(ParseResult parsed)
    {
        var words = new List<string>();
        for (var result = parsed.CommandResult; result is not null; result = result.Parent as System.CommandLine.Parsing.CommandResult)
        {
            words.Insert(0, result.Command is RootCommand ? "fluxctl" : result.Command.Name);
        }

        return string.Join(' ', words) + " --help";
    }

    private sealed class HelpWithExamples : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            new HelpAction().Invoke(parseResult);
            if (parseResult.CommandResult.Command is Verb { Examples.Count: > 0 } verb)
            {
                parseResult.InvocationConfiguration.Output.WriteLine("Examples:");
                foreach (var example in verb.Examples)
                {
                    parseResult.InvocationConfiguration.Output.WriteLine("  " + example);
                }
            }

            return ExitCodes.Good;
        }
    }
}

using System.CommandLine;

namespace Fluxctl;

/// <summary>A command with examples under its help.</summary>
internal sealed class Verb(string name, string description, params string[] examples) : Command(name, description)
{
    public IReadOnlyList<string> Examples => examples;

    public Verb With(params Symbol[] symbols)
    {
        foreach (var symbol in symbols)
        {
            switch (symbol)
            {
                case Argument argument:
                    Arguments.Add(argument);
                    break;
                case Option option:
                    Options.Add(option);
                    break;
                case Command command:
                    Subcommands.Add(command);
                    break;
            }
        }

        return this;
    }

    public Verb Does(Func<Context, CancellationToken, Task<int>> action)
    {
        SetAction(async (parsed, ct) =>
        {
            using var context = new Context(parsed);
            return await action(context, ct);
        });
        return this;
    }
}

using System.CommandLine;
using Fluxctl;
using Fluxctl.Commands;
using Xunit;

namespace Fluxd.Tests.Fluxctl;

public sealed class CommandLineTests
{
    [Fact]
    public void The_overview_names_every_command_there_is() => Assert.All(
        AllCommands.Table, entry =>
        {
            var line = Overview.Text.Split('\n').First(line => line.StartsWith("  " + entry.Name + " ", StringComparison.Ordinal));
            Assert.All(entry.Make().Subcommands, command => Assert.Contains(" " + command.Name, line, StringComparison.Ordinal));
        });

    [Fact]
    public void Every_command_that_does_something_teaches_by_example()
    {
        var verbs = AllCommands.Table.Select(entry => entry.Make()).SelectMany(Leaves).ToList();

        Assert.True(verbs.Count > 25);
        Assert.All(verbs, verb => Assert.True(verb is Verb { Examples.Count: > 0 }, verb.Name));
        Assert.All(verbs.Cast<Verb>(), verb => Assert.All(verb.Examples, example => Assert.Contains("fluxctl ", example, StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_example_parses()
    {
        foreach (var entry in AllCommands.Table)
        {
            foreach (var example in Leaves(entry.Make()).Cast<Verb>().SelectMany(verb => verb.Examples))
            {
                var line = example[(example.IndexOf("fluxctl ", StringComparison.Ordinal) + 8)..].Split(" < ")[0];
                Assert.Empty(CommandLine.Build([entry.Name]).Parse(line.Replace('\'', '"')).Errors);
            }
        }
    }

    [Fact]
    public void Whoever_is_called_like_a_command_can_be_named()
    {
        foreach (var name in AllCommands.Table.Select(entry => entry.Name))
        {
            foreach (var args in new string[][] { ["users", "add", name, "--no-password"], ["--socket", name, "users", "show", name], ["--json", "put", name, "/"] })
            {
                Assert.Empty(CommandLine.Build(args).Parse(args).Errors);
            }
        }
    }

    [Theory]
    [InlineData("0", 0L)]
    [InlineData("10G", 10L << 30)]
    [InlineData("1.5T", 3L << 39)]
    [InlineData("500MiB", 500L << 20)]
    [InlineData("7kb", 7L << 10)]
    [InlineData("none", null)]
    public void Sizes_are_read_as_people_write_them(string text, long? expected) => Assert.Equal(expected, Values.Size(text));

    [Theory]
    [InlineData("")]
    [InlineData("G")]
    [InlineData("-1")]
    [InlineData("1X")]
    [InlineData("99999999P")]
    [InlineData("1GG")]
    public void What_is_no_size_is_refused(string text) => Assert.Equal(ExitCodes.Usage, Assert.Throws<CommandFailure>(() => Values.Size(text)).ExitCode);

    private static IEnumerable<Command> Leaves(Command command) =>
        command.Subcommands.Count == 0 ? [command] : command.Subcommands.SelectMany(Leaves);
}

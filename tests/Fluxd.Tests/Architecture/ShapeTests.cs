using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Fluxd.Tests.Architecture;

/// <summary>Habits that a reader relies on, held by a test instead of a review.</summary>
public sealed partial class ShapeTests
{
    private const int LinesOfNineInTenFiles = 350;

    [Fact]
    public void Nine_of_ten_source_files_can_be_read_in_one_sitting()
    {
        var lengths = Repository.SourcesUnder("src").Select(file => File.ReadLines(file).Count()).Order().ToArray();

        Assert.True(lengths[lengths.Length * 9 / 10] <= LinesOfNineInTenFiles, "Look for a second idea in the longest files and give it a file of its own.");
    }

    [Fact]
    public void Every_test_belongs_to_a_part_because_a_test_that_no_part_runs_protects_nobody()
    {
        var wanted = Directory.EnumerateFiles(Repository.PathOf("tests", "parts"), "*.sh")
            .SelectMany(file => NamespacePattern().Matches(File.ReadAllText(file)).Where(match => match.Groups["not"].Length == 0))
            .Select(match => match.Groups["name"].Value)
            .ToArray();
        var orphans = Assembly.GetExecutingAssembly().GetTypes()
            .Where(type => type.IsClass && !type.IsAbstract && HasTests(type))
            .Where(type => !wanted.Any(prefix => (type.FullName + ".").Contains(prefix, StringComparison.Ordinal)))
            .Select(type => type.FullName);

        Assert.Empty(orphans);
    }

    private static bool HasTests(Type type) => type.GetMethods().Any(method => method.GetCustomAttributes<FactAttribute>().Any());

    [GeneratedRegex(@"(?<not>!?)(?<name>Fluxd\.(Tests|EndToEnd)\.[A-Za-z.]+)")]
    private static partial Regex NamespacePattern();
}

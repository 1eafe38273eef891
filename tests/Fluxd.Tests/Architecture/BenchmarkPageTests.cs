using System.Text.RegularExpressions;
using Xunit;

namespace Fluxd.Tests.Architecture;

/// <summary>docs/BENCHMARKS.md shows what the scripts of bench/ wrote last, all of it; `./build.sh bench gather` writes it anew.</summary>
public sealed partial class BenchmarkPageTests
{
    private static readonly string s_page = File.ReadAllText(Repository.PathOf("docs", "BENCHMARKS.md"));

    [Fact]
    public void Every_table_and_every_remark_stands_on_the_page()
    {
        foreach (var file in Written("results").Concat(Written("remarks")))
        {
            var text = HeadingMark().Replace(File.ReadAllText(file), "##").Trim();
            Assert.True(s_page.Contains(text, StringComparison.Ordinal), $"{file} is not on the page as it is; run ./build.sh bench gather.");
        }
    }

    [Fact]
    public void Every_row_that_misses_its_bar_is_listed_as_falling_short()
    {
        var listed = s_page.Split("\n## ").Single(section => section.StartsWith("What falls short\n", StringComparison.Ordinal));
        foreach (var row in Written("results").SelectMany(File.ReadLines).Where(line => line.Contains("| **no** |", StringComparison.Ordinal)))
        {
            Assert.Contains($"\n- {row.Split('|')[1].Trim()} · ", listed, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_script_has_its_question_in_the_guide()
    {
        var guide = File.ReadAllText(Repository.PathOf("docs", "proof.md"));
        var asked = GuideRow().Matches(guide).Select(row => row.Groups[1].Value).Order(StringComparer.Ordinal);
        var scripts = Directory.GetFiles(Repository.PathOf("bench"), "*.sh").Select(script => Path.GetFileNameWithoutExtension(script))
            .Except(["lib", "make-dataset"]).Order(StringComparer.Ordinal);
        Assert.Equal(scripts, asked);
    }

    private static string[] Written(string folder) => Directory.GetFiles(Repository.PathOf("bench", folder), "*.md");

    [GeneratedRegex("^\\| `([a-z]+)` \\|", RegexOptions.Multiline)]
    private static partial Regex GuideRow();

    [GeneratedRegex("^#", RegexOptions.Multiline)]
    private static partial Regex HeadingMark();
}

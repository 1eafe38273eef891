using System.Globalization;
using Fluxd.LoadTests.House;
using Fluxd.LoadTests.Reports;

namespace Fluxd.LoadTests.Scenarios;

/// <summary>load --fluxd FOLDER --fluxctl FOLDER --out FOLDER [--long] [--only NAME|NAME] [--seed N] [--no-quic]</summary>
internal static class LoadCommand
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        string Option(string name, string otherwise) => Array.IndexOf(arguments, "--" + name) is var at and >= 0 ? arguments[at + 1] : otherwise;

        var scale = new Scale(arguments.Contains("--long"));
        var seed = int.Parse(Option("seed", (Environment.TickCount & 0xFFFFFF).ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);
        var output = Directory.CreateDirectory(Option("out", ".")).FullName;
        var work = Directory.CreateTempSubdirectory("fluxd-load-");
        try
        {
            var places = new Places(work.FullName, [Path.GetFullPath(Option("fluxd", "."))], Path.GetFullPath(Option("fluxctl", ".")));
            await using var site = await Site.StartAsync(places, !arguments.Contains("--no-quic"));
            var only = Option("only", "").Split('|');
            var cases = Cases(site, scale).Where(one => only.Any(name => one.Scenario.Name.Contains(name, StringComparison.Ordinal))).ToList();
            using var bound = new CancellationTokenSource(scale.TimeMax);
            var title = "fluxd under load" + (scale.IsLong ? "" : ", the short form") + (site.HasQuic ? "" : ", without QUIC: its steps went by HTTPS");
            var report = await new LoadRun(site, seed, Console.Out).RunAsync(title, cases, bound.Token);
            await File.WriteAllTextAsync(Path.Combine(output, "load.html"), HtmlReport.Of(report));
            await File.WriteAllTextAsync(Path.Combine(output, "load.md"), TextReport.ToMarkdown(report));
            await File.WriteAllTextAsync(Path.Combine(output, "load.json"), TextReport.ToJson(report));
            await File.WriteAllTextAsync(Path.Combine(output, "load.txt"), TextReport.ToText(report));
            Console.Write(TextReport.ToText(report));
            Console.WriteLine($"the report is {output}/load.html");
            return report.IsGood ? 0 : 1;
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static List<LoadCase> Cases(Site site, Scale scale)
    {
        var (single, crowd) = (new SingleCases(site, scale), new CrowdCases(site, scale));
        return
        [
            single.Upload(), single.Resumed(), single.Download(), single.Ranges(), single.SmallFiles(), single.Listing(), single.Delta(), single.Anonymous(), single.Mixed(),
            crowd.Idle(), crowd.Feed(), crowd.Hundred(),
            crowd.Row("fewer than 100", 99, 512), crowd.Row("100 to 1,000", scale.Of(200, 1000), 1024), crowd.Row("1,000 to 10,000, a fifth of them", scale.Of(400, 2000), 2048),
            single.MixedAgain(),
        ];
    }
}

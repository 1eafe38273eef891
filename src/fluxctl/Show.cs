using System.Globalization;
using Spectre.Console;

namespace Fluxctl;

/// <summary>What people read: tables, sizes, times.</summary>
internal static class Show
{
    public static void Table(string[] headers, IEnumerable<string[]> rows)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = true };
        foreach (var header in headers)
        {
            table.AddColumn(new TableColumn(new Text(header, new Style(decoration: Decoration.Bold))) { Padding = new Padding(0, 0, 2, 0), NoWrap = true });
        }

        foreach (var row in rows)
        {
            table.AddRow([.. row.Select(cell => new Text(Plain(cell)))]);
        }

        var isPipe = Console.IsOutputRedirected;
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = isPipe ? AnsiSupport.No : AnsiSupport.Detect });
        if (isPipe)
        {
            // A pipe has no width and no colours: nothing may be cut, wrapped or decorated.
            console.Profile.Width = 10_000;
        }

        console.Write(table);
    }

    public static void Lines(params (string Name, string Value)[] lines)
    {
        var width = lines.Max(line => line.Name.Length) + 2;
        foreach (var (name, value) in lines)
        {
            Console.Out.WriteLine(name.PadRight(width) + Plain(value));
        }
    }

    public static string Size(long? bytes) => bytes is { } size ? Scaled(size) : "none";

    public static string Count(long? count) => count?.ToString(CultureInfo.InvariantCulture) ?? "none";

    public static string Time(DateTimeOffset? time) =>
        time?.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "never";

    public static string YesNo(bool value) => value ? "yes" : "no";

    /// <summary>What others chose (comments, banners) must not steer the terminal.</summary>
    public static string Plain(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));

    private static string Scaled(long size)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        double value = size;
        var unit = 0;
        while (Math.Abs(value) >= 1024 && unit < units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {units[unit]}");
    }
}

using System.Globalization;
using Fluxd.Core.Admin;

namespace Fluxd.Daemon.Doctor;

/// <summary>Short words for what a check says.</summary>
internal static class Check
{
    public static CheckRecord Good(string name, string found) => new(name, CheckState.Good, found);

    public static CheckRecord Skipped(string name, string found) => new(name, CheckState.Skipped, found);

    public static CheckRecord Warning(string name, string found, string cure) => new(name, CheckState.Warning, found, cure);

    public static CheckRecord Bad(string name, string found, string cure) => new(name, CheckState.Bad, found, cure);

    public static string Size(long bytes) => bytes switch
    {
        < 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 10} KiB"),
        < 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 20} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.#} GiB"),
    };
}

/// <summary>What the kernel tells in /proc; a test shows another tree.</summary>
/// <param name="Root">"/" on a real machine.</param>
internal sealed record Kernel(string Root = "/")
{
    public IReadOnlyList<string> Lines(string path)
    {
        try
        {
            return File.ReadAllLines(Path.Combine(Root, path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Null where this kernel doesn't tell.</summary>
    public long? Number(string path) =>
        Lines(path) is [var line, ..] && decimal.TryParse(line.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? (long)Math.Min(number, long.MaxValue)
            : null;
}

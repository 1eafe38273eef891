using System.Globalization;
using Fluxd.Daemon.Config.Toml;

namespace Fluxd.Daemon.Config;

/// <summary>Turns what was written, in TOML or as plain text, into a key's type; null with an expectation otherwise.</summary>
internal static class ConfigValues
{
    public static object? From(ConfigKey key, TomlValue value) => value switch
    {
        TomlBoolean flag when key.Type == typeof(bool) => flag.Value,
        TomlInteger { Value: >= int.MinValue and <= int.MaxValue } number when key.Type == typeof(int) => (int)number.Value,
        TomlInteger { Value: >= 0 } number when key.Type == typeof(ByteSize) => new ByteSize(number.Value),
        TomlInteger { Value: >= 0 and <= int.MaxValue } number when key.Type == typeof(Duration) => Duration.Seconds((int)number.Value), // 68 years
        TomlString text when key.Type == typeof(string) || key.Type == typeof(ByteSize) || key.Type == typeof(Duration) => From(key, text.Value),
        TomlArray list when key.Type == typeof(string[]) && list.Items.All(item => item is TomlString) =>
            list.Items.Select(item => ((TomlString)item).Value).ToArray(),
        _ => null,
    };

    /// <summary>As in the environment and on the command line: lists are parted by commas.</summary>
    public static object? From(ConfigKey key, string text)
    {
        if (key.Type == typeof(bool))
        {
            return text switch { "true" or "1" or "yes" or "on" => true, "false" or "0" or "no" or "off" => false, _ => null };
        }

        if (key.Type == typeof(int))
        {
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
        }

        if (key.Type == typeof(ByteSize))
        {
            return ByteSize.TryParse(text, out var size) ? size : null;
        }

        if (key.Type == typeof(Duration))
        {
            return Duration.TryParse(text, out var duration) ? duration : null;
        }

        return key.Type == typeof(string[])
            ? text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            : text;
    }

    public static string Expectation(ConfigKey key) =>
        key.Rule.OneOf.Length > 0 ? $"expected one of {string.Join(", ", key.Rule.OneOf.Split('|').Select(word => $"\"{word}\""))}"
        : key.Type == typeof(bool) ? "expected true or false"
        : key.Type == typeof(int) ? $"expected a whole number{Range(key)}"
        : key.Type == typeof(ByteSize) ? "expected a size: a number of bytes or text like \"10G\""
        : key.Type == typeof(Duration) ? $"expected a time: a number of seconds or text like \"30s\", \"12h\", \"7d\"{Range(key)}"
        : key.Type == typeof(string[]) ? "expected a list of strings without control characters: [\"…\", \"…\"]"
        : "expected a string without control characters";

    public static bool IsAllowed(ConfigKey key, object value) => value switch
    {
        string word => key.Rule.OneOf.Length == 0 ? !word.Any(char.IsControl) : key.Rule.OneOf.Split('|').Contains(word, StringComparer.Ordinal),
        string[] words => !words.Any(word => word.Any(char.IsControl)),
        int number => number >= key.Rule.Min && number <= key.Rule.Max,
        Duration duration => duration.Span.TotalSeconds >= key.Rule.Min && duration.Span.TotalSeconds <= key.Rule.Max,
        ByteSize size => size.Bytes >= key.Rule.Min && size.Bytes <= key.Rule.Max,
        _ => true,
    };

    /// <summary>As a fault shows it; <see cref="ConfigKey.Show"/> has the form of the settings' own types.</summary>
    public static string Show(TomlValue value) => value switch
    {
        TomlString text => ConfigKey.Show(text.Value),
        TomlBoolean flag => ConfigKey.Show(flag.Value),
        TomlInteger number => number.Value.ToString(CultureInfo.InvariantCulture),
        TomlFloat number => number.Value.ToString(CultureInfo.InvariantCulture),
        _ => value.Kind,
    };

    private static string Range(ConfigKey key) =>
        key.Type == typeof(Duration) ? $", {Time(Math.Max(0, key.Rule.Min))} to {Time(Math.Min(Duration.SecondsMax, key.Rule.Max))}"
        : (key.Rule.Min, key.Rule.Max) is (long.MinValue, long.MaxValue) ? ""
        : $", {key.Rule.Min} to {key.Rule.Max}";

    private static Duration Time(long seconds) => new(TimeSpan.FromSeconds(seconds));
}

using System.Globalization;
using System.Text.Json;
using Fluxd.Daemon.Config.Toml;
using Xunit;

namespace Fluxd.Tests.Daemon.Config;

/// <summary>The public toml-test cases, as Debian's golang-github-burntsushi-toml-dev carries them.</summary>
public sealed class TomlCorpusTests
{
    private const string Folder = "/usr/share/gocode/src/github.com/BurntSushi/toml/internal/toml-test/tests";

    /// <summary>The escape \e belongs to the draft of TOML 1.1; in 1.0 it is an error.</summary>
    private const string Draft = "valid/string/escape-esc.toml";

    public static string? WhyNot { get; } =
        Directory.Exists(Folder) ? null : "golang-github-burntsushi-toml-dev is not installed (./build.sh test house installs it)";

    [CorpusFact]
    public void Every_valid_case_is_read_as_the_corpus_says()
    {
        var cases = Cases("valid");
        var wrong = cases.Where(file => Difference(file) is not null).Select(file => $"{file}: {Difference(file)}").ToArray();

        Assert.True(cases.Length > 80, $"only {cases.Length} cases found");
        Assert.True(wrong.Length == 0, string.Join('\n', wrong));
    }

    [CorpusFact]
    public void Every_invalid_case_is_refused_with_its_place()
    {
        var cases = Cases("invalid");
        var accepted = cases.Where(file => Refusal(file) is null).ToArray();

        Assert.True(cases.Length > 150, $"only {cases.Length} cases found");
        Assert.True(accepted.Length == 0, string.Join('\n', accepted));
        Assert.All(cases, file => Assert.InRange(Refusal(file)!.Position.Line, 1, File.ReadAllLines(file).Length + 1));
    }

    private static string[] Cases(string kind) =>
        [.. Directory.EnumerateFiles(Path.Combine(Folder, kind), "*.toml", SearchOption.AllDirectories)
            .Where(file => !file.EndsWith(Draft, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static TomlException? Refusal(string file)
    {
        try
        {
            TomlReader.Read(File.ReadAllBytes(file));
            return null;
        }
        catch (TomlException e)
        {
            return e;
        }
    }

    private static string? Difference(string file)
    {
        try
        {
            using var expected = JsonDocument.Parse(File.ReadAllBytes(Path.ChangeExtension(file, ".json")));
            return Compare(TomlReader.Read(File.ReadAllBytes(file)), expected.RootElement, "");
        }
        catch (TomlException e)
        {
            return e.Message;
        }
    }

    private static string? Compare(TomlValue value, JsonElement expected, string path) => value switch
    {
        TomlTable table when expected.ValueKind == JsonValueKind.Object =>
            table.Keys.Count != expected.EnumerateObject().Count()
                ? $"{path}: {table.Keys.Count} keys"
                : expected.EnumerateObject()
                    .Select(entry => table.TryGet(entry.Name, out var inner) ? Compare(inner, entry.Value, $"{path}.{entry.Name}") : $"{path}.{entry.Name} is missing")
                    .FirstOrDefault(difference => difference is not null),
        TomlArray array when expected.ValueKind == JsonValueKind.Array =>
            array.Items.Count != expected.GetArrayLength()
                ? $"{path}: {array.Items.Count} items"
                : array.Items.Select((item, i) => Compare(item, expected[i], $"{path}[{i}]")).FirstOrDefault(difference => difference is not null),
        _ when expected.ValueKind == JsonValueKind.Object && expected.TryGetProperty("value", out var text) =>
            Same(value, expected.GetProperty("type").GetString()!, text.GetString()!) ? null : $"{path}: expected {expected}",
        _ => $"{path}: {value.Kind} where the corpus has {expected.ValueKind}",
    };

    private static bool Same(TomlValue value, string type, string text) => (value, type) switch
    {
        (TomlString s, "string") => s.Value == text,
        (TomlInteger i, "integer") => i.Value == long.Parse(text, CultureInfo.InvariantCulture),
        (TomlFloat f, "float") => f.Value.Equals(text.TrimStart('+') switch
        {
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            "nan" or "-nan" => double.NaN,
            _ => double.Parse(text, CultureInfo.InvariantCulture),
        }),
        (TomlBoolean b, "bool") => b.Value == bool.Parse(text),
        (TomlDateTime { OffsetMinutes: { } offset, Date: { } date, Time: { } time }, "datetime") =>
            Moment(date, time, offset) == DateTimeOffset.Parse(text, CultureInfo.InvariantCulture),
        (TomlDateTime { OffsetMinutes: null, Date: { } date, Time: { } time }, "datetime-local") =>
            Moment(date, time, 0) == DateTimeOffset.Parse(text + "Z", CultureInfo.InvariantCulture),
        (TomlDateTime { Time: null, Date: { } date }, "date-local") =>
            new DateOnly(date.Year, date.Month, date.Day) == DateOnly.Parse(text, CultureInfo.InvariantCulture),
        (TomlDateTime { Date: null, Time: { } time }, "time-local") =>
            Moment(new TomlDate(2000, 1, 1), time, 0).TimeOfDay == TimeSpan.Parse(text, CultureInfo.InvariantCulture),
        _ => false,
    };

    private static DateTimeOffset Moment(TomlDate date, TomlTime time, int offset) =>
        new DateTimeOffset(date.Year, date.Month, date.Day, time.Hour, time.Minute, time.Second, TimeSpan.FromMinutes(offset))
            .AddTicks(time.Nanosecond / 100);

    private sealed class CorpusFactAttribute : FactAttribute
    {
        public CorpusFactAttribute() => Skip = WhyNot;
    }
}

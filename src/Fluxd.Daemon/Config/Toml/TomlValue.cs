using System.Diagnostics.CodeAnalysis;

namespace Fluxd.Daemon.Config.Toml;

/// <summary>Both count from 1; columns count characters as an editor shows them.</summary>
internal readonly record struct TomlPosition(int Line, int Column)
{
    public override string ToString() => $"line {Line}, column {Column}";
}

/// <summary>One value with the place where it stands, so that a fault can point at it.</summary>
internal abstract class TomlValue(TomlPosition position)
{
    public TomlPosition Position { get; } = position;

    /// <summary>What a person calls it.</summary>
    public abstract string Kind { get; }
}

internal sealed class TomlString(string value, TomlPosition position) : TomlValue(position)
{
    public string Value { get; } = value;

    public override string Kind => "a string";
}

internal sealed class TomlInteger(long value, TomlPosition position) : TomlValue(position)
{
    public long Value { get; } = value;

    public override string Kind => "an integer";
}

internal sealed class TomlFloat(double value, TomlPosition position) : TomlValue(position)
{
    public double Value { get; } = value;

    public override string Kind => "a float";
}

internal sealed class TomlBoolean(bool value, TomlPosition position) : TomlValue(position)
{
    public bool Value { get; } = value;

    public override string Kind => "a boolean";
}

/// <summary>Any of the four date and time forms; parts that the form lacks are null.</summary>
internal sealed class TomlDateTime(TomlDate? date, TomlTime? time, int? offsetMinutes, TomlPosition position) : TomlValue(position)
{
    public TomlDate? Date { get; } = date;

    public TomlTime? Time { get; } = time;

    /// <summary>Minutes east of UTC; null in the local forms.</summary>
    public int? OffsetMinutes { get; } = offsetMinutes;

    public override string Kind => "a date or time";
}

internal readonly record struct TomlDate(int Year, int Month, int Day);

/// <param name="Second">60 is a leap second, which the format allows.</param>
/// <param name="Nanosecond">Finer digits are cut, as the specification asks.</param>
internal readonly record struct TomlTime(int Hour, int Minute, int Second, int Nanosecond);

internal sealed class TomlArray(bool ofTables, TomlPosition position) : TomlValue(position)
{
    public List<TomlValue> Items { get; } = [];

    /// <summary>Made by <c>[[headers]]</c>, so more headers may add to it.</summary>
    public bool IsOfTables { get; } = ofTables;

    public override string Kind => "an array";
}

internal enum TomlTableOrigin
{
    /// <summary>Only named on the way to another header; may still be defined once.</summary>
    Implied,
    Header,
    DottedKey,

    /// <summary>Complete where it stands; nothing may be added.</summary>
    Inline,
}

internal sealed class TomlTable(TomlTableOrigin origin, TomlPosition position) : TomlValue(position)
{
    private readonly Dictionary<string, TomlValue> _values = new(StringComparer.Ordinal);

    /// <summary>In the order of the file.</summary>
    public List<string> Keys { get; } = [];

    public TomlTableOrigin Origin { get; set; } = origin;

    public override string Kind => "a table";

    public TomlValue this[string key] => _values[key];

    public bool TryGet(string key, [NotNullWhen(true)] out TomlValue? value) => _values.TryGetValue(key, out value);

    public void Add(string key, TomlValue value)
    {
        _values.Add(key, value);
        Keys.Add(key);
    }
}

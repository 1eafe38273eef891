using System.Globalization;
using System.Text.RegularExpressions;

namespace Fluxd.Daemon.Config.Toml;

internal sealed partial class TomlReader
{
    private TomlValue ReadScalar(TomlPosition position)
    {
        var start = _at;
        var token = TakeToken();
        if (token.Length == 0)
        {
            throw Fault($"expected a value, found {Shown()}");
        }

        return token switch
        {
            "true" => new TomlBoolean(true, position),
            "false" => new TomlBoolean(false, position),
            "inf" or "+inf" => new TomlFloat(double.PositiveInfinity, position),
            "-inf" => new TomlFloat(double.NegativeInfinity, position),
            "nan" or "+nan" or "-nan" => new TomlFloat(double.NaN, position),
            _ => ReadNumber(token, start, position) ?? ReadDateTime(token, start, position)
                ?? throw Fault(start, $"\"{token}\" is no value: a string needs quotes, a number has no leading zero, a date looks like 2026-01-31"),
        };
    }

    private string TakeToken()
    {
        var start = _at;
        TakeTokenCharacters();
        // A date may be parted from its time by one space; nothing else that starts like this contains one.
        if (Peek() == ' ' && char.IsAsciiDigit(Peek(1)) && DatePattern().IsMatch(_text[start.._at]))
        {
            _at++;
            TakeTokenCharacters();
        }

        return _text[start.._at];
    }

    private void TakeTokenCharacters()
    {
        while (char.IsAsciiLetterOrDigit(Peek()) || Peek() is '_' or '-' or '+' or '.' or ':')
        {
            _at++;
        }
    }

    private TomlValue? ReadNumber(string token, int start, TomlPosition position)
    {
        if (IntegerPattern().IsMatch(token))
        {
            return long.TryParse(Plain(token), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
                ? new TomlInteger(value, position)
                : throw TooLarge(start, token);
        }

        if (PrefixedPattern().IsMatch(token))
        {
            return new TomlInteger(ReadPrefixed(Plain(token[2..]), token[1], start), position);
        }

        return FloatPattern().IsMatch(token)
            ? new TomlFloat(double.Parse(Plain(token), NumberStyles.Float, CultureInfo.InvariantCulture), position)
            : null;
    }

    private long ReadPrefixed(string digits, char prefix, int start)
    {
        var numberBase = prefix switch { 'x' => 16, 'o' => 8, _ => 2 };
        Int128 value = 0;
        foreach (var digit in digits)
        {
            value = (value * numberBase) + Convert.ToInt32(digit.ToString(), 16);
            if (value > long.MaxValue)
            {
                throw TooLarge(start, $"0{prefix}{digits}");
            }
        }

        return (long)value;
    }

    private TomlException TooLarge(int start, string token) => Fault(start, $"{token} does not fit into 64 bits");

    private static string Plain(string token) => token.Replace("_", "", StringComparison.Ordinal);

    private TomlDateTime? ReadDateTime(string token, int start, TomlPosition position)
    {
        var match = DateTimePattern().Match(token);
        if (!match.Success)
        {
            return null;
        }

        TomlDate? date = match.Groups["year"].Success ? new TomlDate(Number(match, "year"), Number(match, "month"), Number(match, "day")) : null;
        TomlTime? time = match.Groups["hour"].Success
            ? new TomlTime(Number(match, "hour"), Number(match, "minute"), Number(match, "second"), Nanoseconds(match.Groups["fraction"].Value))
            : null;
        int? offset = match.Groups["zulu"].Success ? 0 : match.Groups["sign"].Success ? Offset(match) : null;
        if (!IsReal(date) || !IsReal(time) || (match.Groups["sign"].Success && !IsRealOffset(match)))
        {
            throw Fault(start, $"{token} is a date or time that does not exist");
        }

        return new TomlDateTime(date, time, offset, position);
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    private static int Nanoseconds(string digits) =>
        digits.Length == 0 ? 0 : int.Parse(digits.PadRight(9, '0').AsSpan(0, 9), CultureInfo.InvariantCulture);

    private static int Offset(Match match)
    {
        var minutes = (Number(match, "offsetHour") * 60) + Number(match, "offsetMinute");
        return match.Groups["sign"].Value == "-" ? -minutes : minutes;
    }

    private static bool IsRealOffset(Match match) => Number(match, "offsetHour") <= 23 && Number(match, "offsetMinute") <= 59;

    /// <summary>Year 0 is a leap year in the proleptic calendar, which the runtime's calendar does not know.</summary>
    private static bool IsReal(TomlDate? date) =>
        date is not { } d || (d.Month is >= 1 and <= 12 && d.Day >= 1 && d.Day <= DateTime.DaysInMonth(d.Year == 0 ? 4 : d.Year, d.Month));

    private static bool IsReal(TomlTime? time) => time is not { } t || (t.Hour <= 23 && t.Minute <= 59 && t.Second <= 60);

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z")]
    private static partial Regex DatePattern();

    [GeneratedRegex(@"^[+-]?(0|[1-9](_?[0-9])*)\z")]
    private static partial Regex IntegerPattern();

    [GeneratedRegex(@"^0(x[0-9A-Fa-f](_?[0-9A-Fa-f])*|o[0-7](_?[0-7])*|b[01](_?[01])*)\z")]
    private static partial Regex PrefixedPattern();

    [GeneratedRegex(@"^[+-]?(0|[1-9](_?[0-9])*)(\.[0-9](_?[0-9])*)?([eE][+-]?[0-9](_?[0-9])*)?\z")]
    private static partial Regex FloatPattern();

    [GeneratedRegex(
        @"^(?<year>[0-9]{4})-(?<month>[0-9]{2})-(?<day>[0-9]{2})([Tt ](?<hour>[0-9]{2}):(?<minute>[0-9]{2}):(?<second>[0-9]{2})(\.(?<fraction>[0-9]+))?((?<zulu>[Zz])|(?<sign>[+-])(?<offsetHour>[0-9]{2}):(?<offsetMinute>[0-9]{2}))?)?\z"
        + @"|^(?<hour>[0-9]{2}):(?<minute>[0-9]{2}):(?<second>[0-9]{2})(\.(?<fraction>[0-9]+))?\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex DateTimePattern();
}

using System.Globalization;

namespace Fluxd.Daemon.Config;

/// <summary>A time span, written as seconds or with s, m, h or d: <c>"30d"</c>.</summary>
internal readonly record struct Duration(TimeSpan Span)
{
    /// <summary>A hundred years: beyond it a time in nanoseconds would run over, and "for ever" become "at once".</summary>
    public const long SecondsMax = 36_500L * 86_400;

    public static Duration Seconds(int seconds) => new(TimeSpan.FromSeconds(seconds));

    public static Duration Days(int days) => new(TimeSpan.FromDays(days));

    public static bool TryParse(string text, out Duration duration)
    {
        duration = default;
        var unit = text.Length == 0 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        var digits = unit == 0 ? text.AsSpan() : text.AsSpan(0, text.Length - 1);
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || (long)count * Math.Max(unit, 1) is var seconds && seconds > SecondsMax)
        {
            return false;
        }

        duration = new Duration(TimeSpan.FromSeconds(seconds));
        return true;
    }

    public override string ToString()
    {
        var seconds = (long)Span.TotalSeconds;
        return seconds switch
        {
            > 0 when seconds % 86400 == 0 => $"{seconds / 86400}d",
            > 0 when seconds % 3600 == 0 => $"{seconds / 3600}h",
            > 0 when seconds % 60 == 0 => $"{seconds / 60}m",
            _ => $"{seconds}s",
        };
    }
}

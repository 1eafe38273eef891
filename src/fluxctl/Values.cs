using System.Globalization;

namespace Fluxctl;

/// <summary>How people write sizes and times on a command line.</summary>
internal static class Values
{
    /// <summary>"10G", "1.5TiB", "500000", or "none" for no limit. Units are powers of 1024.</summary>
    public static long? Size(string text)
    {
        if (text is "none")
        {
            return null;
        }

        var digits = text.AsSpan().TrimEnd("BbiKkMmGgTtPp");
        var unit = text[digits.Length..].ToUpperInvariant();
        var shift = unit switch { "" or "B" => 0, "K" or "KB" or "KIB" => 10, "M" or "MB" or "MIB" => 20, "G" or "GB" or "GIB" => 30, "T" or "TB" or "TIB" => 40, "P" or "PB" or "PIB" => 50, _ => -1 };
        if (shift < 0 || !decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            || number > long.MaxValue / (decimal)(1L << shift))
        {
            throw CommandFailure.Usage($"\"{text}\" is no size; write for example 10G, 1.5T, 500M, or none.");
        }

        return (long)(number * (1L << shift));
    }

    public static long? Count(string text) =>
        text is "none" ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count
        : throw CommandFailure.Usage($"\"{text}\" is no number of files; write for example 100000, or none.");

    /// <summary>"30d", "12h", "2027-01-31" or a full time in UTC.</summary>
    public static DateTimeOffset Expiry(string text, TimeProvider clock)
    {
        if (text.Length > 1 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= 100_000)
        {
            var span = text[^1] switch { 'h' => TimeSpan.FromHours(count), 'd' => TimeSpan.FromDays(count), 'w' => TimeSpan.FromDays(7.0 * count), 'm' => TimeSpan.FromMinutes(count), _ => TimeSpan.Zero };
            if (span > TimeSpan.Zero)
            {
                return clock.GetUtcNow() + span;
            }
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw CommandFailure.Usage($"\"{text}\" is no time; write for example 12h, 30d, 2027-01-31 or 2027-01-31T12:00:00Z.");
    }
}

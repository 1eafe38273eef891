using System.Globalization;

namespace Fluxd.Daemon.Config;

/// <summary>Bytes, written as a number or with K, M, G or T (1024 each): <c>"10G"</c>.</summary>
internal readonly record struct ByteSize(long Bytes)
{
    private const string Units = "KMGT";

    public static bool TryParse(string text, out ByteSize size)
    {
        size = default;
        var unit = text.Length > 0 ? Units.IndexOf(char.ToUpperInvariant(text[^1]), StringComparison.Ordinal) : -1;
        var digits = unit >= 0 ? text.AsSpan(0, text.Length - 1) : text;
        var shift = (unit + 1) * 10;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count > long.MaxValue >> shift)
        {
            return false;
        }

        size = new ByteSize(count << shift);
        return true;
    }

    public override string ToString()
    {
        var (count, unit) = (Bytes, -1);
        while (count >= 1024 && count % 1024 == 0 && unit < Units.Length - 1)
        {
            (count, unit) = (count / 1024, unit + 1);
        }

        return unit < 0 ? count.ToString(CultureInfo.InvariantCulture) : $"{count}{Units[unit]}";
    }
}

using System.Globalization;

namespace Fluxd.Transports.Http.Files;

/// <summary>Both ends are in it.</summary>
internal readonly record struct SentRange(long First, long Last)
{
    public long Length => Last - First + 1;
}

internal enum RangeOutcome
{
    /// <summary>No range, another unit, or malformed: the whole is sent (RFC 9110, 14.2).</summary>
    Whole,
    Parts,
    Unsatisfiable,
}

/// <summary>Reads a Range header. Pure.</summary>
internal static class RangeHeader
{
    public static RangeOutcome Parse(string? header, long size, out List<SentRange> ranges)
    {
        ranges = [];
        if (header is null || !header.StartsWith("bytes=", StringComparison.OrdinalIgnoreCase))
        {
            return RangeOutcome.Whole;
        }

        var specs = header[6..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (specs.Length is 0 or > HttpLimits.RangesMax)
        {
            return RangeOutcome.Whole;
        }

        foreach (var spec in specs)
        {
            if (!TryParse(spec, size, out var range))
            {
                ranges.Clear();
                return RangeOutcome.Whole;
            }

            if (range is { } satisfiable)
            {
                ranges.Add(satisfiable);
            }
        }

        return ranges.Count == 0 ? RangeOutcome.Unsatisfiable
            : ranges.Count > 1 && ranges.Sum(r => r.Length) > size ? Unworthy(ranges)
            : RangeOutcome.Parts;
    }

    /// <summary>Overlapping ranges that add up to more than the file are answered with the file (RFC 9110, 14.2).</summary>
    private static RangeOutcome Unworthy(List<SentRange> ranges)
    {
        ranges.Clear();
        return RangeOutcome.Whole;
    }

    private static bool TryParse(string spec, long size, out SentRange? range)
    {
        range = null;
        var dash = spec.IndexOf('-');
        if (dash < 0)
        {
            return false;
        }

        var from = spec.AsSpan(0, dash).Trim();
        var to = spec.AsSpan(dash + 1).Trim();
        if (from.IsEmpty)
        {
            if (!TryNumber(to, out var suffix))
            {
                return false;
            }

            range = suffix > 0 && size > 0 ? new SentRange(Math.Max(0, size - suffix), size - 1) : null;
            return true;
        }

        var last = size - 1;
        if (!TryNumber(from, out var first) || (!to.IsEmpty && (!TryNumber(to, out last) || last < first)))
        {
            return false;
        }

        range = first < size ? new SentRange(first, Math.Min(last, size - 1)) : null;
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}

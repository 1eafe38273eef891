using System.Globalization;
using System.Text;
using Fluxd.Core.Files;

namespace Fluxd.Store.Files;

/// <summary>Full hours in UTC, written <c>2026-01-31T14-00-00Z</c>: no colon, so that every client can keep them as names.</summary>
internal static class SnapshotName
{
    private const string Format = "yyyy-MM-dd'T'HH-mm-ss'Z'";

    public static FileName From(DateTimeOffset hour) => FileName.From(hour.UtcDateTime.ToString(Format, CultureInfo.InvariantCulture));

    public static bool TryParse(FileName name, out long nanoseconds)
    {
        var ok = DateTime.TryParseExact(
            Encoding.ASCII.GetString(name.Bytes), Format, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            && time is { Minute: 0, Second: 0 };
        nanoseconds = ok ? FileTime.From(new DateTimeOffset(time, TimeSpan.Zero)).Nanoseconds : 0;
        return ok;
    }
}

using System.Text;

namespace Fluxd.Transports.Http.Files;

/// <summary>Content-Disposition (RFC 6266) with the exact name in its RFC 8187 form beside an ASCII one.</summary>
internal static class Disposition
{
    public static string Format(bool attachment, ReadOnlySpan<byte> name)
    {
        var text = new StringBuilder(attachment ? "attachment" : "inline");
        text.Append("; filename=\"");
        var plain = true;
        foreach (var rune in Encoding.UTF8.GetString(name).EnumerateRunes())
        {
            var safe = rune.Value is >= 0x20 and < 0x7f and not '"' and not '\\' and not '%' and not '/';
            plain &= safe;
            text.Append(safe ? (char)rune.Value : '_');
        }

        text.Append('"');
        if (plain)
        {
            return text.ToString();
        }

        text.Append("; filename*=UTF-8''");
        foreach (var b in Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(name)))
        {
            // attr-char of RFC 8187, 3.2.1
            if (char.IsAsciiLetterOrDigit((char)b) || "!#$&+-.^_`|~".Contains((char)b, StringComparison.Ordinal))
            {
                text.Append((char)b);
            }
            else
            {
                text.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        return text.ToString();
    }
}

using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Http;

/// <summary>
/// Paths in URLs and in JSON. A URL is read from the raw request target, one segment at a time: %2F never becomes a
/// separator, dot segments are refused instead of walked, bytes that are no UTF-8 are kept.
/// </summary>
internal static class HttpPaths
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>The segments of a raw path as they were sent: "/v1/files/a%20b/" gives "v1", "files", "a%20b", "".</summary>
    public static string[] Split(string rawPath) => rawPath.Length > 0 && rawPath[0] == '/' ? rawPath[1..].Split('/') : rawPath.Split('/');

    /// <summary>Decodes the rest of a URL into a path. Empty segments at the end mean "the folder itself".</summary>
    public static FilePath FromSegments(ReadOnlySpan<string> segments)
    {
        while (!segments.IsEmpty && segments[^1].Length == 0)
        {
            segments = segments[..^1];
        }

        var names = new List<FileName>(segments.Length);
        var length = 0;
        foreach (var segment in segments)
        {
            var bytes = Decode(segment);
            length += bytes.Length + 1;
            Check(bytes);
            names.Add(FileName.From(bytes));
        }

        return length > Limits.PathBytesMax ? throw TooLong() : FilePath.From(names);
    }

    /// <summary>A path in JSON or a query, as text.</summary>
    public static FilePath FromText(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            throw FluxException.Invalid("A path is missing.");
        }

        byte[] bytes;
        try
        {
            bytes = Strict.GetBytes(text);
        }
        catch (EncoderFallbackException)
        {
            throw FluxException.Invalid("The path is no valid Unicode text.");
        }

        if (bytes.Length > Limits.PathBytesMax)
        {
            throw TooLong();
        }

        var names = new List<FileName>();
        var trimmed = bytes.AsSpan().Trim((byte)'/');
        if (!trimmed.IsEmpty)
        {
            foreach (var range in trimmed.Split((byte)'/'))
            {
                Check(trimmed[range]);
                names.Add(FileName.From(trimmed[range]));
            }
        }

        return FilePath.From(names);
    }

    private static void Check(ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
        {
            throw FluxException.Invalid("The path holds \".\" or \"..\"; send it resolved.");
        }

        if (name.Contains((byte)'/') || name.Contains((byte)0) || name.IsEmpty)
        {
            throw FluxException.Invalid("A name in the path is empty or holds an encoded '/' or NUL.");
        }
    }

    private static FluxException TooLong() => new(FluxError.TooLarge, $"The path is longer than {Limits.PathBytesMax} bytes.");

    public static byte[] Decode(string segment)
    {
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(segment.Length)];
        var at = 0;
        for (var i = 0; i < segment.Length; i++)
        {
            if (segment[i] != '%')
            {
                var run = char.IsHighSurrogate(segment[i]) && i + 1 < segment.Length ? 2 : 1;
                at += Encoding.UTF8.GetBytes(segment.AsSpan(i, run), bytes.AsSpan(at));
                i += run - 1;
                continue;
            }

            if (i + 2 >= segment.Length || !char.IsAsciiHexDigit(segment[i + 1]) || !char.IsAsciiHexDigit(segment[i + 2]))
            {
                throw FluxException.Invalid("The URL holds a '%' that two hex digits don't follow.");
            }

            bytes[at++] = Convert.FromHexString(segment.AsSpan(i + 1, 2))[0];
            i += 2;
        }

        return bytes[..at];
    }

    /// <summary>The URL form of a path, without a leading slash: every byte that is not unreserved is encoded.</summary>
    public static string Encode(FilePath path)
    {
        var text = new StringBuilder();
        foreach (var name in path.Names)
        {
            if (text.Length > 0)
            {
                text.Append('/');
            }

            Encode(text, name.Bytes);
        }

        return text.ToString();
    }

    public static string Encode(FileName name)
    {
        var text = new StringBuilder();
        Encode(text, name.Bytes);
        return text.ToString();
    }

    private static void Encode(StringBuilder text, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            if (char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~')
            {
                text.Append((char)b);
            }
            else
            {
                text.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
            }
        }
    }

    public static string FilesUrl(FilePath path) => "/v1/files/" + Encode(path);
}

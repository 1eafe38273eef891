using System.Buffers.Text;

namespace Fluxd.Transports.Http.Files;

/// <summary>Strong entity tags: the content's identity, so equal content has an equal tag everywhere.</summary>
internal static class ETag
{
    public static string Of(ReadOnlySpan<byte> contentTag) => $"\"{Base64Url.EncodeToString(contentTag)}\"";

    /// <summary>The content tag in a strong entity tag; null for a weak one or one that is none of ours.</summary>
    public static byte[]? Parse(string text)
    {
        text = text.Trim();
        if (text.Length < 3 || text[0] != '"' || text[^1] != '"')
        {
            return null;
        }

        var inner = text.AsSpan(1, text.Length - 2);
        return inner.Length <= 100 && Base64Url.IsValid(inner) ? Base64Url.DecodeFromChars(inner) : null;
    }

    /// <summary>Splits a list of entity tags (RFC 9110, 8.8.3); "*" comes back as it is. False when it is malformed.</summary>
    public static bool TrySplit(string list, out List<string> tags)
    {
        tags = [];
        var at = 0;
        while (true)
        {
            while (at < list.Length && list[at] is ' ' or '\t' or ',')
            {
                at++;
            }

            if (at == list.Length)
            {
                return tags.Count > 0;
            }

            var start = at;
            if (list[at] == '*')
            {
                at++;
            }
            else
            {
                at += list.AsSpan(at).StartsWith("W/") ? 2 : 0;
                var close = at < list.Length && list[at] == '"' ? list.IndexOf('"', at + 1) : -1;
                if (close < 0)
                {
                    return false;
                }

                at = close + 1;
            }

            tags.Add(list[start..at]);
        }
    }
}

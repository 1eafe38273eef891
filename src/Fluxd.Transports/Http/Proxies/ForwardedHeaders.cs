using System.Net;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http.Proxies;

/// <summary>Forwarded (RFC 7239) or X-Forwarded-*; nearest hop last. Pure: says what the headers claim.</summary>
internal sealed record ForwardedHeaders(IReadOnlyList<IPAddress> Hops, string? Proto, string? Host)
{
    public static bool AreThere(IHeaderDictionary headers) =>
        headers.ContainsKey("Forwarded") || headers.ContainsKey("X-Forwarded-For") || headers.ContainsKey("X-Forwarded-Proto")
        || headers.ContainsKey("X-Forwarded-Host") || headers.ContainsKey("X-Real-IP") || headers.ContainsKey("CF-Connecting-IP") || headers.ContainsKey("Via");

    public static ForwardedHeaders Read(IHeaderDictionary headers) =>
        headers.TryGetValue("Forwarded", out var standard) ? ReadStandard(standard.ToString()) : ReadUsual(headers);

    /// <summary>The first address from the right that is no trusted proxy; null when none was named or one is no address.</summary>
    public IPAddress? Client(Func<IPAddress, bool> isTrusted)
    {
        IPAddress? last = null;
        for (var i = Hops.Count - 1; i >= 0; i--)
        {
            last = Hops[i];
            if (Equals(last, IPAddress.None) || !isTrusted(last))
            {
                return Equals(last, IPAddress.None) ? null : last;
            }
        }

        return last;
    }

    private static ForwardedHeaders ReadUsual(IHeaderDictionary headers)
    {
        var list = headers["X-Forwarded-For"].ToString();
        if (list.Length == 0)
        {
            list = headers["X-Real-IP"].ToString();
        }

        return new ForwardedHeaders(
            [.. Items(list).Select(Address)],
            Items(headers["X-Forwarded-Proto"].ToString()).LastOrDefault()?.ToLowerInvariant(),
            Items(headers["X-Forwarded-Host"].ToString()).LastOrDefault());
    }

    private static ForwardedHeaders ReadStandard(string text)
    {
        var hops = new List<IPAddress>();
        string? proto = null;
        string? host = null;
        foreach (var element in Items(text))
        {
            proto = null;
            host = null;
            foreach (var pair in element.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                var equals = pair.IndexOf('=');
                var name = equals < 0 ? pair : pair[..equals].Trim();
                var value = equals < 0 ? "" : pair[(equals + 1)..].Trim().Trim('"');
                switch (name.ToLowerInvariant())
                {
                    case "for":
                        hops.Add(Address(value));
                        break;
                    case "proto":
                        proto = value.ToLowerInvariant();
                        break;
                    case "host":
                        host = value;
                        break;
                }
            }
        }

        return new ForwardedHeaders(hops, proto, host);
    }

    private static IEnumerable<string> Items(string text) =>
        text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).TakeLast(HttpLimits.ForwardedHopsMax);

    /// <summary>"1.2.3.4", "1.2.3.4:567", "[::1]:567", "::1"; None for "unknown" and obfuscated names.</summary>
    private static IPAddress Address(string text)
    {
        text = text.Trim('"');
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']');
            text = end > 0 ? text[1..end] : text;
        }
        else if (text.Count(c => c == ':') == 1)
        {
            text = text[..text.IndexOf(':')];
        }

        return IPAddress.TryParse(text, out var address) ? address : IPAddress.None;
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Fluxd.Store.Accounts;

/// <summary>
/// The list of <c>from=</c>: addresses, networks (CIDR) and wildcards, each perhaps negated, as in authorized_keys.
/// A negated match refuses whatever else matches. Names of hosts are not understood: they would make a login depend
/// on whoever answers DNS.
/// </summary>
internal sealed class AddressPatterns
{
    public static readonly AddressPatterns Anywhere = new("", []);

    public static readonly AddressPatterns Nowhere = new("", [new Pattern(true, null, "*")]);

    private readonly IReadOnlyList<Pattern> _patterns;

    private AddressPatterns(string text, IReadOnlyList<Pattern> patterns)
    {
        Text = text;
        _patterns = patterns;
    }

    public string Text { get; }

    public bool Allows(IPAddress address)
    {
        if (_patterns.Count == 0)
        {
            return true;
        }

        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var hits = _patterns.Where(pattern => pattern.Matches(plain)).ToList();
        return hits.Count > 0 && !hits.Exists(pattern => pattern.Negated);
    }

    /// <summary>False names the part that makes no sense.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out AddressPatterns? patterns, [NotNullWhen(false)] out string? fault)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        fault = parts.Length > AccountLimits.FromPatternsMax ? "more than " + AccountLimits.FromPatternsMax + " patterns" : null;
        fault ??= Array.Find(parts, part => Pattern.Parse(part) is null);
        patterns = fault is null ? new AddressPatterns(text, [.. parts.Select(part => Pattern.Parse(part)!)]) : null;
        return patterns is not null;
    }

    private sealed record Pattern(bool Negated, IPNetwork? Network, string? Wildcard)
    {
        public static Pattern? Parse(string part)
        {
            var negated = part.StartsWith('!');
            var body = negated ? part[1..] : part;
            if (IPNetwork.TryParse(body, out var network))
            {
                return new Pattern(negated, Plain(network), null);
            }

            if (IPAddress.TryParse(body, out var address) && body.Contains(address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? '.' : ':'))
            {
                return new Pattern(negated, Plain(new IPNetwork(address, address.GetAddressBytes().Length * 8)), null);
            }

            // Addresses are shown in lower case.
            return IsWildcard(body) ? new Pattern(negated, null, body.ToLowerInvariant()) : null;
        }

        // As peers are looked at: "::ffff:192.0.2.0/120" means 192.0.2.0/24.
        private static IPNetwork Plain(IPNetwork network) => network is { BaseAddress: { IsIPv4MappedToIPv6: true } mapped, PrefixLength: >= 96 and var bits }
            ? new IPNetwork(mapped.MapToIPv4(), bits - 96)
            : network;

        public bool Matches(IPAddress address) =>
            Network is { } network ? network.Contains(address) : Wild(Wildcard!, address.ToString());

        private static bool IsWildcard(string body) =>
            body.Length is > 0 and <= 64 && body.AsSpan().ContainsAny('*', '?')
            && body.All(c => char.IsAsciiHexDigit(c) || c is '.' or ':' or '*' or '?');

        // Linear in practice: the star goes back at most once per character of a text of 45.
        private static bool Wild(string pattern, string text)
        {
            int p = 0, t = 0, star = -1, mark = 0;
            while (t < text.Length)
            {
                if (p < pattern.Length && pattern[p] == '*')
                {
                    star = p++;
                    mark = t;
                }
                else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == text[t]))
                {
                    p++;
                    t++;
                }
                else if (star >= 0)
                {
                    p = star + 1;
                    t = ++mark;
                }
                else
                {
                    return false;
                }
            }

            return pattern.AsSpan(p).TrimStart('*').IsEmpty;
        }
    }
}

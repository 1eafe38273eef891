using System.Globalization;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Store.Accounts;

/// <summary>The options in front of a key in authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT).</summary>
internal sealed record SshKeyOptions(AddressPatterns From, FileTime? ExpiresAt)
{
    public static readonly SshKeyOptions None = new(AddressPatterns.Anywhere, null);

    /// <summary>They take away what fluxd never gives: accepting them keeps their promise.</summary>
    private static readonly string[] KeptAnyway =
        ["restrict", "no-pty", "no-agent-forwarding", "no-port-forwarding", "no-X11-forwarding", "no-user-rc"];

    private static readonly string[] TimeForms =
        ["yyyyMMdd", "yyyyMMddHHmm", "yyyyMMddHHmmss", "yyyyMMdd'Z'", "yyyyMMddHHmm'Z'", "yyyyMMddHHmmss'Z'", "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm'Z'"];

    /// <summary>Takes the options off the front of <paramref name="line"/>.</summary>
    public static SshKeyOptions Take(ref string line)
    {
        var options = None;
        var at = 0;
        do
        {
            options = options.With(TakeName(line, ref at), TakeValue(line, ref at));
        }
        while (at < line.Length && line[at++] == ',');

        if (at >= line.Length || line[at - 1] != ' ')
        {
            throw FluxException.Invalid("Expected a public key: \"type base64 comment\", with at most the options from=\"…\" and expires=\"…\" in front.");
        }

        line = line[at..].TrimStart();
        return options;
    }

    private static string TakeName(string line, ref int at)
    {
        var start = at;
        while (at < line.Length && line[at] is not ('=' or ',' or ' '))
        {
            at++;
        }

        return line[start..at];
    }

    private static string? TakeValue(string line, ref int at)
    {
        if (at >= line.Length || line[at] != '=')
        {
            return null;
        }

        if (++at >= line.Length || line[at++] != '"')
        {
            throw FluxException.Invalid("The value of a key option must stand in double quotes, as in from=\"192.0.2.0/24\".");
        }

        var value = new StringBuilder();
        while (at < line.Length && line[at] != '"')
        {
            at += line[at] == '\\' && at + 1 < line.Length && line[at + 1] == '"' ? 1 : 0;
            value.Append(line[at++]);
        }

        return at++ < line.Length ? value.ToString() : throw FluxException.Invalid("A key option lacks its closing quote.");
    }

    private SshKeyOptions With(string name, string? value) => (name.ToLowerInvariant(), value) switch
    {
        ("from", not null) when From != AddressPatterns.Anywhere => throw Twice("from"),
        ("from", { } text) => this with { From = ParseFrom(text) },
        ("expires" or "expiry-time", not null) when ExpiresAt is not null => throw Twice("expires"),
        ("expires" or "expiry-time", { } text) => this with { ExpiresAt = ParseTime(text) },
        (_, null) when KeptAnyway.Contains(name, StringComparer.OrdinalIgnoreCase) => this,
        _ => throw FluxException.Invalid($"Expected a public key as in a .pub file; \"{Short(name)}\" is neither a key type nor one of the options from=\"…\" and expires=\"…\"."),
    };

    // Neither restriction may be lost to the other.
    private static FluxException Twice(string name) => FluxException.Invalid($"The option {name}= stands there twice; put all into one.");

    private static AddressPatterns ParseFrom(string text) => AddressPatterns.TryParse(text, out var patterns, out var fault)
        ? patterns
        : throw FluxException.Invalid($"from= takes addresses, networks and wildcards such as \"192.0.2.0/24,!192.0.2.9\"; \"{Short(fault)}\" is none.");

    private static FileTime ParseTime(string text) =>
        DateTimeOffset.TryParseExact(text, TimeForms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? FileTime.From(time)
            : throw FluxException.Invalid($"expires= takes a time in UTC such as 2027-12-31 or 20271231235959; \"{Short(text)}\" is none.");

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}

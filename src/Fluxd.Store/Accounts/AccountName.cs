using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Store.Accounts;

/// <summary>
/// Names of users, groups and shared folders. Users and groups are lower-case ASCII, so that no two names look alike;
/// a login may use capitals (phones make the first letter one).
/// </summary>
internal static class AccountName
{
    public static string Normalize(string name) => name.ToLowerInvariant();

    /// <exception cref="FluxException">Invalid, saying what a name may be.</exception>
    public static string CheckNew(string name, string what)
    {
        if (name.Length is 0 or > Limits.AccountNameCharsMax || !IsFirst(name[0]) || !name.All(IsInner))
        {
            throw FluxException.Invalid(
                $"A {what}'s name has 1 to {Limits.AccountNameCharsMax} characters of a-z, 0-9 and \"._@+-\", and begins with a letter, a digit or \"_\".");
        }

        return name;
    }

    /// <exception cref="FluxException">Invalid, saying what a name may be.</exception>
    public static string CheckNewFolder(string name)
    {
        if (name.Length > Limits.AccountNameCharsMax || name.Any(char.IsControl)
            || !FileName.IsValid(Encoding.UTF8.GetBytes(name)) || name.StartsWith(".snapshots", StringComparison.Ordinal))
        {
            throw FluxException.Invalid(
                $"A folder's name has 1 to {Limits.AccountNameCharsMax} characters without \"/\" and control characters, and is not \".\", \"..\" or \".snapshots\".");
        }

        return name;
    }

    /// <summary>For logs: what a stranger typed as a name, without what could harm a terminal.</summary>
    public static string Clean(string name)
    {
        var clean = string.Concat(name.Where(c => !char.IsControl(c)).Take(Limits.AccountNameCharsMax));
        return clean.Length == 0 ? "(empty)" : clean;
    }

    private static bool IsFirst(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_';

    private static bool IsInner(char c) => IsFirst(c) || c is '.' or '@' or '+' or '-';
}

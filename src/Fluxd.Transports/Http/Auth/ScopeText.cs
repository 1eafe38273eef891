using Fluxd.Core;
using Fluxd.Core.Accounts;

namespace Fluxd.Transports.Http.Auth;

/// <summary>Scopes as OAuth writes them: words with spaces between.</summary>
internal static class ScopeText
{
    private static readonly (Scopes Scope, string Word)[] Words =
        [(Scopes.Read, "read"), (Scopes.Write, "write"), (Scopes.Share, "share"), (Scopes.Admin, "admin")];

    public static string Write(Scopes scopes) => string.Join(' ', Words.Where(w => (scopes & w.Scope) != 0).Select(w => w.Word));

    public static Scopes Parse(string text)
    {
        var scopes = Scopes.None;
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var known = Array.Find(Words, w => w.Word == word);
            scopes |= known.Word is null ? throw FluxException.Invalid($"There is no scope \"{word}\"; known are read, write, share and admin.") : known.Scope;
        }

        return scopes;
    }
}

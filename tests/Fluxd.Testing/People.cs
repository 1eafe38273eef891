using Fluxd.Core.Accounts;

namespace Fluxd.Testing;

/// <summary>Principals for tests that need no accounts.</summary>
public static class People
{
    public static Principal Make(long id, string name, Scopes scopes = Scopes.All) => new()
    {
        UserId = id,
        UserName = name,
        Scopes = scopes,
        Credential = CredentialKind.Password,
    };

    public static Principal Anna { get; } = Make(101, "anna");

    public static Principal Bert { get; } = Make(102, "bert");
}

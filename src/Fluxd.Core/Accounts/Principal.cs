using Fluxd.Core.Files;

namespace Fluxd.Core.Accounts;

[Flags]
public enum Scopes
{
    None = 0,
    Read = 1,
    Write = 2,
    Share = 4,
    Admin = 8,
    All = Read | Write | Share | Admin,
}

public enum CredentialKind
{
    Password,
    SshKey,
    SshCertificate,
    Token,
    Session,
    SignedUrl,
    System,
}

/// <summary>
/// Who is acting, with what is allowed by the credential they used. Immutable; made only by <see cref="IAuthenticator"/>.
/// Rights on shared folders are looked up when they are needed, so that a withdrawn right works at once.
/// </summary>
public sealed record Principal
{
    public required long UserId { get; init; }

    public required string UserName { get; init; }

    public required Scopes Scopes { get; init; }

    /// <summary>The credential reaches only this path and what is below it.</summary>
    public FilePath PathPrefix { get; init; } = FilePath.Root;

    public required CredentialKind Credential { get; init; }

    /// <summary>Which key, token or session, for the audit log and for revocation.</summary>
    public string CredentialId { get; init; } = "";

    /// <summary>Logged in with a password that somebody else made and that soon stops working: say so where it can be said.</summary>
    public bool MustChangePassword { get; init; }

    /// <summary>May administer the daemon (an account's property; also needs the Admin scope).</summary>
    public bool IsAdmin { get; init; }

    public bool Has(Scopes scope) => (Scopes & scope) == scope;

    public void Require(Scopes scope)
    {
        if (!Has(scope))
        {
            throw FluxException.Denied($"This credential lacks the scope \"{scope.ToString().ToLowerInvariant()}\"; use one that has it.");
        }
    }
}

using System.Globalization;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Store.Accounts;

/// <summary>What makes a credential good at a moment.</summary>
internal sealed partial class Authenticator
{
    private static string IdOfPassword(Account account) => string.Create(CultureInfo.InvariantCulture, $"password:{account.PasswordGeneration}");

    private static string IdOfKey(SshKeyRow key) => string.Create(CultureInfo.InvariantCulture, $"key:{key.Info.Id}");

    private bool CanUsePassword(Account account) =>
        account is { User.State: UserState.Active, Password: not null } && !IsOver(account.User.PasswordExpiresAt);

    private bool IsGood(TokenRow token) => token.Info.RevokedAt is null && !IsOver(token.Info.ExpiresAt);

    private bool IsOver(FileTime? end) => end is { } time && time <= FileTime.Now(clock);

    /// <summary>Somebody changed the password or the account while it was being hashed.</summary>
    private bool HasChanged(Account account) =>
        directory.Current.Find(account.User.Id) is not { User.State: UserState.Active } now || now.PasswordGeneration != account.PasswordGeneration;

    private static Principal PrincipalOf(Account account, CredentialKind kind, string credentialId) => new()
    {
        UserId = account.User.Id,
        UserName = account.User.Name,
        Scopes = account.User.IsAdmin ? Scopes.All : Scopes.All & ~Scopes.Admin,
        Credential = kind,
        CredentialId = credentialId,
        IsAdmin = account.User.IsAdmin,
    };

    private static Principal PrincipalOfPassword(Account account) =>
        PrincipalOf(account, CredentialKind.Password, IdOfPassword(account)) with { MustChangePassword = account.User.MustChangePassword };

    private static string ReasonOf(Account? account, PasswordVerdict verdict) => account switch
    {
        null => "unknown user",
        { User.State: UserState.Disabled } => "the account is disabled",
        { Password: null } => "the account has no password",
        _ when verdict == PasswordVerdict.Wrong => "wrong password",
        _ => "the password has expired or was just changed",
    };
}

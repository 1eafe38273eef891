using System.Globalization;
using System.Security.Cryptography;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;

namespace Fluxd.Store.Accounts;

/// <summary>
/// The judge. Order for each try: penalty, limiter, credential, second factor; then the audit line and, for a success,
/// the pardon. Unknown users take the same way as known ones, with a hash that nothing matches.
/// </summary>
internal sealed partial class Authenticator(
    AccountDirectory directory, AccountBook book, PasswordChecker passwords, VerifiedPasswords verified,
    ICoordinator coordinator, AccountJournal journal, TimeProvider clock) : IAuthenticator
{
    /// <summary>Refusals of a peer in its penalty, and each request with the same token or password: one audit line for many.</summary>
    private static readonly Limiter OneLinePerMinute = new("audit-refused", 1, TimeSpan.FromMinutes(1));

    private static readonly Limiter OneLinePerHour = new("audit-token", 1, TimeSpan.FromHours(1));

    /// <summary>The one frontend whose clients send a password with every request.</summary>
    private const string Http = "http";

    private static readonly byte[] NoHash = new byte[32];

    public async ValueTask<AuthResult> AuthenticateAsync(Credential credential, PeerInfo peer, AuthMethods done, CancellationToken ct)
    {
        if (credential is SessionTokenCredential session)
        {
            return Check(session, peer); // nothing can be guessed with it, so no penalty of a neighbour holds it up
        }

        var name = NameIn(credential);
        if (await coordinator.PenaltyAsync(peer, name, ct) is { } wait)
        {
            return await RefuseLimitedAsync(peer, name, wait, ct);
        }

        return credential switch
        {
            PasswordCredential password => await CheckAsync(password, name!, peer, done, ct),
            TokenCredential token => await CheckAsync(token, name, peer, ct),
            SshKeyCredential key => await CheckAsync(key, name!, peer, done, ct),
            SshCertificateCredential certificate => await CheckAsync(certificate, name!, peer, done, ct),
            _ => throw new ArgumentException($"No way to check a {credential.GetType().Name}.", nameof(credential)),
        };
    }

    public bool IsStillValid(Principal principal)
    {
        if (principal.Credential == CredentialKind.System)
        {
            return true;
        }

        var snapshot = directory.Current;
        return snapshot.Find(principal.UserId) is { User.State: UserState.Active } account
            && (account.User.IsAdmin || !principal.IsAdmin)
            && principal.Credential switch
            {
                CredentialKind.Password => principal.CredentialId == IdOfPassword(account) && !IsOver(account.User.PasswordExpiresAt),
                CredentialKind.SshKey => account.Keys.Any(key => IdOfKey(key) == principal.CredentialId && !IsOver(key.Info.ExpiresAt)),
                CredentialKind.Token => snapshot.Tokens.TryGetValue(principal.CredentialId, out var token) && IsGood(token),
                _ => true,
            };
    }

    private async ValueTask<AuthResult> CheckAsync(PasswordCredential credential, string name, PeerInfo peer, AuthMethods done, CancellationToken ct)
    {
        var account = directory.Current.Find(name);
        if (!PasswordChecker.IsPossible(credential.Password.Span))
        {
            return await RefuseAsync(peer, name, account, "an impossible password", ct);
        }

        if (account is not null && CanUsePassword(account) && verified.Contains(account.User.Id, account.PasswordGeneration, credential.Password.Span))
        {
            // Remembered or not, a login is a login: whoever else knows the password must show in the log.
            var known = PrincipalOfPassword(account);
            return await IsWorthALineAsync(PasswordOf(account), peer, ct)
                ? await WelcomeAsync(peer, name, account, AuthMethods.Password, done, known, "password", ct)
                : Admit(account, AuthMethods.Password, done, known);
        }

        if (await OverLoginLimitAsync(peer, ct) is { } wait)
        {
            return await RefuseLimitedAsync(peer, name, wait, ct);
        }

        var verdict = await passwords.CheckAsync(account?.Password, credential.Password, peer.Network, ct);
        if (verdict == PasswordVerdict.Wrong || account is null || !CanUsePassword(account) || HasChanged(account))
        {
            return await RefuseAsync(peer, name, account, ReasonOf(account, verdict), ct);
        }

        verified.Add(account.User.Id, account.PasswordGeneration, credential.Password.Span);
        if (verdict == PasswordVerdict.RightButWeak)
        {
            await book.RehashAsync(account.User.Id, account.Password!, await passwords.HashAsync(credential.Password, peer.Network, ct), ct);
        }

        await IsWorthALineAsync(PasswordOf(account), peer, ct); // this one gets its line anyway, and stands for the requests that follow it
        return await WelcomeAsync(peer, name, account, AuthMethods.Password, done, PrincipalOfPassword(account), "password", ct);
    }

    private async ValueTask<bool> IsWorthALineAsync(string what, PeerInfo peer, CancellationToken ct) =>
        peer.Frontend != Http || (await coordinator.TakeAsync(OneLinePerHour, what + " " + peer.Network, 1, ct)).Allowed;

    private static string PasswordOf(Account account) => string.Create(CultureInfo.InvariantCulture, $"password {account.User.Id}");

    private AuthResult Check(SessionTokenCredential credential, PeerInfo peer)
    {
        var who = credential.Principal;
        if (!IsStillValid(who))
        {
            return AuthResult.Failed;
        }

        journal.Audit("login.success", who.UserName, "", peer.Address.ToString(), peer.Frontend, "token of an earlier login");
        return new AuthResult(AuthOutcome.Success, who);
    }

    private async ValueTask<AuthResult> CheckAsync(TokenCredential credential, string? name, PeerInfo peer, CancellationToken ct)
    {
        var token = TokenText.TryGetId(credential.Token, out var id) ? directory.Current.Tokens.GetValueOrDefault(id) : null;
        var matches = CryptographicOperations.FixedTimeEquals(TokenText.Hash(credential.Token), token?.SecretHash ?? NoHash);
        var account = token is null ? null : directory.Current.Find(token.UserId);
        var isOwner = credential.UserName is null || (account is not null && account.User.Name == name);
        if (!matches || token is null || account is not { User.State: UserState.Active } || !IsGood(token) || !isOwner)
        {
            return await RefuseAsync(peer, name, isOwner ? account : null, "API key " + (id ?? "of no known form"), ct);
        }

        journal.Used(token);
        var principal = PrincipalOf(account, CredentialKind.Token, token.Info.Id) with
        {
            Scopes = token.Info.Scopes,
            PathPrefix = token.Info.PathPrefix,
            IsAdmin = account.User.IsAdmin && token.Info.Scopes.HasFlag(Scopes.Admin),
        };

        // A key for machines stands for itself: no second factor could be asked of one.
        await coordinator.PardonAsync(peer, account.User.Name, ct);
        if (await IsWorthALineAsync(token.Info.Id, peer, ct))
        {
            journal.Audit("login.success", account.User.Name, "", peer.Address.ToString(), peer.Frontend, "API key " + token.Info.Id);
        }

        return new AuthResult(AuthOutcome.Success, principal);
    }

    private async ValueTask<AuthResult> CheckAsync(SshKeyCredential credential, string name, PeerInfo peer, AuthMethods done, CancellationToken ct)
    {
        var account = directory.Current.Find(name);
        var key = account?.Keys.FirstOrDefault(row => row.Blob.AsSpan().SequenceEqual(credential.Blob.Span));
        var isGood = account is { User.State: UserState.Active } && key is not null && !IsOver(key.Info.ExpiresAt) && key.From.Allows(peer.Address);
        if (!credential.Proven)
        {
            // Only a question. Clients ask with every key that they have, so a "no" is no misdeed; a "yes" names nobody.
            return isGood ? new AuthResult(AuthOutcome.Success) : AuthResult.Failed;
        }

        if (!isGood)
        {
            return await RefuseAsync(peer, name, account, "SSH key " + SshPublicKey.FingerprintOf(credential.Blob.Span), ct);
        }

        journal.Used(key!, account!.User.Id);
        var principal = PrincipalOf(account, CredentialKind.SshKey, IdOfKey(key!));
        return await WelcomeAsync(peer, name, account, AuthMethods.PublicKey, done, principal, "SSH key " + key!.Info.Fingerprint, ct);
    }

    private async ValueTask<AuthResult> CheckAsync(SshCertificateCredential credential, string name, PeerInfo peer, AuthMethods done, CancellationToken ct)
    {
        var account = directory.Current.Find(name);
        var id = string.Create(CultureInfo.InvariantCulture, $"{AccountName.Clean(credential.KeyId)}:{credential.Serial}");
        if (!credential.Proven)
        {
            return account is { User.State: UserState.Active } ? new AuthResult(AuthOutcome.Success) : AuthResult.Failed;
        }

        if (account is not { User.State: UserState.Active })
        {
            return await RefuseAsync(peer, name, account, "SSH certificate " + id, ct);
        }

        var principal = PrincipalOf(account, CredentialKind.SshCertificate, id);
        return await WelcomeAsync(peer, name, account, AuthMethods.PublicKey, done, principal, "SSH certificate " + id, ct);
    }

    private async ValueTask<TimeSpan?> OverLoginLimitAsync(PeerInfo peer, CancellationToken ct)
    {
        if (peer.IsLoopback)
        {
            return null;
        }

        var decision = await coordinator.TakeAsync(Limiters.Account, "login " + peer.Network, 1, ct);
        return decision.Allowed ? null : decision.RetryAfter;
    }

    private async ValueTask<AuthResult> WelcomeAsync(
        PeerInfo peer, string name, Account account, AuthMethods passed, AuthMethods done, Principal principal, string detail, CancellationToken ct)
    {
        var result = Admit(account, passed, done, principal);
        var isWhole = result.Outcome == AuthOutcome.Success;
        journal.Audit(isWhole ? "login.success" : "login.partial", name, "", peer.Address.ToString(), peer.Frontend, detail);
        if (isWhole)
        {
            await coordinator.PardonAsync(peer, name, ct);
            journal.LoggedIn(account.User.Id);
        }

        return result;
    }

    private static AuthResult Admit(Account account, AuthMethods passed, AuthMethods done, Principal principal)
    {
        var remaining = account.User.RequiredMethods & ~(done | passed);
        return remaining == AuthMethods.None
            ? new AuthResult(AuthOutcome.Success, principal)
            : new AuthResult(AuthOutcome.Partial, Remaining: remaining);
    }

    private async ValueTask<AuthResult> RefuseAsync(PeerInfo peer, string? name, Account? account, string detail, CancellationToken ct)
    {
        await coordinator.PunishAsync(peer, name, account is null ? Misdeed.UnknownUser : Misdeed.AuthenticationFailed, ct);
        journal.Audit("login.refused", name ?? "", "", peer.Address.ToString(), peer.Frontend, detail);
        return AuthResult.Failed;
    }

    private async ValueTask<AuthResult> RefuseLimitedAsync(PeerInfo peer, string? name, TimeSpan wait, CancellationToken ct)
    {
        if ((await coordinator.TakeAsync(OneLinePerMinute, peer.Network + " " + name, 1, ct)).Allowed)
        {
            var seconds = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            journal.Audit("login.limited", name ?? "", "", peer.Address.ToString(), peer.Frontend, $"must wait {seconds} s");
        }

        return new AuthResult(AuthOutcome.RateLimited, RetryAfter: wait);
    }

    private static string? NameIn(Credential credential) => credential switch
    {
        PasswordCredential password => Tidy(password.UserName),
        TokenCredential { UserName: { } name } => Tidy(name),
        SshKeyCredential key => Tidy(key.UserName),
        SshCertificateCredential certificate => Tidy(certificate.UserName),
        _ => null,
    };

    // A name that no account can have must not become one by being tidied for the log: "?" is in no name.
    private static string Tidy(string name) => AccountName.Normalize(name) is var plain && AccountName.Clean(plain) is var clean && clean == plain ? plain : "?" + clean;
}

namespace Fluxd.Core.Accounts;

/// <summary>
/// Users and what belongs to them. Thread-safe. Every change is one transaction together with its line in the audit
/// log: it returns when that is durable and when <see cref="IAuthenticator"/> already judges by it. Failures are
/// <see cref="FluxException"/>s in words for the person who asked. Changes are not idempotent (a second add says
/// Exists, a second remove NotFound), except those that set a state.
/// </summary>
public interface IAccounts
{
    IReadOnlyList<UserInfo> Users { get; }

    /// <summary>By name without regard to ASCII case; null when there is none.</summary>
    UserInfo? FindUser(string name);

    UserInfo? FindUser(long id);

    Task<UserInfo> AddUserAsync(Actor actor, NewUser user, CancellationToken ct);

    /// <summary>Takes the name, the credentials and the rights away; the files stay in the store.</summary>
    Task RemoveUserAsync(Actor actor, string name, CancellationToken ct);

    /// <summary>All of it or, when a part is refused, none. Conflict when a new limit is below what the user holds.</summary>
    Task<UserInfo> ChangeUserAsync(Actor actor, string name, UserChange change, CancellationToken ct);

    /// <summary>Ends what was logged in by the old password.</summary>
    Task<UserInfo> SetPasswordAsync(Actor actor, string name, ReadOnlyMemory<byte> password, bool oneTime, CancellationToken ct);

    IReadOnlyList<SshKeyInfo> SshKeys(string userName);

    /// <param name="line">One line as in authorized_keys; the options <c>from=</c> and <c>expires=</c> are understood.</param>
    Task<SshKeyInfo> AddSshKeyAsync(Actor actor, string userName, string line, CancellationToken ct);

    /// <param name="key">Its id or its fingerprint.</param>
    Task RemoveSshKeyAsync(Actor actor, string userName, string key, CancellationToken ct);

    /// <param name="userName">Null lists everybody's.</param>
    IReadOnlyList<TokenInfo> Tokens(string? userName);

    Task<CreatedToken> CreateTokenAsync(Actor actor, NewToken token, CancellationToken ct);

    Task<TokenInfo> RevokeTokenAsync(Actor actor, string id, CancellationToken ct);

    IReadOnlyList<GroupInfo> Groups { get; }

    Task<GroupInfo> AddGroupAsync(Actor actor, string name, CancellationToken ct);

    Task RemoveGroupAsync(Actor actor, string name, CancellationToken ct);

    Task<GroupInfo> SetMemberAsync(Actor actor, string group, string userName, bool member, CancellationToken ct);

    IReadOnlyList<SharedFolderInfo> Folders { get; }

    Task<SharedFolderInfo> AddFolderAsync(Actor actor, string name, long? quotaBytes, long? quotaFiles, CancellationToken ct);

    /// <summary>Takes the folder from everybody's view; its files stay in the store.</summary>
    Task RemoveFolderAsync(Actor actor, string name, CancellationToken ct);

    /// <param name="access">Null takes the right away.</param>
    Task<SharedFolderInfo> SetRightAsync(Actor actor, string folder, string holder, bool isGroup, FolderAccess? access, CancellationToken ct);

    /// <summary>What this user sees of shared folders now; from memory, so it may be asked for each operation.</summary>
    IReadOnlyList<FolderGrant> GrantsOf(long userId);

    /// <summary>What the user's home holds now.</summary>
    ValueTask<Usage> UsageOfAsync(string name, CancellationToken ct);

    ValueTask<AuditPage> AuditAsync(AuditQuery query, CancellationToken ct);

    /// <summary>A line that belongs to no account change (a reload, a killed session); durable within seconds.</summary>
    void Note(Actor actor, string kind, string subject, string detail);
}

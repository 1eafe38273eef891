using Fluxd.Core.Files;

namespace Fluxd.Core.Accounts;

public enum UserState
{
    Active = 1,
    Disabled = 2,

    /// <summary>The row stays, because files and log lines name its id; the name is free for another account.</summary>
    Removed = 3,
}

/// <summary>An account without its secrets.</summary>
public sealed record UserInfo
{
    public required long Id { get; init; }

    public required string Name { get; init; }

    public required UserState State { get; init; }

    public bool IsAdmin { get; init; }

    public bool HasPassword { get; init; }

    /// <summary>The password was made by somebody else and stops working at <see cref="PasswordExpiresAt"/> unless it is changed.</summary>
    public bool MustChangePassword { get; init; }

    public FileTime? PasswordExpiresAt { get; init; }

    /// <summary>Null means no limit of its own.</summary>
    public long? QuotaBytes { get; init; }

    public long? QuotaFiles { get; init; }

    /// <summary>All of these must pass in one connection; None means that any one credential does.</summary>
    public AuthMethods RequiredMethods { get; init; }

    public FileTime CreatedAt { get; init; }

    public FileTime? LastLoginAt { get; init; }
}

public sealed record NewUser
{
    public required string Name { get; init; }

    /// <summary>UTF-8; null makes an account that logs in by key or token only.</summary>
    public ReadOnlyMemory<byte>? Password { get; init; }

    /// <summary>The password must be changed soon; see <see cref="UserInfo.MustChangePassword"/>.</summary>
    public bool OneTimePassword { get; init; }

    public bool IsAdmin { get; init; }

    public long? QuotaBytes { get; init; }

    public long? QuotaFiles { get; init; }

    public AuthMethods RequiredMethods { get; init; }
}

/// <summary>What changes about a user, all at once; what is null stays as it is.</summary>
public sealed record UserChange
{
    /// <summary>Active or disabled.</summary>
    public UserState? State { get; init; }

    public bool? IsAdmin { get; init; }

    public AuthMethods? RequiredMethods { get; init; }

    public Quota? QuotaBytes { get; init; }

    public Quota? QuotaFiles { get; init; }
}

/// <param name="Value">Null takes the limit away.</param>
public readonly record struct Quota(long? Value);

/// <summary>What a user holds now: compared with a quota before it is lowered.</summary>
public readonly record struct Usage(long Bytes, long Files);

/// <param name="Id">Stable, for removal and the audit log.</param>
/// <param name="Fingerprint">As OpenSSH prints it: <c>SHA256:…</c>.</param>
/// <param name="From">Addresses that may use it (<c>from=</c>); empty means everywhere.</param>
public sealed record SshKeyInfo(
    long Id, string UserName, string Type, string Fingerprint, string Comment, string From,
    FileTime? ExpiresAt, FileTime CreatedAt, FileTime? LastUsedAt);

/// <summary>An API key without its secret. Revoked ones are kept, so that the audit log's ids stay readable.</summary>
public sealed record TokenInfo(
    string Id, string UserName, string Name, Scopes Scopes, FilePath PathPrefix,
    FileTime? ExpiresAt, FileTime CreatedAt, FileTime? LastUsedAt, FileTime? RevokedAt);

public sealed record NewToken
{
    public required string UserName { get; init; }

    public required Scopes Scopes { get; init; }

    /// <summary>What it is for, in the owner's words.</summary>
    public string Name { get; init; } = "";

    public FilePath PathPrefix { get; init; } = FilePath.Root;

    public FileTime? ExpiresAt { get; init; }
}

/// <param name="Secret">The whole key <c>flx_…</c>: shown once, kept nowhere.</param>
public sealed record CreatedToken(TokenInfo Token, string Secret);

public sealed record GroupInfo(long Id, string Name, IReadOnlyList<string> Members, FileTime CreatedAt);

public enum FolderAccess
{
    Read = 1,
    Write = 2,
}

/// <param name="Holder">Name of a user or a group.</param>
public sealed record FolderRight(string Holder, bool IsGroup, FolderAccess Access);

/// <summary>A folder that belongs to nobody's home and appears by its name in the root of everybody who has a right.</summary>
public sealed record SharedFolderInfo(
    long Id, string Name, long? QuotaBytes, long? QuotaFiles, IReadOnlyList<FolderRight> Rights, FileTime CreatedAt);

/// <summary>A shared folder as one user meets it: the better of the user's own and the groups' rights.</summary>
public sealed record FolderGrant(long FolderId, string Name, FolderAccess Access, long? QuotaBytes, long? QuotaFiles);

/// <param name="Kind">Dotted and stable: <c>login.success</c>, <c>login.refused</c>, <c>user.add</c>, …</param>
/// <param name="Actor">Who did it: a user's name, or <c>admin:…</c> for the admin socket.</param>
/// <param name="Subject">To whom or what; empty where the actor says it all.</param>
/// <param name="Detail">A few words; never a secret, a path or a file's name.</param>
public sealed record AuditEntry(long Sequence, FileTime At, string Kind, string Actor, string Subject, string Peer, string Frontend, string Detail);

/// <param name="Next">The sequence to go on before (older pages); null at the end.</param>
public sealed record AuditPage(IReadOnlyList<AuditEntry> Entries, long? Next);

/// <param name="Who">Actor or subject.</param>
/// <param name="KindPrefix">"login", "login.refused", "user", …</param>
public sealed record AuditQuery(string? Who = null, string? KindPrefix = null, long? Before = null, int Count = 100);

/// <summary>Who changes an account, for the audit log.</summary>
public sealed record Actor(string Name, string Peer = "", string Frontend = "")
{
    /// <summary>The daemon itself.</summary>
    public static readonly Actor System = new("fluxd");
}

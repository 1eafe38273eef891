namespace Fluxd.Core.Admin;

// Version 1 of what travels over the admin socket under /v1. Fields are only ever added; a change of meaning gets a
// new version beside this one. Times are RFC 3339 in UTC, sizes are bytes, null means "none" or "not known".

public sealed record StatusRecord
{
    public required string Version { get; init; }

    public int ProcessId { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    /// <summary>"starting", "ready", "degraded", "draining".</summary>
    public required string State { get; init; }

    /// <summary>What is wrong, one plain sentence each.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    public string? ConfigFile { get; init; }

    public DateTimeOffset? ConfigLoadedAt { get; init; }

    public IReadOnlyList<FrontendRecord> Frontends { get; init; } = [];

    /// <summary>Null while the store can't be asked; then <see cref="Problems"/> says why.</summary>
    public StoreStatRecord? Store { get; init; }

    public int Users { get; init; }

    public int Sessions { get; init; }

    public long ResidentBytes { get; init; }
}

public sealed record FrontendRecord(string Name, bool Enabled, bool Running, IReadOnlyList<string> Endpoints, int Connections, string? Problem = null);

/// <param name="Fluxctl">Of the program that asks.</param>
/// <param name="Fluxd">Of the daemon that answers; null when none does.</param>
public sealed record VersionRecord(string Fluxctl, string? Fluxd);

/// <param name="Applied">The new configuration is in force.</param>
/// <param name="Faults">Every fault in it; then nothing changed.</param>
/// <param name="NeedsRestart">Keys that changed and take effect at the next start.</param>
public sealed record ReloadRecord(bool Applied, IReadOnlyList<string> Faults, IReadOnlyList<string> NeedsRestart);

public enum CheckState
{
    Good,

    /// <summary>It can't be told here (not this system, not configured).</summary>
    Skipped,
    Warning,
    Bad,
}

/// <param name="Found">What was found, in one sentence.</param>
/// <param name="Cure">The line that cures it: a command or a configuration line; null when there is nothing to cure.</param>
public sealed record CheckRecord(string Name, CheckState State, string Found, string? Cure = null);

public sealed record UserRecord
{
    public required string Name { get; init; }

    public long Id { get; init; }

    /// <summary>"active" or "disabled".</summary>
    public required string State { get; init; }

    public bool Admin { get; init; }

    public bool HasPassword { get; init; }

    public bool MustChangePassword { get; init; }

    public DateTimeOffset? PasswordExpiresAt { get; init; }

    public long? QuotaBytes { get; init; }

    public long? QuotaFiles { get; init; }

    public long UsedBytes { get; init; }

    public long UsedFiles { get; init; }

    /// <summary>"publickey", "password", "token".</summary>
    public IReadOnlyList<string> Requires { get; init; } = [];

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? LastLoginAt { get; init; }
}

public sealed record AddUserRequest
{
    public required string Name { get; init; }

    public string? Password { get; init; }

    public bool OneTimePassword { get; init; }

    public bool Admin { get; init; }

    public long? QuotaBytes { get; init; }

    public long? QuotaFiles { get; init; }

    public IReadOnlyList<string> Requires { get; init; } = [];
}

/// <summary>A user who was removed and whose files are still there.</summary>
/// <param name="PastBytes">In old versions and in the trash; with those of files that were moved into shared folders, which stay.</param>
public sealed record RemovedUserRecord(long Id, string Name, DateTimeOffset CreatedAt, long Files, long Bytes, long PastBytes);

/// <param name="Password">Null makes a one-time password, told in the answer.</param>
public sealed record SetPasswordRequest(string? Password, bool OneTime);

/// <param name="OneTimePassword">Told only here, when the daemon made it.</param>
public sealed record UserAnswer(UserRecord User, string? OneTimePassword = null);

public sealed record SetQuotaRequest
{
    /// <summary>Only the limits that are named change; a named null takes the limit away.</summary>
    public bool SetBytes { get; init; }

    public long? Bytes { get; init; }

    public bool SetFiles { get; init; }

    public long? Files { get; init; }
}

public sealed record SetStateRequest(string? State, bool? Admin, IReadOnlyList<string>? Requires);

public sealed record SshKeyRecord(
    long Id, string User, string Type, string Fingerprint, string Comment, string From,
    DateTimeOffset? ExpiresAt, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt);

/// <param name="Line">As in authorized_keys.</param>
public sealed record AddSshKeyRequest(string Line);

public sealed record TokenRecord(
    string Id, string User, string Name, IReadOnlyList<string> Scopes, string PathPrefix,
    DateTimeOffset? ExpiresAt, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt, DateTimeOffset? RevokedAt);

public sealed record CreateTokenRequest
{
    public required IReadOnlyList<string> Scopes { get; init; }

    public string Name { get; init; } = "";

    public string PathPrefix { get; init; } = "/";

    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <param name="Secret">The key itself: told once.</param>
public sealed record TokenAnswer(TokenRecord Token, string Secret);

public sealed record GroupRecord(string Name, IReadOnlyList<string> Members, DateTimeOffset CreatedAt);

public sealed record AddGroupRequest(string Name);

public sealed record RightRecord(string Holder, bool Group, string Access);

public sealed record FolderRecord(string Name, long? QuotaBytes, long? QuotaFiles, IReadOnlyList<RightRecord> Rights, DateTimeOffset CreatedAt);

public sealed record AddFolderRequest(string Name, long? QuotaBytes = null, long? QuotaFiles = null);

/// <param name="Access">"read", "write", or null to take the right away.</param>
public sealed record SetRightRequest(string Holder, bool Group, string? Access);

public sealed record SessionRecord(string Id, string Frontend, string User, string Peer, DateTimeOffset StartedAt, string Client);

public sealed record AuditRecord(long Sequence, DateTimeOffset At, string Kind, string Actor, string Subject, string Peer, string Frontend, string Detail);

public sealed record AuditPageRecord(IReadOnlyList<AuditRecord> Entries, long? Next);

/// <param name="PublicKey">As in known_hosts, after the host name.</param>
/// <param name="Sshfp">DNS records without the owner's name.</param>
/// <param name="InUse">False for one that is announced only, before it takes the other's place.</param>
public sealed record HostKeyRecord(string Type, string Fingerprint, string PublicKey, IReadOnlyList<string> Sshfp, bool InUse);

public sealed record TransferEventRecord(DateTimeOffset At, string What);

public sealed record TransferRecord(
    string Id, string Frontend, string User, string Peer, string Kind, DateTimeOffset StartedAt, DateTimeOffset? EndedAt,
    long BytesAccepted, long BytesDurable, string? Outcome, IReadOnlyList<TransferEventRecord> Events);

/// <summary>RFC 9457, with the stable code of <see cref="FluxError"/> in kebab-case.</summary>
public sealed record ProblemRecord(string Type, string Title, int Status, string Detail, string Code);

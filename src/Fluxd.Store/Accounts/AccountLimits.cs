namespace Fluxd.Store.Accounts;

/// <summary>The bounds of accounts, logins and what is remembered about them.</summary>
internal static class AccountLimits
{
    /// <summary>Logins of one address that wait for a hash: more are tries, not people.</summary>
    public const int HashesWaitingPerSourceMax = 16;

    /// <summary>At some 0.1 s a hash, more would wait beyond every client's patience.</summary>
    public const int HashesWaitingMax = 256;

    public const int VerifiedPasswordsMax = 10_000;

    public static readonly TimeSpan VerifiedPasswordLife = TimeSpan.FromMinutes(5);

    /// <summary>A one-time password is for the next days, not for the drawer.</summary>
    public static readonly TimeSpan OneTimePasswordLife = TimeSpan.FromDays(7);

    /// <summary>One line of authorized_keys with a 16,384-bit RSA key, options and comment.</summary>
    public const int SshKeyLineCharsMax = 8192;

    public const int SshKeyCommentCharsMax = 256;

    /// <summary>Patterns of one <c>from=</c>: each login walks them.</summary>
    public const int FromPatternsMax = 64;

    public const int TokenNameCharsMax = 128;

    /// <summary>Lines that wait to be written to the audit log; beyond it they are counted, and the count is written.</summary>
    public const int AuditWaitingMax = 4096;

    public const int AuditDetailCharsMax = 512;

    /// <summary>About 150 MB; the oldest go first.</summary>
    public const int AuditRowsMax = 1_000_000;

    /// <summary>"Last used" is for people: a time within the minute is enough and spares a write per request.</summary>
    public static readonly TimeSpan LastUsedPrecision = TimeSpan.FromMinutes(1);

    /// <summary>Browser sign-ins that a start takes over; the frontend allows no more at once.</summary>
    public const int SignInsMax = 10_000;

    public const int GroupsMax = 10_000;

    public const int FoldersMax = 10_000;
}

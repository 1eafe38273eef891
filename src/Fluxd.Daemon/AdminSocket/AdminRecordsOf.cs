using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;
using Fluxd.Core.Coordination;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>From the core's records to those that travel, and back.</summary>
internal static class AdminRecordsOf
{
    private static readonly (string Word, AuthMethods Method)[] s_methods =
        [("publickey", AuthMethods.PublicKey), ("password", AuthMethods.Password), ("token", AuthMethods.Token)];

    private static readonly (string Word, Scopes Scope)[] s_scopes =
        [("read", Scopes.Read), ("write", Scopes.Write), ("share", Scopes.Share), ("admin", Scopes.Admin)];

    public static UserRecord User(UserInfo user, Usage used) => new()
    {
        Name = user.Name,
        Id = user.Id,
        State = user.State.ToString().ToLowerInvariant(),
        Admin = user.IsAdmin,
        HasPassword = user.HasPassword,
        MustChangePassword = user.MustChangePassword,
        PasswordExpiresAt = Time(user.PasswordExpiresAt),
        QuotaBytes = user.QuotaBytes,
        QuotaFiles = user.QuotaFiles,
        UsedBytes = used.Bytes,
        UsedFiles = used.Files,
        Requires = [.. s_methods.Where(method => user.RequiredMethods.HasFlag(method.Method)).Select(method => method.Word)],
        CreatedAt = user.CreatedAt.ToDateTimeOffset(),
        LastLoginAt = Time(user.LastLoginAt),
    };

    public static SshKeyRecord Key(SshKeyInfo key) => new(
        key.Id, key.UserName, key.Type, key.Fingerprint, key.Comment, key.From, Time(key.ExpiresAt), key.CreatedAt.ToDateTimeOffset(), Time(key.LastUsedAt));

    public static TokenRecord Token(TokenInfo token) => new(
        token.Id, token.UserName, token.Name, [.. s_scopes.Where(scope => token.Scopes.HasFlag(scope.Scope)).Select(scope => scope.Word)],
        token.PathPrefix.ToString(), Time(token.ExpiresAt), token.CreatedAt.ToDateTimeOffset(), Time(token.LastUsedAt), Time(token.RevokedAt));

    public static GroupRecord Group(GroupInfo group) => new(group.Name, group.Members, group.CreatedAt.ToDateTimeOffset());

    public static FolderRecord Folder(SharedFolderInfo folder) => new(
        folder.Name, folder.QuotaBytes, folder.QuotaFiles,
        [.. folder.Rights.Select(right => new RightRecord(right.Holder, right.IsGroup, right.Access.ToString().ToLowerInvariant()))],
        folder.CreatedAt.ToDateTimeOffset());

    public static SessionRecord Session(SessionInfo session) =>
        new(session.Id, session.Frontend, session.UserName, session.Peer, session.StartedAt.ToDateTimeOffset(), session.Client);

    public static AuditRecord Audit(AuditEntry entry) => new(
        entry.Sequence, entry.At.ToDateTimeOffset(), entry.Kind, entry.Actor, entry.Subject, entry.Peer, entry.Frontend, entry.Detail);

    public static TransferRecord Transfer(TransferReport report) => new(
        report.Id, report.Frontend, report.UserName, report.Peer, report.Kind, report.StartedAt.ToDateTimeOffset(), Time(report.EndedAt),
        report.BytesAccepted, report.BytesDurable, report.Outcome,
        [.. report.Events.Select(line => new TransferEventRecord(line.At.ToDateTimeOffset(), line.What))]);

    // A list that the JSON leaves out arrives as null, whatever the record's default says.
    public static AuthMethods Methods(IReadOnlyList<string>? words) => (words ?? []).Aggregate(
        AuthMethods.None,
        (all, word) => all | (Array.Find(s_methods, method => method.Word == word) is { Word: not null } found
            ? found.Method
            : throw FluxException.Invalid($"\"{word}\" is no login method; publickey, password and token are.")));

    public static Scopes ScopesOf(IReadOnlyList<string>? words) => (words ?? []).Aggregate(
        Scopes.None,
        (all, word) => all | (Array.Find(s_scopes, scope => scope.Word == word) is { Word: not null } found
            ? found.Scope
            : throw FluxException.Invalid($"\"{word}\" is no scope; read, write, share and admin are.")));

    public static FolderAccess? Access(string? word) => word switch
    {
        null => null,
        "read" => FolderAccess.Read,
        "write" => FolderAccess.Write,
        _ => throw FluxException.Invalid($"\"{word}\" is no right; read and write are."),
    };

    private static DateTimeOffset? Time(FileTime? time) => time?.ToDateTimeOffset();
}

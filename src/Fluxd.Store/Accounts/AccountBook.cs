using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Accounts;

/// <summary>
/// Accounts in the catalogue. Each change: one transaction that checks, writes, adds the audit line, and reads the
/// account anew; the directory swaps it in between "durable" and "told". Names are checked inside the transaction,
/// where nobody can change them meanwhile.
/// </summary>
internal sealed partial class AccountBook(SqliteCatalog catalog, AccountDirectory directory, PasswordChecker passwords, AccountJournal journal, TimeProvider clock)
    : IAccounts
{
    public IReadOnlyList<UserInfo> Users =>
        [.. directory.Current.Names.Values.Select(id => directory.Current.Find(id)?.User).OfType<UserInfo>().OrderBy(user => user.Name, StringComparer.Ordinal)];

    public UserInfo? FindUser(string name) => directory.Current.Find(name)?.User;

    public UserInfo? FindUser(long id) => directory.Current.Find(id)?.User;

    public IReadOnlyList<FolderGrant> GrantsOf(long userId) => directory.Current.GrantsOf(userId);

    public ValueTask<Usage> UsageOfAsync(string name, CancellationToken ct)
    {
        var id = Known(directory.Current, name).User.Id;
        return catalog.ReadAsync(reader => UsageRows.OfUser(reader, id), ct);
    }

    public ValueTask<AuditPage> AuditAsync(AuditQuery query, CancellationToken ct) => catalog.ReadAsync(reader => AuditRows.Read(reader, query), ct);

    public void Note(Actor actor, string kind, string subject, string detail) =>
        journal.Audit(kind, actor.Name, subject, actor.Peer, actor.Frontend, detail);

    public async Task<UserInfo> AddUserAsync(Actor actor, NewUser user, CancellationToken ct)
    {
        var name = AccountName.CheckNew(user.Name, "user");
        CheckQuota(user.QuotaBytes, user.QuotaFiles);
        var password = user.Password is { } chosen ? await HashNewAsync(chosen, ct) : null;
        return await ChangeAsync(
            actor, "user.add", name, Describe(user),
            transaction =>
            {
                if (IdOf(transaction, name) is not null)
                {
                    throw new FluxException(FluxError.Exists, $"There is a user \"{name}\" already.");
                }

                return Insert(transaction, user with { Name = name }, password);
            },
            ct);
    }

    public Task RemoveUserAsync(Actor actor, string name, CancellationToken ct) => ChangeAsync(
        actor, "user.remove", AccountName.Normalize(name), "",
        transaction =>
        {
            var id = KnownId(transaction, name);
            Run(transaction, "DELETE FROM ssh_key WHERE user = ?1", id);
            Run(transaction, "DELETE FROM group_member WHERE user = ?1", id);
            Run(transaction, "DELETE FROM folder_right WHERE is_group = 0 AND holder = ?1", id);
            Run(transaction, "DELETE FROM session WHERE user = ?1", id);
            RevokeAll(transaction, id);
            Run(transaction, "UPDATE user SET state = 3, is_admin = 0, password = NULL, password_generation = password_generation + 1 WHERE id = ?1", id);
            RefreshShared(transaction);
            return id;
        },
        ct);

    public async Task<UserInfo> ChangeUserAsync(Actor actor, string name, UserChange change, CancellationToken ct)
    {
        if (change.State is not (null or UserState.Active or UserState.Disabled))
        {
            throw FluxException.Invalid("A user's state is \"active\" or \"disabled\".");
        }

        CheckQuota(change.QuotaBytes?.Value, change.QuotaFiles?.Value);
        var account = await catalog.WriteAsync(
            transaction =>
            {
                var id = KnownId(transaction, name);
                CheckAgainst(UsageRows.OfUser(transaction, id), change.QuotaBytes?.Value, change.QuotaFiles?.Value, name);
                Apply(transaction, id, change);
                foreach (var (kind, detail) in LinesOf(change))
                {
                    Audit(transaction, actor, kind, AccountName.Normalize(name), detail);
                }

                return Refresh(transaction, id);
            },
            ct);
        return account.User;
    }

    public async Task<UserInfo> SetPasswordAsync(Actor actor, string name, ReadOnlyMemory<byte> password, bool oneTime, CancellationToken ct)
    {
        _ = Known(directory.Current, name);
        var hash = await HashNewAsync(password, ct);
        return await ChangeAsync(
            actor, "user.passwd", AccountName.Normalize(name), oneTime ? "one-time" : "",
            transaction =>
            {
                var id = KnownId(transaction, name);
                using var update = transaction.Sql(
                    """
                    UPDATE user SET password = ?2, password_generation = password_generation + 1, must_change = ?3, password_expires = ?4
                    WHERE id = ?1
                    """);
                update.Bind(id).Bind(hash).Bind(oneTime).Bind(ExpiryOf(oneTime)).Run();
                Run(transaction, "DELETE FROM session WHERE user = ?1", id);
                return id;
            },
            ct);
    }

    /// <summary>The same password under today's work factor; loses silently against a change made meanwhile.</summary>
    internal Task RehashAsync(long id, string before, string after, CancellationToken ct) => catalog.WriteAsync(
        transaction =>
        {
            using var update = transaction.Sql("UPDATE user SET password = ?3 WHERE id = ?1 AND password = ?2").Bind(id).Bind(before).Bind(after);
            if (update.Run() > 0)
            {
                Refresh(transaction, id);
            }
        },
        ct);

    private long Insert(CatalogTransaction transaction, NewUser user, string? password)
    {
        var id = transaction.NextId("user");
        var now = FileTime.Now(clock);
        using var insert = transaction.Sql(
            """
            INSERT INTO user(id, name, state, is_admin, password, must_change, password_expires, quota_bytes, quota_files, required_methods, created)
            VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            """);
        insert.Bind(id).Bind(user.Name).Bind(user.IsAdmin).Bind(password).Bind(user.OneTimePassword).Bind(ExpiryOf(user.OneTimePassword))
            .Bind(user.QuotaBytes).Bind(user.QuotaFiles).Bind((long)user.RequiredMethods).Bind(now.Nanoseconds).Run();
        return id;
    }

    private static void Apply(CatalogTransaction transaction, long id, UserChange change)
    {
        using var update = transaction.Sql(
            """
            UPDATE user SET state = coalesce(?2, state), is_admin = coalesce(?3, is_admin), required_methods = coalesce(?4, required_methods),
                quota_bytes = CASE WHEN ?5 THEN ?6 ELSE quota_bytes END, quota_files = CASE WHEN ?7 THEN ?8 ELSE quota_files END
            WHERE id = ?1
            """);
        update.Bind(id).Bind((long?)change.State).Bind(change.IsAdmin is { } isAdmin ? Convert.ToInt64(isAdmin) : null).Bind((long?)change.RequiredMethods)
            .Bind(change.QuotaBytes is not null).Bind(change.QuotaBytes?.Value).Bind(change.QuotaFiles is not null).Bind(change.QuotaFiles?.Value).Run();
    }

    private static IEnumerable<(string Kind, string Detail)> LinesOf(UserChange change)
    {
        if (change.State is { } state)
        {
            yield return (state == UserState.Active ? "user.enable" : "user.disable", "");
        }

        if (change.IsAdmin is { } isAdmin)
        {
            yield return ("user.admin", isAdmin ? "yes" : "no");
        }

        if (change.RequiredMethods is { } required)
        {
            yield return ("user.requires", required.ToString());
        }

        if (change.QuotaBytes is not null || change.QuotaFiles is not null)
        {
            yield return ("user.quota", $"bytes {Words(change.QuotaBytes)}, files {Words(change.QuotaFiles)}");
        }
    }

    /// <summary>Runs one change of one account and returns the account as it is then.</summary>
    private async Task<UserInfo> ChangeAsync(Actor actor, string kind, string subject, string detail, Func<CatalogTransaction, long> change, CancellationToken ct)
    {
        var account = await catalog.WriteAsync(
            transaction =>
            {
                var id = change(transaction);
                Audit(transaction, actor, kind, subject, detail);
                return Refresh(transaction, id);
            },
            ct);
        return account.User;
    }

    private Account Refresh(CatalogTransaction transaction, long id)
    {
        var account = AccountRows.LoadAccount(transaction, id) ?? throw new InvalidOperationException("An account vanished within its own change.");
        transaction.AfterCommit(() => directory.Update(snapshot => snapshot.With(account)));
        return account;
    }

    private void Audit(CatalogTransaction transaction, Actor actor, string kind, string subject, string detail) =>
        AuditRows.Add(transaction, new AuditEntry(0, FileTime.Now(clock), kind, actor.Name, subject, actor.Peer, actor.Frontend, detail));

    private async Task<string> HashNewAsync(ReadOnlyMemory<byte> password, CancellationToken ct)
    {
        CheckNewPassword(password.Span);
        return await passwords.HashAsync(password, "admin", ct);
    }

    private static void CheckNewPassword(ReadOnlySpan<byte> password)
    {
        if (password.Contains((byte)0))
        {
            throw FluxException.Invalid("A password must not contain a NUL byte.");
        }

        if (password.Length > Limits.PasswordBytesMax)
        {
            throw FluxException.Invalid($"A password has at most {Limits.PasswordBytesMax} bytes.");
        }

        if (!System.Text.Unicode.Utf8.IsValid(password))
        {
            throw FluxException.Invalid("A password must be UTF-8 text.");
        }

        if (Encoding.UTF8.GetCharCount(password) < Limits.PasswordCharsMin)
        {
            throw FluxException.Invalid($"A password has at least {Limits.PasswordCharsMin} characters.");
        }
    }

    private static void CheckQuota(long? bytes, long? files)
    {
        if (bytes < 0 || files < 0)
        {
            throw FluxException.Invalid("A quota is 0 or more, or none.");
        }
    }

    private static void CheckAgainst(Usage used, long? bytes, long? files, string name)
    {
        if (bytes < used.Bytes || files < used.Files)
        {
            throw FluxException.Conflict($"{name} holds {used.Bytes} bytes in {used.Files} files: a quota below that would only stop uploads; choose one that is not lower.");
        }
    }

    private long? ExpiryOf(bool oneTime) => oneTime ? FileTime.From(clock.GetUtcNow() + AccountLimits.OneTimePasswordLife).Nanoseconds : null;

    private static string Describe(NewUser user) =>
        (user.IsAdmin ? "admin" : "user") + (user.Password is null ? ", no password" : user.OneTimePassword ? ", one-time password" : "");

    private static string Words(Quota? quota) =>
        quota is null ? "as before" : quota.Value.Value?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none";

    private static Account Known(Snapshot snapshot, string name) => snapshot.Find(name) ?? throw NoUser(name);

    private static FluxException NoUser(string name) => FluxException.NotFound($"There is no user \"{AccountName.Clean(name)}\"; see them with: fluxctl users list");

    private static long KnownId(CatalogReader reader, string name) => IdOf(reader, name) ?? throw NoUser(name);

    private static long? IdOf(CatalogReader reader, string name)
    {
        using var row = reader.Sql("SELECT id FROM user WHERE name = ?1 AND state <> 3").Bind(AccountName.Normalize(name));
        return row.RunScalar();
    }

    private static int Run(CatalogTransaction transaction, string sql, long id)
    {
        using var statement = transaction.Sql(sql).Bind(id);
        return statement.Run();
    }
}

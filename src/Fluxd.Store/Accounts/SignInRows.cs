using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Accounts;

/// <summary>Browser sign-ins in the catalogue. The frontend bounds their number; a row without an account is never given out.</summary>
internal sealed class SignInRows(SqliteCatalog catalog, AccountJournal journal) : ISignIns
{
    public IReadOnlyList<SignIn> Kept { get; private set; } = [];

    /// <summary>Called once, before the first request.</summary>
    public async Task LoadAsync(CancellationToken ct) => Kept = await catalog.ReadAsync(
        reader =>
        {
            var found = new List<SignIn>();
            using var rows = reader.Sql("""
                SELECT s.id, s.user, u.name, s.credential, s.credential_id, s.scopes, s.path_prefix, s.is_admin, s.must_change, s.created, s.last_seen, s.peer, s.client
                FROM session s JOIN user u ON u.id = s.user ORDER BY s.last_seen DESC LIMIT ?1
                """);
            rows.Bind(AccountLimits.SignInsMax);
            while (rows.Step())
            {
                found.Add(Read(rows));
            }

            return found;
        },
        ct);

    public Task KeepAsync(SignIn signIn, CancellationToken ct) => catalog.WriteAsync(
        transaction =>
        {
            var who = signIn.Principal;
            using var insert = transaction.Sql("""
                INSERT INTO session(id, user, credential, credential_id, scopes, path_prefix, is_admin, must_change, created, last_seen, peer, client)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                """);
            insert.Bind(signIn.Key.Span).Bind(who.UserId).Bind((int)who.Credential).Bind(who.CredentialId).Bind((int)who.Scopes).Bind(who.PathPrefix.ToBytes())
                .Bind(who.IsAdmin ? 1 : 0).Bind(who.MustChangePassword ? 1 : 0).Bind(Nanoseconds(signIn.StartedAt)).Bind(Nanoseconds(signIn.SeenAt))
                .Bind(signIn.Peer).Bind(signIn.Client).Run();
        },
        ct);

    public void Seen(ReadOnlyMemory<byte> key, DateTimeOffset at) => journal.Write(transaction =>
    {
        using var update = transaction.Sql("UPDATE session SET last_seen = ?1 WHERE id = ?2 AND last_seen < ?1").Bind(Nanoseconds(at)).Bind(key.Span);
        update.Run();
    });

    public Task ForgetAsync(ReadOnlyMemory<byte> key, CancellationToken ct) => catalog.WriteAsync(transaction => Delete(transaction, key), ct);

    public void Forget(ReadOnlyMemory<byte> key) => journal.Write(transaction => Delete(transaction, key));

    private static void Delete(CatalogTransaction transaction, ReadOnlyMemory<byte> key)
    {
        using var delete = transaction.Sql("DELETE FROM session WHERE id = ?1").Bind(key.Span);
        delete.Run();
    }

    private static SignIn Read(Catalog.Sqlite.Statement row)
    {
        var who = new Principal
        {
            UserId = row.Long(1),
            UserName = row.Text(2),
            Credential = (CredentialKind)row.Int(3),
            CredentialId = row.Text(4),
            Scopes = (Scopes)row.Int(5),
            PathPrefix = FilePath.Parse(row.Span(6)),
            IsAdmin = row.Int(7) != 0,
            MustChangePassword = row.Int(8) != 0,
        };
        return new SignIn(row.Bytes(0), who, row.Text(11), row.Text(12), Time(row.Long(9)), Time(row.Long(10)));
    }

    private static long Nanoseconds(DateTimeOffset time) => FileTime.From(time).Nanoseconds;

    private static DateTimeOffset Time(long nanoseconds) => new FileTime(nanoseconds).ToDateTimeOffset();
}

using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Accounts;

/// <summary>SSH keys and API keys.</summary>
internal sealed partial class AccountBook
{
    public IReadOnlyList<SshKeyInfo> SshKeys(string userName) => [.. Known(directory.Current, userName).Keys.Select(key => key.Info)];

    public async Task<SshKeyInfo> AddSshKeyAsync(Actor actor, string userName, string line, CancellationToken ct)
    {
        var key = SshPublicKey.Parse(line);
        var name = AccountName.Normalize(userName);
        await ChangeAsync(
            actor, "key.add", name, key.Fingerprint,
            transaction =>
            {
                var id = KnownId(transaction, name);
                CheckNew(transaction, id, name, key);
                Insert(transaction, id, key);
                return id;
            },
            ct);
        return Known(directory.Current, name).Keys.FirstOrDefault(row => row.Info.Fingerprint == key.Fingerprint)?.Info
            ?? throw FluxException.Conflict("The key was added, and somebody else has removed it since.");
    }

    public Task RemoveSshKeyAsync(Actor actor, string userName, string key, CancellationToken ct)
    {
        var name = AccountName.Normalize(userName);
        var found = Known(directory.Current, name).Keys.FirstOrDefault(row => IsCalled(row.Info, key))?.Info
            ?? throw FluxException.NotFound($"{name} has no such key; see them with: fluxctl keys list {name}");
        return ChangeAsync(
            actor, "key.remove", name, found.Fingerprint,
            transaction =>
            {
                if (Run(transaction, "DELETE FROM ssh_key WHERE id = ?1", found.Id) == 0)
                {
                    throw FluxException.NotFound("The key has been removed already.");
                }

                return KnownId(transaction, name);
            },
            ct);
    }

    public IReadOnlyList<TokenInfo> Tokens(string? userName)
    {
        var snapshot = directory.Current;
        var tokens = userName is null ? snapshot.Tokens.Values : Known(snapshot, userName).Tokens.AsEnumerable();
        return [.. tokens.Select(token => token.Info).OrderBy(token => token.UserName, StringComparer.Ordinal).ThenBy(token => token.CreatedAt)];
    }

    public async Task<CreatedToken> CreateTokenAsync(Actor actor, NewToken token, CancellationToken ct)
    {
        Check(token);
        var name = AccountName.Normalize(token.UserName);
        var (id, text) = TokenText.New();
        await ChangeAsync(
            actor, "token.create", name, $"{id}: {token.Scopes.ToString().ToLowerInvariant()}",
            transaction =>
            {
                var user = KnownId(transaction, name);
                Insert(transaction, user, name, id, text, token);
                return user;
            },
            ct);
        return new CreatedToken(directory.Current.Tokens[id].Info, text);
    }

    public async Task<TokenInfo> RevokeTokenAsync(Actor actor, string id, CancellationToken ct)
    {
        var token = directory.Current.Tokens.GetValueOrDefault(id)
            ?? throw FluxException.NotFound("There is no such API key; see them with: fluxctl tokens list");
        await ChangeAsync(
            actor, "token.revoke", token.Info.UserName, id,
            transaction =>
            {
                using var update = transaction.Sql("UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL").Bind(id).Bind(FileTime.Now(clock).Nanoseconds);
                return update.Run() > 0 ? token.UserId : throw FluxException.Conflict("The API key has been revoked already.");
            },
            ct);
        return directory.Current.Tokens[id].Info;
    }

    private static bool IsCalled(SshKeyInfo key, string name) =>
        key.Fingerprint == name || key.Id.ToString(System.Globalization.CultureInfo.InvariantCulture) == name;

    private static void CheckNew(CatalogTransaction transaction, long user, string name, SshPublicKey key)
    {
        using (var same = transaction.Sql("SELECT id FROM ssh_key WHERE user = ?1 AND blob = ?2").Bind(user).Bind(key.Blob))
        {
            if (same.RunScalar() is not null)
            {
                throw new FluxException(FluxError.Exists, $"{name} has this key already ({key.Fingerprint}).");
            }
        }

        using var count = transaction.Sql("SELECT count(*) FROM ssh_key WHERE user = ?1").Bind(user);
        if (count.RunScalar() >= Limits.SshKeysPerUserMax)
        {
            throw new FluxException(FluxError.TooLarge, $"{name} has {Limits.SshKeysPerUserMax} keys, the most possible; remove one first.");
        }
    }

    private void Insert(CatalogTransaction transaction, long user, SshPublicKey key)
    {
        using var insert = transaction.Sql(
            "INSERT INTO ssh_key(id, user, type, blob, comment, from_list, expires, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        insert.Bind(transaction.NextId("ssh_key")).Bind(user).Bind(key.Type).Bind(key.Blob).Bind(key.Comment).Bind(key.From.Text)
            .Bind(key.ExpiresAt?.Nanoseconds).Bind(FileTime.Now(clock).Nanoseconds).Run();
    }

    private void Check(NewToken token)
    {
        if (token.Scopes == Scopes.None || (token.Scopes & ~Scopes.All) != 0)
        {
            throw FluxException.Invalid("An API key needs at least one scope of read, write, share, admin.");
        }

        if (token.Name.Length > AccountLimits.TokenNameCharsMax || token.Name.Any(char.IsControl))
        {
            throw FluxException.Invalid($"An API key's name has at most {AccountLimits.TokenNameCharsMax} characters, none of them a control character.");
        }

        if (token.ExpiresAt <= FileTime.Now(clock))
        {
            throw FluxException.Invalid("The API key would have expired already; choose a later time.");
        }
    }

    private void Insert(CatalogTransaction transaction, long user, string name, string id, string text, NewToken token)
    {
        using (var admin = transaction.Sql("SELECT is_admin FROM user WHERE id = ?1").Bind(user))
        {
            if (token.Scopes.HasFlag(Scopes.Admin) && admin.RunScalar() != 1)
            {
                throw FluxException.Denied($"{name} is no administrator, so an API key of theirs can't have the scope admin.");
            }
        }

        using (var count = transaction.Sql("SELECT count(*) FROM token WHERE user = ?1").Bind(user))
        {
            if (count.RunScalar() >= Limits.TokensPerUserMax)
            {
                throw new FluxException(FluxError.TooLarge, $"{name} has had {Limits.TokensPerUserMax} API keys, the most possible; revoked ones are kept for the audit log.");
            }
        }

        using var insert = transaction.Sql(
            "INSERT INTO token(id, user, name, secret_hash, scopes, path_prefix, expires, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        insert.Bind(id).Bind(user).Bind(token.Name).Bind(TokenText.Hash(text)).Bind((long)token.Scopes).Bind(token.PathPrefix.ToBytes())
            .Bind(token.ExpiresAt?.Nanoseconds).Bind(FileTime.Now(clock).Nanoseconds).Run();
    }

    private void RevokeAll(CatalogTransaction transaction, long user)
    {
        using var update = transaction.Sql("UPDATE token SET revoked = ?2 WHERE user = ?1 AND revoked IS NULL").Bind(user).Bind(FileTime.Now(clock).Nanoseconds);
        update.Run();
    }
}

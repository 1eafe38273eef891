using System.Collections.Immutable;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Accounts;

/// <summary>Reads accounts out of the catalogue; the writes stand beside the changes that need them.</summary>
internal static class AccountRows
{
    private const string UserColumns =
        "SELECT id, name, state, is_admin, password, password_generation, must_change, password_expires, quota_bytes, quota_files, "
        + "required_methods, created, last_login FROM user";

    private const string KeyColumns = "SELECT id, type, blob, comment, from_list, expires, created, last_used FROM ssh_key WHERE user = ?1 ORDER BY id";

    private const string TokenColumns =
        "SELECT id, name, secret_hash, scopes, path_prefix, expires, created, last_used, revoked FROM token WHERE user = ?1 ORDER BY created, id";

    public static Snapshot LoadAll(CatalogReader reader)
    {
        var ids = new List<long>();
        using (var users = reader.Sql("SELECT id FROM user ORDER BY id"))
        {
            while (users.Step())
            {
                ids.Add(users.Long(0));
            }
        }

        return Snapshot.Of(ids.Select(id => LoadAccount(reader, id)!).ToList(), LoadGroups(reader), LoadFolders(reader));
    }

    public static Account? LoadAccount(CatalogReader reader, long id)
    {
        using var row = reader.Sql(UserColumns + " WHERE id = ?1").Bind(id);
        if (!row.Step())
        {
            return null;
        }

        var user = ReadUser(row);
        return new Account(user, row.TextOrNull(4), row.Long(5), LoadKeys(reader, user), LoadTokens(reader, user));
    }

    public static List<GroupRow> LoadGroups(CatalogReader reader)
    {
        var members = new Dictionary<long, List<long>>();
        using (var rows = reader.Sql("SELECT group_id, user FROM group_member ORDER BY group_id, user"))
        {
            while (rows.Step())
            {
                Bucket(members, rows.Long(0)).Add(rows.Long(1));
            }
        }

        var groups = new List<GroupRow>();
        using var group = reader.Sql("SELECT id, name, created FROM user_group ORDER BY id");
        while (group.Step())
        {
            groups.Add(new GroupRow(group.Long(0), group.Text(1), [.. members.GetValueOrDefault(group.Long(0), [])], new FileTime(group.Long(2))));
        }

        return groups;
    }

    public static List<FolderRow> LoadFolders(CatalogReader reader)
    {
        var rights = new Dictionary<long, List<RightRow>>();
        using (var rows = reader.Sql("SELECT folder, is_group, holder, access FROM folder_right ORDER BY folder, is_group, holder"))
        {
            while (rows.Step())
            {
                Bucket(rights, rows.Long(0)).Add(new RightRow(rows.Bool(1), rows.Long(2), (FolderAccess)rows.Int(3)));
            }
        }

        var folders = new List<FolderRow>();
        using var folder = reader.Sql("SELECT id, name, quota_bytes, quota_files, created FROM folder WHERE removed IS NULL ORDER BY id");
        while (folder.Step())
        {
            folders.Add(new FolderRow(
                folder.Long(0), folder.Text(1), folder.LongOrNull(2), folder.LongOrNull(3),
                [.. rights.GetValueOrDefault(folder.Long(0), [])], new FileTime(folder.Long(4))));
        }

        return folders;
    }

    private static UserInfo ReadUser(Statement row) => new()
    {
        Id = row.Long(0),
        Name = row.Text(1),
        State = (UserState)row.Int(2),
        IsAdmin = row.Bool(3),
        HasPassword = !row.IsNull(4),
        MustChangePassword = row.Bool(6),
        PasswordExpiresAt = Time(row, 7),
        QuotaBytes = row.LongOrNull(8),
        QuotaFiles = row.LongOrNull(9),
        RequiredMethods = (AuthMethods)row.Int(10),
        CreatedAt = new FileTime(row.Long(11)),
        LastLoginAt = Time(row, 12),
    };

    private static ImmutableArray<SshKeyRow> LoadKeys(CatalogReader reader, UserInfo user)
    {
        var keys = ImmutableArray.CreateBuilder<SshKeyRow>();
        using var row = reader.Sql(KeyColumns).Bind(user.Id);
        while (row.Step())
        {
            var blob = row.Bytes(2);
            var from = row.Text(4);
            var info = new SshKeyInfo(
                row.Long(0), user.Name, row.Text(1), SshPublicKey.FingerprintOf(blob), row.Text(3), from,
                Time(row, 5), new FileTime(row.Long(6)), Time(row, 7));
            keys.Add(new SshKeyRow(info, blob, ReadFrom(from)));
        }

        return keys.ToImmutable();
    }

    // It was checked when it was written: a list that can't be read now must refuse, not open the door.
    private static AddressPatterns ReadFrom(string text) =>
        text.Length == 0 ? AddressPatterns.Anywhere
        : AddressPatterns.TryParse(text, out var patterns, out _) ? patterns
        : AddressPatterns.Nowhere;

    private static ImmutableArray<TokenRow> LoadTokens(CatalogReader reader, UserInfo user)
    {
        var tokens = ImmutableArray.CreateBuilder<TokenRow>();
        using var row = reader.Sql(TokenColumns).Bind(user.Id);
        while (row.Step())
        {
            var info = new TokenInfo(
                row.Text(0), user.Name, row.Text(1), (Scopes)row.Int(3), FilePath.Parse(row.Span(4)),
                Time(row, 5), new FileTime(row.Long(6)), Time(row, 7), Time(row, 8));
            tokens.Add(new TokenRow(info, user.Id, row.Bytes(2)));
        }

        return tokens.ToImmutable();
    }

    private static FileTime? Time(Statement row, int column) => row.LongOrNull(column) is { } time ? new FileTime(time) : null;

    private static List<T> Bucket<T>(Dictionary<long, List<T>> buckets, long key) =>
        buckets.TryGetValue(key, out var list) ? list : buckets[key] = [];
}

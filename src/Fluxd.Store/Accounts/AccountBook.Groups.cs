using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Accounts;

/// <summary>Groups, shared folders, and who may do what in them.</summary>
internal sealed partial class AccountBook
{
    public IReadOnlyList<GroupInfo> Groups
    {
        get
        {
            var snapshot = directory.Current;
            return [.. snapshot.Groups.Values.Select(group => Show(snapshot, group)).OrderBy(group => group.Name, StringComparer.Ordinal)];
        }
    }

    public IReadOnlyList<SharedFolderInfo> Folders
    {
        get
        {
            var snapshot = directory.Current;
            return [.. snapshot.Folders.Values.Select(folder => Show(snapshot, folder)).OrderBy(folder => folder.Name, StringComparer.Ordinal)];
        }
    }

    public async Task<GroupInfo> AddGroupAsync(Actor actor, string name, CancellationToken ct)
    {
        AccountName.CheckNew(name, "group");
        await ChangeSharedAsync(
            actor, "group.add", name, "",
            transaction =>
            {
                RefuseTaken(FindGroup(transaction, name), "group", name);
                RefuseBeyond(transaction, "SELECT count(*) FROM user_group", AccountLimits.GroupsMax, "groups");
                using var insert = transaction.Sql("INSERT INTO user_group(id, name, created) VALUES (?1, ?2, ?3)");
                insert.Bind(transaction.NextId("user_group")).Bind(name).Bind(FileTime.Now(clock).Nanoseconds).Run();
            },
            ct);
        return GroupNamed(name);
    }

    public Task RemoveGroupAsync(Actor actor, string name, CancellationToken ct) => ChangeSharedAsync(
        actor, "group.remove", AccountName.Normalize(name), "",
        transaction =>
        {
            var id = KnownGroup(transaction, name);
            Run(transaction, "DELETE FROM group_member WHERE group_id = ?1", id);
            Run(transaction, "DELETE FROM folder_right WHERE is_group = 1 AND holder = ?1", id);
            Run(transaction, "DELETE FROM user_group WHERE id = ?1", id);
        },
        ct);

    public async Task<GroupInfo> SetMemberAsync(Actor actor, string group, string userName, bool member, CancellationToken ct)
    {
        await ChangeSharedAsync(
            actor, member ? "group.join" : "group.leave", AccountName.Normalize(userName), AccountName.Normalize(group),
            transaction =>
            {
                var (id, user) = (KnownGroup(transaction, group), KnownId(transaction, userName));
                using var change = transaction.Sql(member
                    ? "INSERT INTO group_member(group_id, user) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
                    : "DELETE FROM group_member WHERE group_id = ?1 AND user = ?2");
                change.Bind(id).Bind(user).Run();
            },
            ct);
        return GroupNamed(group);
    }

    public async Task<SharedFolderInfo> AddFolderAsync(Actor actor, string name, long? quotaBytes, long? quotaFiles, CancellationToken ct)
    {
        AccountName.CheckNewFolder(name);
        CheckQuota(quotaBytes, quotaFiles);
        await ChangeSharedAsync(
            actor, "folder.add", name, "",
            transaction =>
            {
                RefuseTaken(FindFolder(transaction, name), "shared folder", name);
                RefuseBeyond(transaction, "SELECT count(*) FROM folder", AccountLimits.FoldersMax, "shared folders");
                using var insert = transaction.Sql("INSERT INTO folder(id, name, quota_bytes, quota_files, created) VALUES (?1, ?2, ?3, ?4, ?5)");
                insert.Bind(transaction.NextId("folder")).Bind(name).Bind(quotaBytes).Bind(quotaFiles).Bind(FileTime.Now(clock).Nanoseconds).Run();
            },
            ct);
        return FolderNamed(name);
    }

    public Task RemoveFolderAsync(Actor actor, string name, CancellationToken ct) => ChangeSharedAsync(
        actor, "folder.remove", name, "",
        transaction =>
        {
            var id = KnownFolder(transaction, name);
            Run(transaction, "DELETE FROM folder_right WHERE folder = ?1", id);
            using var update = transaction.Sql("UPDATE folder SET removed = ?2 WHERE id = ?1").Bind(id).Bind(FileTime.Now(clock).Nanoseconds);
            update.Run();
        },
        ct);

    public async Task<SharedFolderInfo> SetRightAsync(Actor actor, string folder, string holder, bool isGroup, FolderAccess? access, CancellationToken ct)
    {
        await ChangeSharedAsync(
            actor, access is null ? "folder.revoke" : "folder.grant", holder, $"{folder}: {access?.ToString().ToLowerInvariant() ?? "nothing"}",
            transaction =>
            {
                var id = KnownFolder(transaction, folder);
                var who = isGroup ? KnownGroup(transaction, holder) : KnownId(transaction, holder);
                SetRight(transaction, id, isGroup, who, access);
            },
            ct);
        return FolderNamed(folder);
    }

    private static void SetRight(CatalogTransaction transaction, long folder, bool isGroup, long holder, FolderAccess? access)
    {
        if (access is not { } right)
        {
            using var delete = transaction.Sql("DELETE FROM folder_right WHERE folder = ?1 AND is_group = ?2 AND holder = ?3");
            delete.Bind(folder).Bind(isGroup).Bind(holder).Run();
            return;
        }

        using var upsert = transaction.Sql(
            """
            INSERT INTO folder_right(folder, is_group, holder, access) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT(folder, is_group, holder) DO UPDATE SET access = excluded.access
            """);
        upsert.Bind(folder).Bind(isGroup).Bind(holder).Bind((long)right).Run();
    }

    private Task ChangeSharedAsync(Actor actor, string kind, string subject, string detail, Action<CatalogTransaction> change, CancellationToken ct) =>
        catalog.WriteAsync(
            transaction =>
            {
                change(transaction);
                Audit(transaction, actor, kind, subject, detail);
                RefreshShared(transaction);
            },
            ct);

    private void RefreshShared(CatalogTransaction transaction)
    {
        var groups = AccountRows.LoadGroups(transaction);
        var folders = AccountRows.LoadFolders(transaction);
        transaction.AfterCommit(() => directory.Update(snapshot => snapshot.With(groups, folders)));
    }

    private GroupInfo GroupNamed(string name) => directory.Current is var snapshot && snapshot.FindGroup(name) is { } group ? Show(snapshot, group) : throw NoGroup(name);

    private SharedFolderInfo FolderNamed(string name) =>
        directory.Current is var snapshot && snapshot.FindFolder(name) is { } folder ? Show(snapshot, folder) : throw NoFolder(name);

    private static GroupInfo Show(Snapshot snapshot, GroupRow group) =>
        new(group.Id, group.Name, [.. group.Members.Select(id => NameOf(snapshot, id)).Order(StringComparer.Ordinal)], group.CreatedAt);

    private static SharedFolderInfo Show(Snapshot snapshot, FolderRow folder) => new(
        folder.Id, folder.Name, folder.QuotaBytes, folder.QuotaFiles,
        [.. folder.Rights.Select(right => new FolderRight(
            right.IsGroup ? snapshot.Groups[right.Holder].Name : NameOf(snapshot, right.Holder), right.IsGroup, right.Access))],
        folder.CreatedAt);

    private static string NameOf(Snapshot snapshot, long user) => snapshot.Find(user)?.User.Name ?? "?";

    private static FluxException NoGroup(string name) =>
        FluxException.NotFound($"There is no group \"{AccountName.Clean(name)}\"; see them with: fluxctl groups list");

    private static FluxException NoFolder(string name) =>
        FluxException.NotFound($"There is no shared folder \"{AccountName.Clean(name)}\"; see them with: fluxctl folders list");

    private static long? FindGroup(CatalogReader reader, string name)
    {
        using var row = reader.Sql("SELECT id FROM user_group WHERE name = ?1").Bind(AccountName.Normalize(name));
        return row.RunScalar();
    }

    private static long KnownGroup(CatalogReader reader, string name) => FindGroup(reader, name) ?? throw NoGroup(name);

    private static long? FindFolder(CatalogReader reader, string name)
    {
        using var row = reader.Sql("SELECT id FROM folder WHERE name = ?1 AND removed IS NULL").Bind(name);
        return row.RunScalar();
    }

    private static long KnownFolder(CatalogReader reader, string name) => FindFolder(reader, name) ?? throw NoFolder(name);

    private static void RefuseTaken(long? id, string what, string name)
    {
        if (id is not null)
        {
            throw new FluxException(FluxError.Exists, $"There is a {what} \"{name}\" already.");
        }
    }

    private static void RefuseBeyond(CatalogReader reader, string count, int max, string what)
    {
        if (reader.Scalar(count) >= max)
        {
            throw new FluxException(FluxError.TooLarge, $"There are {max} {what}, the most possible.");
        }
    }
}

using System.Collections.Concurrent;
using System.Collections.Immutable;
using Fluxd.Core.Accounts;

namespace Fluxd.Store.Accounts;

/// <param name="Password">The self-describing hash.</param>
/// <param name="PasswordGeneration">Moves with each new password; what logged in with an older one is no longer valid.</param>
internal sealed record Account(UserInfo User, string? Password, long PasswordGeneration, ImmutableArray<SshKeyRow> Keys, ImmutableArray<TokenRow> Tokens);

internal sealed record SshKeyRow(SshKeyInfo Info, byte[] Blob, AddressPatterns From);

internal sealed record TokenRow(TokenInfo Info, long UserId, byte[] SecretHash);

internal sealed record GroupRow(long Id, string Name, ImmutableArray<long> Members, Core.Files.FileTime CreatedAt);

internal sealed record RightRow(bool IsGroup, long Holder, FolderAccess Access);

internal sealed record FolderRow(
    long Id, string Name, long? QuotaBytes, long? QuotaFiles, ImmutableArray<RightRow> Rights, Core.Files.FileTime CreatedAt);

/// <summary>
/// All accounts in memory, as of the newest commit: each login, and each question whether a session is still good, is
/// answered from here. Written on the committer's thread alone, in commit order; readers take one immutable snapshot.
/// </summary>
internal sealed class AccountDirectory
{
    private volatile Snapshot _current = Snapshot.Empty;

    public Snapshot Current => _current;

    /// <summary>Runs after each change of anybody's rights, on the committer's thread: must be quick and must not throw.</summary>
    public event Action? Changed;

    public void Replace(Snapshot snapshot) => _current = snapshot;

    public void Update(Func<Snapshot, Snapshot> change)
    {
        Touch(change);
        Changed?.Invoke();
    }

    /// <summary>A time of last use: nobody's rights changed.</summary>
    public void Touch(Func<Snapshot, Snapshot> change) => Replace(change(_current));
}

internal sealed class Snapshot
{
    public static readonly Snapshot Empty = new();

    private readonly ConcurrentDictionary<long, IReadOnlyList<FolderGrant>> _grants = [];

    /// <summary>Removed ones too: files name them as owners.</summary>
    public ImmutableDictionary<long, Account> Accounts { get; private init; } = ImmutableDictionary<long, Account>.Empty;

    public ImmutableDictionary<string, long> Names { get; private init; } = ImmutableDictionary<string, long>.Empty;

    public ImmutableDictionary<string, TokenRow> Tokens { get; private init; } = ImmutableDictionary<string, TokenRow>.Empty;

    public ImmutableDictionary<long, GroupRow> Groups { get; private init; } = ImmutableDictionary<long, GroupRow>.Empty;

    public ImmutableDictionary<long, FolderRow> Folders { get; private init; } = ImmutableDictionary<long, FolderRow>.Empty;

    public static Snapshot Of(IEnumerable<Account> accounts, IEnumerable<GroupRow> groups, IEnumerable<FolderRow> folders)
    {
        var all = accounts.ToImmutableDictionary(account => account.User.Id);
        return new Snapshot
        {
            Accounts = all,
            Names = all.Values.Where(account => account.User.State != UserState.Removed).ToImmutableDictionary(account => account.User.Name, account => account.User.Id),
            Tokens = all.Values.SelectMany(account => account.Tokens).ToImmutableDictionary(token => token.Info.Id),
            Groups = groups.ToImmutableDictionary(group => group.Id),
            Folders = folders.ToImmutableDictionary(folder => folder.Id),
        };
    }

    public Account? Find(string name) => Names.TryGetValue(AccountName.Normalize(name), out var id) ? Accounts[id] : null;

    public Account? Find(long id) => Accounts.GetValueOrDefault(id);

    public GroupRow? FindGroup(string name) => Groups.Values.FirstOrDefault(group => group.Name == AccountName.Normalize(name));

    public FolderRow? FindFolder(string name) => Folders.Values.FirstOrDefault(folder => folder.Name == name);

    public Snapshot With(Account account)
    {
        var before = Find(account.User.Id);
        var names = before is null ? Names : Names.Remove(before.User.Name);
        var tokens = before is null ? Tokens : Tokens.RemoveRange(before.Tokens.Select(token => token.Info.Id));
        return new Snapshot
        {
            Accounts = Accounts.SetItem(account.User.Id, account),
            Names = account.User.State == UserState.Removed ? names : names.SetItem(account.User.Name, account.User.Id),
            Tokens = tokens.SetItems(account.Tokens.Select(token => KeyValuePair.Create(token.Info.Id, token))),
            Groups = Groups,
            Folders = Folders,
        };
    }

    public Snapshot With(IEnumerable<GroupRow> groups, IEnumerable<FolderRow> folders) => new()
    {
        Accounts = Accounts,
        Names = Names,
        Tokens = Tokens,
        Groups = groups.ToImmutableDictionary(group => group.Id),
        Folders = folders.ToImmutableDictionary(folder => folder.Id),
    };

    /// <summary>The better of the user's own and the groups' rights, by name of the folder.</summary>
    public IReadOnlyList<FolderGrant> GrantsOf(long userId) => _grants.GetOrAdd(userId, FindGrants);

    private IReadOnlyList<FolderGrant> FindGrants(long userId)
    {
        var groups = Groups.Values.Where(group => group.Members.Contains(userId)).Select(group => group.Id).ToHashSet();
        return [.. Folders.Values
            .Select(folder => (Folder: folder, Access: Best(folder, userId, groups)))
            .Where(grant => grant.Access is not null)
            .OrderBy(grant => grant.Folder.Name, StringComparer.Ordinal)
            .Select(grant => new FolderGrant(
                grant.Folder.Id, grant.Folder.Name, grant.Access!.Value, grant.Folder.QuotaBytes, grant.Folder.QuotaFiles))];
    }

    private static FolderAccess? Best(FolderRow folder, long userId, HashSet<long> groups)
    {
        FolderAccess? best = null;
        foreach (var right in folder.Rights)
        {
            var applies = right.IsGroup ? groups.Contains(right.Holder) : right.Holder == userId;
            best = applies && (best is null || right.Access > best) ? right.Access : best;
        }

        return best;
    }
}

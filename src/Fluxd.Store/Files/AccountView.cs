using Fluxd.Core.Accounts;

namespace Fluxd.Store.Files;

/// <summary>All that the trees need to know of accounts; both answers come from memory and are current.</summary>
internal sealed record AccountView(Func<long, UserInfo?> FindUser, Func<long, IReadOnlyList<FolderGrant>> GrantsOf)
{
    public static AccountView Of(IAccounts accounts) => new(accounts.FindUser, accounts.GrantsOf);
}

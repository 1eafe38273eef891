using System.Text;
using Fluxd.Core.Accounts;

namespace Fluxd.Daemon.AdminSocket;

/// <param name="Password">One-time: it is shown now and stops working in a week unless it is changed.</param>
internal sealed record FirstUser(string Name, string Password)
{
    /// <summary>Makes an administrator where there is no user yet; null where there is one.</summary>
    public static async Task<FirstUser?> EnsureAsync(IAccounts accounts, string name, CancellationToken ct)
    {
        if (accounts.Users.Count > 0)
        {
            return null;
        }

        var password = OneTimePassword.New();
        await accounts.AddUserAsync(
            Actor.System,
            new NewUser { Name = name, Password = Encoding.UTF8.GetBytes(password), OneTimePassword = true, IsAdmin = true },
            ct);
        return new FirstUser(name, password);
    }
}

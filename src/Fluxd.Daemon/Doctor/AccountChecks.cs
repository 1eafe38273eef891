using Fluxd.Core.Accounts;
using Fluxd.Core.Admin;

namespace Fluxd.Daemon.Doctor;

/// <summary>What the accounts themselves show.</summary>
internal sealed class AccountChecks(IAccounts accounts) : IDoctorCheck
{
    public string Name => "security.passwords";

    public ValueTask<IReadOnlyList<CheckRecord>> RunAsync(CancellationToken ct)
    {
        var waiting = accounts.Users.Where(user => user.MustChangePassword).Select(user => user.Name).ToList();
        CheckRecord passwords = waiting.Count == 0
            ? new(Name, CheckState.Good, "No one-time password is waiting to be changed.")
            : new(Name, CheckState.Warning, "One-time passwords that were never changed: " + string.Join(", ", waiting.Take(10)), "fluxctl users passwd " + waiting[0]);
        CheckRecord users = accounts.Users.Count > 0
            ? new("accounts.users", CheckState.Good, "There are users.")
            : new("accounts.users", CheckState.Warning, "There is no user yet.", "fluxctl users add NAME");
        return new([passwords, users]);
    }
}

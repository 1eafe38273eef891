using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Store.Catalog;
using Fluxd.Store.Coordination;

namespace Fluxd.Store.Accounts;

/// <param name="PasswordIterations">Work factor of new hashes; older ones are raised at their next login.</param>
/// <param name="HashesAtOnce">Half the cores, so that a flood of logins leaves the other half to transfers.</param>
internal sealed record IdentityOptions(int PasswordIterations, int HashesAtOnce)
{
    public static readonly IdentityOptions Default = new(PasswordHash.IterationsDefault, Math.Max(1, Environment.ProcessorCount / 2));

    /// <summary>Asked at each login, so that a reload works at once.</summary>
    public Func<int> SessionsPerUser { get; init; } = () => int.MaxValue;
}

/// <summary>
/// Accounts, authenticator, coordinator and sessions over one catalogue: everything about who may come in. Owns the
/// loop that writes the audit log; dispose it before the catalogue.
/// </summary>
internal sealed class Identity : IAsyncDisposable
{
    private readonly AccountJournal _journal;

    private Identity(SqliteCatalog catalog, AccountDirectory directory, TimeProvider clock, IdentityOptions options, Action<Exception>? auditFailed)
    {
        Directory = directory;
        _journal = new AccountJournal(catalog, directory, clock, auditFailed);
        Passwords = new PasswordChecker(options.PasswordIterations, options.HashesAtOnce);
        var book = new AccountBook(catalog, directory, Passwords, _journal, clock);
        var coordinator = new Coordinator(clock, new CoordinatorRows(catalog, _journal, clock));
        var authenticator = new Authenticator(directory, book, Passwords, new VerifiedPasswords(clock), coordinator, _journal, clock);
        var sessions = new Sessions(clock, authenticator, options.SessionsPerUser);
        LocalSignIns = new SignInRows(catalog, _journal);
        (Accounts, LocalCoordinator, Authenticator, Sessions) = (book, coordinator, authenticator, sessions);
        directory.Changed += () => sessions.KillInvalid();
    }

    public IAccounts Accounts { get; }

    public ICoordinator Coordinator => LocalCoordinator;

    public IAuthenticator Authenticator { get; }

    public ISessions Sessions { get; }

    /// <summary>Addresses, accounts and pairs of them that must wait before they may try to log in again.</summary>
    public int PenaltiesNow => LocalCoordinator.PenaltiesNow;

    public ISignIns SignIns => LocalSignIns;

    private SignInRows LocalSignIns { get; }

    internal AccountDirectory Directory { get; }

    internal PasswordChecker Passwords { get; }

    private Coordinator LocalCoordinator { get; }

    /// <param name="auditFailed">Told when lines of the audit log can't be written.</param>
    public static async Task<Identity> OpenAsync(
        SqliteCatalog catalog, TimeProvider clock, IdentityOptions options, Action<Exception>? auditFailed, CancellationToken ct)
    {
        var directory = new AccountDirectory();

        // Inside a write, so that no change can fall between the reading and the first swap.
        await catalog.WriteAsync(transaction => directory.Replace(AccountRows.LoadAll(transaction)), ct);
        var identity = new Identity(catalog, directory, clock, options, auditFailed);
        await identity.LocalCoordinator.LoadAsync([Limiters.Passcode], ct);
        await identity.LocalSignIns.LoadAsync(ct);
        return identity;
    }

    /// <summary>Returns when every audit line so far is durable.</summary>
    public Task FlushAsync(CancellationToken ct) => _journal.FlushAsync(ct);

    public ValueTask DisposeAsync() => _journal.DisposeAsync();
}

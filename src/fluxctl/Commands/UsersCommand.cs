using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class UsersCommand
{
    private static readonly Argument<string> s_name = new("name") { Description = "The user's name" };
    private static readonly Option<bool> s_stdin = new("--password-stdin") { Description = "Read the password from standard input" };
    private static readonly Option<bool> s_oneTime = new("--one-time") { Description = "Let the daemon make a password that must be changed within a week, and print it" };
    private static readonly Option<bool> s_none = new("--no-password") { Description = "No password: the user logs in with SSH keys or API keys" };
    private static readonly Option<bool> s_admin = new("--admin") { Description = "May administer over the network, with the scope admin" };
    private static readonly Option<bool> s_notAdmin = new("--no-admin") { Description = "May no longer administer" };
    private static readonly Option<string?> s_bytes = new("--bytes") { Description = "Quota in bytes: 10G, 1.5T, 500M, none", HelpName = "SIZE" };
    private static readonly Option<string?> s_files = new("--files") { Description = "Quota in files: 100000, none", HelpName = "COUNT" };

    private static readonly Argument<string> s_who = new("who") { Description = "A removed user's name, or '#' and the number where several had it" };
    private static readonly Option<bool> s_yes = new("--yes") { Description = "Don't ask: what is purged can't be brought back" };
    private static readonly Option<bool> s_removed = new("--removed") { Description = "Who was removed and still has files here" };

    private static readonly Option<string[]> s_require = new("--require")
    {
        Description = "Ask for all of these in one login: publickey, password; none: any one is enough",
        HelpName = "METHOD",
        AllowMultipleArgumentsPerToken = true,
    };

    public static Command Make() => new Verb("users", "Who may log in, and how much they may keep.").With(
        new Verb(
            "add", "Makes a user. Asks for a password unless told otherwise.",
            "fluxctl users add anna", "fluxctl users add anna --password-stdin < secret.txt", "fluxctl users add robot --no-password --bytes 10G")
            .With(s_name, s_stdin, s_oneTime, s_none, s_admin, s_bytes, s_files, s_require).Does(AddAsync),
        new Verb("list", "All users; or those who were removed and whose files are still there.", "fluxctl users list", "fluxctl users list --removed --json")
            .With(s_removed).Does((context, ct) => context.Get(s_removed) ? ListRemovedAsync(context, ct) : ListAsync(context, ct)),
        new Verb("show", "Everything about one user.", "fluxctl users show anna").With(s_name).Does(async (context, ct) => context.Answer(
            (await context.Daemon.GetAsync(PathOf(context), AdminJson.Default.UserAnswer, ct)).User, AdminJson.Default.UserRecord, Print)),
        new Verb(
            "passwd", "Sets a password. What was logged in by the old one ends.", "fluxctl users passwd anna", "fluxctl users passwd anna --one-time")
            .With(s_name, s_stdin, s_oneTime).Does(PasswordAsync),
        new Verb("disable", "Ends all sessions of a user and lets nothing of theirs log in.", "fluxctl users disable anna").With(s_name)
            .Does((context, ct) => StateAsync(context, new SetStateRequest("disabled", null, null), "is disabled", ct)),
        new Verb("enable", "Takes a disable back; also changes admin and required methods.", "fluxctl users enable anna", "fluxctl users enable anna --require publickey password", "fluxctl users enable anna --require none")
            .With(s_name, s_admin, s_notAdmin, s_require).Does(EnableAsync),
        new Verb("remove", "Takes the name, the credentials and the rights away. The files stay in the store until they are purged.", "fluxctl users remove anna").With(s_name).Does(RemoveAsync),
        new Verb(
            "purge", "Takes away for good what a removed user left: files, old versions, trash, unfinished uploads. What lies in shared folders stays.",
            "fluxctl users purge anna", "fluxctl users purge '#7' --yes")
            .With(s_who, s_yes).Does(PurgeAsync),
        new Verb("quota", "How much a user may keep; the option that is left out stays as it is.", "fluxctl users quota anna --bytes 10G", "fluxctl users quota anna --bytes none --files 100000")
            .With(s_name, s_bytes, s_files).Does(QuotaAsync));

    private static string PathOf(Context context) => "users/" + AdminClient.Part(context.Get(s_name));

    private static async Task<int> AddAsync(Context context, CancellationToken ct)
    {
        var (name, oneTime, none) = (context.Get(s_name), context.Get(s_oneTime), context.Get(s_none));
        CheckOneSource(context, oneTime, none);
        var request = new AddUserRequest
        {
            Name = name,
            Password = oneTime || none ? null : await PasswordAsync(context, name, ct),
            OneTimePassword = oneTime,
            Admin = context.Get(s_admin),
            QuotaBytes = context.Get(s_bytes) is { } bytes ? Values.Size(bytes) : null,
            QuotaFiles = context.Get(s_files) is { } files ? Values.Count(files) : null,
            Requires = Required(context) ?? [],
        };
        var answer = await context.Daemon.SendAsync(
            HttpMethod.Post, "users", request, AdminJson.Default.AddUserRequest, AdminJson.Default.UserAnswer, ct);
        return context.Answer(answer, AdminJson.Default.UserAnswer, made => PrintChange(made, "was added"));
    }

    private static async Task<int> PasswordAsync(Context context, CancellationToken ct)
    {
        var oneTime = context.Get(s_oneTime);
        CheckOneSource(context, oneTime, none: false);
        var password = oneTime ? null : await PasswordAsync(context, context.Get(s_name), ct);
        var answer = await context.Daemon.SendAsync(
            HttpMethod.Put, PathOf(context) + "/password", new SetPasswordRequest(password, oneTime),
            AdminJson.Default.SetPasswordRequest, AdminJson.Default.UserAnswer, ct);
        return context.Answer(answer, AdminJson.Default.UserAnswer, changed => PrintChange(changed, "has a new password"));
    }

    private static Task<int> EnableAsync(Context context, CancellationToken ct)
    {
        if (context.Get(s_admin) && context.Get(s_notAdmin))
        {
            throw CommandFailure.Usage("--admin and --no-admin contradict each other.");
        }

        bool? admin = context.Get(s_admin) ? true : context.Get(s_notAdmin) ? false : null;
        return StateAsync(context, new SetStateRequest("active", admin, Required(context)), "is enabled", ct);
    }

    private static string[]? Required(Context context) =>
        !context.Has(s_require) ? null : context.Get(s_require) is ["none"] ? [] : context.Get(s_require);

    private static async Task<int> StateAsync(Context context, SetStateRequest request, string what, CancellationToken ct)
    {
        var answer = await context.Daemon.SendAsync(
            HttpMethod.Put, PathOf(context) + "/state", request, AdminJson.Default.SetStateRequest, AdminJson.Default.UserAnswer, ct);
        return context.Answer(answer, AdminJson.Default.UserAnswer, changed => PrintChange(changed, what));
    }

    private static async Task<int> RemoveAsync(Context context, CancellationToken ct) => context.Answer(
        await context.Daemon.DeleteAsync(PathOf(context), AdminJson.Default.UserAnswer, ct), AdminJson.Default.UserAnswer,
        removed => PrintChange(removed, "was removed; the files stay in the store until: fluxctl users purge " + removed.User.Name));

    private static async Task<int> ListAsync(Context context, CancellationToken ct) => context.Answer(
        await context.Daemon.GetAsync("users", AdminJson.Default.IReadOnlyListUserRecord, ct), AdminJson.Default.IReadOnlyListUserRecord, PrintAll);

    private static async Task<int> ListRemovedAsync(Context context, CancellationToken ct) => context.Answer(
        await context.Daemon.GetAsync("removed-users", AdminJson.Default.IReadOnlyListRemovedUserRecord, ct), AdminJson.Default.IReadOnlyListRemovedUserRecord,
        users => Show.Table(
            ["ID", "NAME", "CREATED", "FILES", "HOLDS", "VERSIONS AND TRASH"],
            users.Select(user => new[] { $"#{user.Id}", user.Name, Show.Time(user.CreatedAt), Show.Count(user.Files), Show.Size(user.Bytes), Show.Size(user.PastBytes) })));

    private static async Task<int> PurgeAsync(Context context, CancellationToken ct)
    {
        var who = context.Get(s_who);
        var daemon = context.Daemon.WithoutTimeout();
        if (!context.Get(s_yes))
        {
            Confirm(who, await daemon.GetAsync("removed-users", AdminJson.Default.IReadOnlyListRemovedUserRecord, ct));
        }

        return context.Answer(
            await daemon.DeleteAsync("removed-users/" + AdminClient.Part(who), AdminJson.Default.RemovedUserRecord, ct), AdminJson.Default.RemovedUserRecord,
            gone => Console.Out.WriteLine($"Gone for good: {gone.Files} files ({Show.Size(gone.Bytes)}) of {gone.Name}, and {Show.Size(gone.PastBytes)} of versions and trash. Garbage collection gives the space back."));
    }

    /// <summary>Who is asked must type the name: "y" is typed too fast for what can't be taken back.</summary>
    private static void Confirm(string who, IReadOnlyList<RemovedUserRecord> removed)
    {
        if (Console.IsInputRedirected)
        {
            throw CommandFailure.Usage("What is purged can't be brought back; say that you mean it with --yes.");
        }

        foreach (var user in removed.Where(user => user.Name.Equals(who, StringComparison.OrdinalIgnoreCase) || $"#{user.Id}" == who))
        {
            Console.Error.WriteLine($"#{user.Id} {user.Name}: {user.Files} files ({Show.Size(user.Bytes)}), {Show.Size(user.PastBytes)} of versions and trash.");
        }

        Console.Error.Write($"That can't be brought back. Type {Show.Plain(who)} again to purge it: ");
        if (Console.ReadLine() != who)
        {
            throw CommandFailure.Failed("That was something else; nothing was purged.");
        }
    }

    private static async Task<int> QuotaAsync(Context context, CancellationToken ct)
    {
        var (bytes, files) = (context.Get(s_bytes), context.Get(s_files));
        if (bytes is null && files is null)
        {
            throw CommandFailure.Usage("Say what to set: --bytes 10G, --files 100000, or none to take a limit away.");
        }

        var request = new SetQuotaRequest
        {
            SetBytes = bytes is not null,
            Bytes = bytes is null ? null : Values.Size(bytes),
            SetFiles = files is not null,
            Files = files is null ? null : Values.Count(files),
        };
        var answer = await context.Daemon.SendAsync(
            HttpMethod.Put, PathOf(context) + "/quota", request, AdminJson.Default.SetQuotaRequest, AdminJson.Default.UserAnswer, ct);
        return context.Answer(answer, AdminJson.Default.UserAnswer, changed => PrintChange(
            changed, $"may keep {Show.Size(changed.User.QuotaBytes)} in {Show.Count(changed.User.QuotaFiles)} files (none: no limit)"));
    }

    private static void CheckOneSource(Context context, bool oneTime, bool none)
    {
        if ((context.Get(s_stdin) ? 1 : 0) + (oneTime ? 1 : 0) + (none ? 1 : 0) > 1)
        {
            throw CommandFailure.Usage("Choose one of --password-stdin, --one-time and --no-password.");
        }
    }

    private static async Task<string> PasswordAsync(Context context, string name, CancellationToken ct) =>
        context.Get(s_stdin) ? await Passwords.FromStandardInputAsync(ct) : Passwords.FromPrompt(name);

    private static void PrintChange(UserAnswer answer, string what)
    {
        Console.Out.WriteLine($"{answer.User.Name} {what}.");
        if (answer.OneTimePassword is { } password)
        {
            Console.Out.WriteLine($"One-time password: {password}");
            Console.Out.WriteLine($"It works until {Show.Time(answer.User.PasswordExpiresAt)}; change it before: fluxctl users passwd {answer.User.Name}");
        }
    }

    private static void Print(UserRecord user) => Show.Lines(
        ("name", user.Name),
        ("state", user.State),
        ("administrator", Show.YesNo(user.Admin)),
        ("password", !user.HasPassword ? "none" : user.MustChangePassword ? "one-time, until " + Show.Time(user.PasswordExpiresAt) : "set"),
        ("requires", user.Requires.Count == 0 ? "any one credential" : string.Join(" and ", user.Requires)),
        ("holds", $"{Show.Size(user.UsedBytes)} in {user.UsedFiles} files"),
        ("quota", $"{Show.Size(user.QuotaBytes)}, {Show.Count(user.QuotaFiles)} files"),
        ("created", Show.Time(user.CreatedAt)),
        ("last login", Show.Time(user.LastLoginAt)));

    private static void PrintAll(IReadOnlyList<UserRecord> users) => Show.Table(
        ["NAME", "STATE", "ADMIN", "HOLDS", "QUOTA", "FILES", "LAST LOGIN"],
        users.Select(user => new[]
        {
            user.Name, user.State, Show.YesNo(user.Admin), Show.Size(user.UsedBytes), Show.Size(user.QuotaBytes), Show.Count(user.UsedFiles), Show.Time(user.LastLoginAt),
        }));
}

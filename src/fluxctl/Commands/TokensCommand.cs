using System.CommandLine;
using Fluxd.Core.Admin;

namespace Fluxctl.Commands;

internal static class TokensCommand
{
    private static readonly Argument<string> s_name = new("name") { Description = "The user's name" };
    private static readonly Argument<string?> s_optionalName = new("name") { Description = "Only this user's", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Argument<string> s_id = new("id") { Description = "The 12 characters after flx_" };

    private static readonly Option<string[]> s_scope = new("--scope")
    {
        Description = "What it may: read, write (with read), share, admin; several may be given",
        HelpName = "SCOPE",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<string?> s_path = new("--path") { Description = "Only this folder and what is below it", HelpName = "PATH" };
    private static readonly Option<string?> s_expires = new("--expires") { Description = "12h, 30d, 2027-01-31; never without it", HelpName = "WHEN" };
    private static readonly Option<string?> s_label = new("--label") { Description = "What it is for", HelpName = "TEXT" };

    public static Command Make() => new Verb("tokens", "API keys: credentials for programs.").With(
        new Verb(
            "create", "Makes an API key and prints it, once: only a hash is kept.",
            "fluxctl tokens create anna --scope write", "fluxctl tokens create anna --scope read --path /photos --expires 30d --label 'photo frame'")
            .With(s_name, s_scope, s_path, s_expires, s_label).Does(CreateAsync),
        new Verb("list", "API keys; revoked ones stay listed.", "fluxctl tokens list", "fluxctl tokens list anna").With(s_optionalName).Does(ListAsync),
        new Verb("revoke", "Ends an API key at once.", "fluxctl tokens revoke k3v9x2m4p7qd").With(s_id).Does(async (context, ct) => context.Answer(
            await context.Daemon.DeleteAsync("tokens/" + AdminClient.Part(IdOf(context.Get(s_id))), AdminJson.Default.TokenRecord, ct), AdminJson.Default.TokenRecord,
            token => Console.Out.WriteLine($"The API key {token.Id} of {token.User} was revoked."))));

    private static async Task<int> CreateAsync(Context context, CancellationToken ct)
    {
        var scopes = context.Get(s_scope)!.SelectMany(scope => scope.Split(',')).ToList();
        if (scopes.Contains("write") && !scopes.Contains("read"))
        {
            // Writing without reading would need a word of its own; people who say write mean both.
            scopes.Insert(0, "read");
        }

        var request = new CreateTokenRequest
        {
            Scopes = scopes,
            Name = context.Get(s_label) ?? "",
            PathPrefix = context.Get(s_path) ?? "/",
            ExpiresAt = context.Get(s_expires) is { } when ? Values.Expiry(when, TimeProvider.System) : null,
        };
        var answer = await context.Daemon.SendAsync(
            HttpMethod.Post, $"users/{AdminClient.Part(context.Get(s_name))}/tokens", request,
            AdminJson.Default.CreateTokenRequest, AdminJson.Default.TokenAnswer, ct);

        // The key alone on standard output: TOKEN=$(fluxctl tokens create …) just works.
        return context.Answer(answer, AdminJson.Default.TokenAnswer, made =>
        {
            Console.Error.WriteLine("Keep this API key now: it can't be shown again.");
            Console.Out.WriteLine(made.Secret);
        });
    }

    private static async Task<int> ListAsync(Context context, CancellationToken ct)
    {
        var path = context.GetOptional(s_optionalName) is { } name ? $"users/{AdminClient.Part(name)}/tokens" : "tokens";
        return context.Answer(
            await context.Daemon.GetAsync(path, AdminJson.Default.IReadOnlyListTokenRecord, ct), AdminJson.Default.IReadOnlyListTokenRecord, PrintAll);
    }

    /// <summary>The whole key is taken too: it is what people have at hand.</summary>
    private static string IdOf(string text) => text.StartsWith("flx_", StringComparison.Ordinal) && text.Length >= 16 ? text.Substring(4, 12) : text;

    private static void PrintAll(IReadOnlyList<TokenRecord> tokens) => Show.Table(
        ["ID", "USER", "SCOPES", "PATH", "LABEL", "EXPIRES", "LAST USED", "REVOKED"],
        tokens.Select(token => new[]
        {
            token.Id, token.User, string.Join(',', token.Scopes), token.PathPrefix, token.Name, Show.Time(token.ExpiresAt), Show.Time(token.LastUsedAt),
            token.RevokedAt is null ? "no" : Show.Time(token.RevokedAt),
        }));
}

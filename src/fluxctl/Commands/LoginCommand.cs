using System.CommandLine;
using System.Net.Http.Headers;
using System.Text;
using Fluxctl.Client;
using Fluxd.Core;
using Fluxd.Transports.Client;

namespace Fluxctl.Commands;

internal static class LoginCommand
{
    private static readonly Argument<string> Url = new("URL") { Description = "https://SERVER or https://SERVER:8443" };
    private static readonly Option<string?> User = new("--user") { Description = "Sign in by password (asked for, or on standard input) and keep a token for a day", HelpName = "NAME" };
    private static readonly Option<string?> Pin = new("--pin") { Description = "SHA-256 fingerprint of the server's self-made certificate", HelpName = "HEX" };

    public static Command Make() => new Verb(
        "login", "Remembers a server and how to sign in there. Without --user it reads an API key (flx_…) from standard input.",
        "fluxctl login https://files.example < key.txt", "fluxctl login https://192.168.1.5:8443 --user anna")
        .With(Url, User, Pin, ClientRun.ProfileOption)
        .Does(async (context, ct) =>
        {
            var url = Uri.TryCreate(context.Get(Url), UriKind.Absolute, out var given) && given.Scheme is "https" or "http"
                ? given
                : throw CommandFailure.Usage("The URL must begin with https:// (or http:// on this machine).");
            if (url.Scheme == "http" && !url.IsLoopback)
            {
                throw CommandFailure.Usage("Over plain http:// everybody on the way could read the key; use https://.");
            }

            await SignInAsync(context, url, ct);
            return ExitCodes.Good;
        });

    private static async Task SignInAsync(Context context, Uri url, CancellationToken ct)
    {
        var secret = await SecretAsync(context.Get(User), ct);
        var pin = context.Get(Pin);
        string? trusted = null;
        var target = new LinkTarget
        {
            Url = url,
            Authorization = context.Get(User) is { } user
                ? new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{secret}")))
                : new AuthenticationHeaderValue("Bearer", secret),
            Pin = pin,
            TrustOnFirstUse = fingerprint => (trusted ??= Ask(fingerprint)) == fingerprint,
        };
        try
        {
            var signedIn = await ServerSignIn.RunAsync(target, context.Get(User) is not null, ct);
            Profiles.Save(context.Get(ClientRun.ProfileOption) ?? "default", new Profile(url.ToString(), signedIn.User, signedIn.Token ?? secret, pin ?? trusted));
            Console.Out.WriteLine($"Signed in as {signedIn.User}{(trusted is null ? "" : "; this certificate is trusted from now on")}.");
        }
        catch (FluxException error)
        {
            throw CommandFailure.Failed(error.Message);
        }
        catch (HttpRequestException error)
        {
            throw new CommandFailure(ExitCodes.Unreachable, ClientRun.Unreachable(error));
        }
    }

    /// <summary>Never guessed: without a terminal to ask at, an unknown certificate needs --pin.</summary>
    private static string? Ask(string fingerprint)
    {
        if (Console.IsInputRedirected)
        {
            Console.Error.WriteLine($"Nobody vouches for the server's certificate, SHA-256 {fingerprint}. If that is what the server printed, add --pin {fingerprint}");
            return "";
        }

        Console.Error.Write($"Nobody vouches for the server's certificate.\nSHA-256 {fingerprint}\nIs that what the server printed at its start? Type yes to trust it: ");
        return Console.ReadLine() == "yes" ? fingerprint : "";
    }

    private static async Task<string> SecretAsync(string? user, CancellationToken ct)
    {
        if (Console.IsInputRedirected)
        {
            return (await Passwords.FromStandardInputAsync(ct)).Trim();
        }

        Console.Error.Write(user is null ? "API key: " : $"Password for {user}: ");
        var text = new StringBuilder();
        for (var key = Console.ReadKey(true); key.Key != ConsoleKey.Enter; key = Console.ReadKey(true))
        {
            _ = key.Key == ConsoleKey.Backspace ? text.Remove(Math.Max(0, text.Length - 1), Math.Min(1, text.Length)) : text.Append(key.KeyChar);
        }

        Console.Error.WriteLine();
        return text.ToString();
    }
}

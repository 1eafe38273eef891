using System.CommandLine;
using System.Net.Http.Headers;
using System.Text;
using Fluxctl.Client;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Transports.Client;

namespace Fluxctl.Commands;

internal static class LoginCommand
{
    private static readonly Argument<string> Url = new("URL") { Description = "https://SERVER, https://SERVER:8443 or quic://SERVER:8443" };
    private static readonly Option<string?> User = new("--user") { Description = "Sign in by password (asked for, or on standard input) and keep a token for a day", HelpName = "NAME" };
    private static readonly Option<string?> Pin = new("--pin") { Description = "SHA-256 fingerprint of the server's self-made certificate", HelpName = "HEX" };
    private static readonly Option<bool> AcceptNew = new("--accept-new") { Description = "Trust the certificate that the server shows now, and only that one from then on" };
    private static readonly Option<bool> PasswordStdin = new("--password-stdin") { Description = "Read the password (or the key) from standard input" };

    private static readonly TimeSpan TokenLifetime = TimeSpan.FromDays(1);

    public static Command Make() => new Verb(
        "login", "Remembers a server and how to sign in there. Without --user it reads an API key (flx_…) from standard input.",
        "fluxctl login https://files.example < key.txt", "fluxctl login https://192.168.1.5:8443 --user anna", "fluxctl login quic://192.168.1.5:8443 --user anna")
        .With(Url, User, PasswordStdin, Pin, AcceptNew, ClientRun.ProfileOption)
        .Does(async (context, ct) =>
        {
            var url = Uri.TryCreate(context.Get(Url), UriKind.Absolute, out var given) && given.Scheme is "https" or "http" or "quic"
                ? given
                : throw CommandFailure.Usage("The URL must begin with https:// or quic:// (or http:// on this machine).");
            if (url.Scheme == "http" && !url.IsLoopback)
            {
                throw CommandFailure.Usage("Over plain http:// everybody on the way could read the key; use https://.");
            }

            await (url.Scheme == "quic" ? SignInByQuicAsync(context, url, ct) : SignInAsync(context, url, ct));
            return ExitCodes.Good;
        });

    private static async Task SignInAsync(Context context, Uri url, CancellationToken ct)
    {
        var secret = await SecretAsync(context.Get(User), context.Get(PasswordStdin), ct);
        var pin = context.Get(Pin);
        string? trusted = null;
        var target = new LinkTarget
        {
            Url = url,
            Authorization = context.Get(User) is { } user
                ? new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{secret}")))
                : new AuthenticationHeaderValue("Bearer", secret),
            Pin = pin,
            TrustOnFirstUse = fingerprint => (trusted ??= context.Get(AcceptNew) ? fingerprint : Ask(fingerprint)) == fingerprint,
        };
        try
        {
            var signedIn = await ServerSignIn.RunAsync(target, context.Get(User) is not null, ct);
            Profiles.Save(context.Get(ClientRun.ProfileOption) ?? "default", new Profile(url.ToString(), signedIn.User, signedIn.Token ?? secret, pin ?? trusted));
            Console.Out.WriteLine($"Signed in as {signedIn.User}{(trusted is null ? "" : $"; the certificate with SHA-256 {trusted} is trusted from now on")}.");
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

    /// <summary>The password goes out only after the certificate is trusted: a first try without that ends in the handshake.</summary>
    private static async Task SignInByQuicAsync(Context context, Uri url, CancellationToken ct)
    {
        var secret = await SecretAsync(context.Get(User), context.Get(PasswordStdin), ct);
        Credential credential = context.Get(User) is { } user
            ? new PasswordCredential(user, Encoding.UTF8.GetBytes(secret))
            : new TokenCredential(secret);
        var address = url.IsDefaultPort || url.Port < 0 ? url.Host + ":8443" : url.Authority;
        var target = ClientRun.QuicTarget(address, credential, context.Get(Pin));
        string? shown = null;
        try
        {
            await FinishAsync(target with { TrustOnFirstUse = fingerprint => context.Get(AcceptNew) & (shown = fingerprint) is not null });
        }
        catch (FluxException error) when (error.Error == FluxError.Denied && shown is not null && Ask(shown) == shown)
        {
            await FinishAsync(target with { Pin = shown });
        }
        catch (FluxException error)
        {
            throw new CommandFailure(error.Error is FluxError.Unavailable or FluxError.Denied ? ExitCodes.Unreachable : ExitCodes.Failed, error.Message);
        }

        async Task FinishAsync(QuicTarget to)
        {
            await using var link = new QuicLink(to);
            var login = await link.ConnectAsync(ct);
            var token = context.Get(User) is null ? secret : await link.IssueTokenAsync(TokenLifetime, ct);
            var profile = new Profile("https://" + address, login.UserName, token, to.Pin ?? shown, address);
            Profiles.Save(context.Get(ClientRun.ProfileOption) ?? "default", profile);
            Console.Out.WriteLine($"Signed in as {login.UserName}{(shown is null ? "" : $"; the certificate with SHA-256 {shown} is trusted from now on")}.");
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

    private static async Task<string> SecretAsync(string? user, bool fromInput, CancellationToken ct)
    {
        if (fromInput || Console.IsInputRedirected)
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

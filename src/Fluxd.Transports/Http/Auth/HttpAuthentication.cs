using System.Security.Cryptography;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http.Auth;

/// <summary>
/// Finds the credential in a request and asks the core's judge: API keys and tokens (Bearer), passwords (Basic, only
/// over TLS or on this machine), browser sessions (cookie plus CSRF token), signed URLs.
/// </summary>
internal sealed class HttpAuthentication(HttpApi api)
{
    private HttpServices Services => api.Services;

    public async ValueTask SignInAsync(Exchange exchange, CancellationToken ct)
    {
        var authorization = exchange.Request.Headers.Authorization;
        exchange.Who = authorization.Count > 1 ? throw FluxException.Invalid("Send one Authorization header.")
            : authorization.Count == 1 && authorization[0] is { Length: > 0 } header ? await FromHeaderAsync(exchange, header, ct)
            : exchange.Route.Has(RouteTraits.Signable) && exchange.Query("sig") is not null ? FromUrl(exchange)
            : FromCookie(exchange) ?? throw Refused("Sign in: send an API key as \"Authorization: Bearer flx_…\", or a user name and password.");
    }

    private async ValueTask<Principal> FromHeaderAsync(Exchange exchange, string header, CancellationToken ct)
    {
        var space = header.IndexOf(' ');
        var scheme = space < 0 ? header : header[..space];
        var value = space < 0 ? "" : header[(space + 1)..].Trim();
        if (scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
        {
            return value.StartsWith("flx_", StringComparison.Ordinal)
                ? await AskAsync(new TokenCredential(value), exchange, ct)
                : api.Tokens.Verify(value) ?? throw await BadTokenAsync(exchange, ct);
        }

        if (scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase))
        {
            RequirePrivate(exchange);
            return await AskAsync(Basic(value), exchange, ct);
        }

        throw FluxException.Invalid("The Authorization header must be Bearer or Basic.");
    }

    public static void RequirePrivate(Exchange exchange)
    {
        if (!exchange.IsSecure && !exchange.Peer.IsLoopback)
        {
            throw FluxException.Denied("Passwords are accepted over HTTPS only, so that nobody on the way can read them.");
        }
    }

    public async Task<Principal> AskAsync(Credential credential, Exchange exchange, CancellationToken ct)
    {
        var result = await Services.Authenticator.AuthenticateAsync(credential, exchange.Peer, AuthMethods.None, ct);
        return result.Outcome switch
        {
            AuthOutcome.Success when result.Principal is { } who => who,
            AuthOutcome.Partial => throw Refused("This account asks for a second method, which HTTP can't offer; use an API key."),
            AuthOutcome.RateLimited => throw new FluxException(FluxError.RateLimited, "Too many failed sign-ins; wait before the next one.") { RetryAfter = result.RetryAfter },
            _ => throw Refused("The credentials are wrong, expired or withdrawn."),
        };
    }

    private static Credential Basic(string value)
    {
        var bytes = new byte[value.Length];
        if (!Convert.TryFromBase64String(value, bytes, out var length) || bytes.AsSpan(0, length).IndexOf((byte)':') is var colon && colon < 0)
        {
            throw FluxException.Invalid("Basic credentials must be the Base64 of \"user:password\".");
        }

        var user = Encoding.UTF8.GetString(bytes, 0, colon);
        var password = bytes.AsMemory(colon + 1, length - colon - 1);
        return password.Span.StartsWith("flx_"u8)
            ? new TokenCredential(Encoding.UTF8.GetString(password.Span), user.Length == 0 ? null : user)
            : new PasswordCredential(user, password);
    }

    private Principal FromUrl(Exchange exchange) =>
        api.Urls.Verify(exchange) ?? throw FluxException.Denied("The signature of this link does not hold for this path and method.");

    private Principal? FromCookie(Exchange exchange)
    {
        if (api.Sessions.Find(exchange) is not { } browser)
        {
            return null;
        }

        // The method on the wire counts: an override must not turn a forged form into more than a POST.
        if (!HttpMethods.IsGet(exchange.Request.Method) && !HttpMethods.IsHead(exchange.Request.Method))
        {
            var sent = exchange.Header("X-CSRF-Token") ?? "";
            if (Cors.IsCrossSite(exchange.Request) || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(sent), Encoding.UTF8.GetBytes(browser.Csrf)))
            {
                throw FluxException.Denied("The request lacks this session's X-CSRF-Token; reload the page.");
            }
        }

        exchange.Session = browser;
        return browser.Session.Principal;
    }

    private async ValueTask<Exception> BadTokenAsync(Exchange exchange, CancellationToken ct)
    {
        await Services.Coordinator.PunishAsync(exchange.Peer, null, Core.Coordination.Misdeed.AuthenticationFailed, ct);
        return Refused("The token is wrong or has expired; ask for a new one at /v1/auth/token.");
    }

    private static FluxException Refused(string words) => new(FluxError.Unauthenticated, words);
}

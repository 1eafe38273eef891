using System.Text;
using System.Text.Json;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Http.Auth;

internal static class AuthRoutes
{
    public static readonly Route[] All =
    [
        new("POST", "/v1/auth/login", "Sign a browser in: a session cookie and its CSRF token.", LoginAsync)
        {
            Traits = RouteTraits.Anonymous | RouteTraits.Account, Body = typeof(LoginBody), Answer = typeof(SessionAnswer),
        },
        new("GET", "/v1/auth/session", "The session of this browser and its CSRF token.", SessionAsync) { Answer = typeof(SessionAnswer) },
        new("POST", "/v1/auth/logout", "End this browser's session.", LogoutAsync) { Traits = RouteTraits.Account, Success = 204 },
        new("POST", "/v1/auth/token", "A short-lived bearer token with the same rights or fewer.", TokenAsync)
        {
            Traits = RouteTraits.Account, Body = typeof(TokenBody), Answer = typeof(TokenAnswer),
        },
        new("POST", "/v1/sign", "A signed URL for one download or one upload.", SignAsync)
        {
            Traits = RouteTraits.Account, Body = typeof(SignBody), Answer = typeof(SignAnswer),
        },
        new("GET", "/v1/whoami", "Who the credential belongs to and what it may do.", WhoAsync) { Answer = typeof(WhoAnswer) },
    ];

    private static async Task LoginAsync(Exchange x, CancellationToken ct)
    {
        HttpAuthentication.RequirePrivate(x);
        if (Cors.IsCrossSite(x.Request))
        {
            throw FluxException.Denied("Sign in from this server's own page.");
        }

        var body = await x.ReadJsonAsync(WireJson.Default.LoginBody, ct);
        if (string.IsNullOrEmpty(body.User) || string.IsNullOrEmpty(body.Password))
        {
            throw FluxException.Invalid("Both \"user\" and \"password\" are needed.");
        }

        Credential credential = body.Password.StartsWith("flx_", StringComparison.Ordinal)
            ? new TokenCredential(body.Password, body.User)
            : new PasswordCredential(body.User, Encoding.UTF8.GetBytes(body.Password));
        var who = await new HttpAuthentication(x.Api).AskAsync(credential, x, ct);
        x.Who = who;
        await AnswerAsync(x, await x.Api.Sessions.StartAsync(x, who, ct), ct);
    }

    private static Task SessionAsync(Exchange x, CancellationToken ct) => x.Session is { } session
        ? AnswerAsync(x, session, ct)
        : throw FluxException.NotFound("This request did not come with a browser session.");

    private static Task AnswerAsync(Exchange x, SignedInBrowser browser, CancellationToken ct) => x.JsonAsync(
        200,
        new SessionAnswer(browser.Session.Principal.UserName, browser.Session.Principal.IsAdmin, browser.Csrf, browser.Session.ExpiresAt),
        WireJson.Default.SessionAnswer,
        ct);

    private static async Task LogoutAsync(Exchange x, CancellationToken ct)
    {
        await x.Api.Sessions.EndAsync(x, ct);
        await x.AnswerAsync(204);
    }

    private static async Task TokenAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.TokenBody, ct);
        var lifetime = Lifetime(body.Seconds, HttpLimits.TokenLifetime, HttpLimits.TokenLifetimeMax);
        var wanted = body.Scope is null ? Scopes.All : ScopeText.Parse(body.Scope);
        var prefix = body.Path is null ? x.Who.PathPrefix : HttpPaths.FromText(body.Path);
        var (token, scopes) = x.Api.Tokens.Issue(x.Who, wanted, prefix, lifetime, body.Algorithm);
        await x.JsonAsync(200, new TokenAnswer(token, "Bearer", (int)lifetime.TotalSeconds, ScopeText.Write(scopes)), WireJson.Default.TokenAnswer, ct);
    }

    private static async Task SignAsync(Exchange x, CancellationToken ct)
    {
        var body = await x.ReadJsonAsync(WireJson.Default.SignBody, ct);
        var lifetime = Lifetime(body.Seconds, HttpLimits.SignedUrlLifetime, HttpLimits.SignedUrlLifetimeMax);
        var (url, expires) = x.Api.Urls.Sign(x.Who, HttpPaths.FromText(body.Path), body.Method.ToUpperInvariant(), lifetime);
        await x.JsonAsync(200, new SignAnswer(x.Link(url), expires), WireJson.Default.SignAnswer, ct);
    }

    private static TimeSpan Lifetime(int? seconds, TimeSpan usual, TimeSpan max) => seconds is not { } wanted ? usual
        : wanted > 0 && wanted <= max.TotalSeconds ? TimeSpan.FromSeconds(wanted)
        : throw FluxException.Invalid($"\"seconds\" must be from 1 to {(int)max.TotalSeconds}.");

    private static Task WhoAsync(Exchange x, CancellationToken ct) => x.JsonAsync(
        200,
        new WhoAnswer(x.Who.UserName, ScopeText.Write(x.Who.Scopes), x.Who.PathPrefix.ToString(), x.Who.IsAdmin, JsonNamingPolicy.KebabCaseLower.ConvertName(x.Who.Credential.ToString()), x.Who.MustChangePassword),
        WireJson.Default.WhoAnswer,
        ct);
}

using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http.Auth;

internal sealed class BrowserSession
{
    public required Principal Principal { get; init; }

    public required string Csrf { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset SeenAt { get; set; }

    public IDisposable? Registration { get; set; }

    public DateTimeOffset ExpiresAt => Min(SeenAt + HttpLimits.SessionIdle, StartedAt + HttpLimits.SessionAbsolute);

    private static DateTimeOffset Min(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}

/// <summary>
/// Sign-ins of browsers: an opaque cookie here, the session in this process. Only a hash of the cookie is kept.
/// They end at sign-out, by idling, by age, by an admin's kill, and when the account or its password changes.
/// Kept in memory: a restart asks people to sign in again.
/// </summary>
internal sealed class BrowserSessions(HttpServices services)
{
    public const string SecureCookie = "__Host-fluxd";
    public const string PlainCookie = "fluxd";

    private readonly ConcurrentDictionary<string, BrowserSession> _sessions = new();

    public BrowserSession Start(Exchange exchange, Principal who)
    {
        if (_sessions.Count >= HttpLimits.BrowserSessionsMax)
        {
            Sweep();
        }

        if (_sessions.Count >= HttpLimits.BrowserSessionsMax)
        {
            throw new FluxException(FluxError.Busy, "Too many browsers are signed in; try again later.") { RetryAfter = TimeSpan.FromMinutes(1) };
        }

        var secret = Random(32);
        var now = services.Clock.GetUtcNow();
        var session = new BrowserSession { Principal = who, Csrf = Random(18), StartedAt = now, SeenAt = now };
        var key = Key(secret);
        _sessions[key] = session;
        session.Registration = services.Sessions.Register(who, exchange.Peer, exchange.Header("User-Agent") ?? "", () => _sessions.TryRemove(key, out _));
        exchange.Response.Cookies.Append(exchange.IsSecure ? SecureCookie : PlainCookie, secret, Cookie(exchange));
        return session;
    }

    /// <summary>The live session of a request's cookie, or null.</summary>
    public BrowserSession? Find(Exchange exchange)
    {
        if (Secret(exchange) is not { } secret || !_sessions.TryGetValue(Key(secret), out var session))
        {
            return null;
        }

        var now = services.Clock.GetUtcNow();
        if (now >= session.ExpiresAt || !services.Authenticator.IsStillValid(session.Principal))
        {
            End(Key(secret));
            return null;
        }

        session.SeenAt = now;
        return session;
    }

    public void End(Exchange exchange)
    {
        if (Secret(exchange) is { } secret)
        {
            End(Key(secret));
        }

        exchange.Response.Cookies.Delete(exchange.IsSecure ? SecureCookie : PlainCookie, Cookie(exchange));
    }

    private void End(string key)
    {
        if (_sessions.TryRemove(key, out var session))
        {
            session.Registration?.Dispose();
        }
    }

    private void Sweep()
    {
        var now = services.Clock.GetUtcNow();
        foreach (var (key, _) in _sessions.Where(s => now >= s.Value.ExpiresAt))
        {
            End(key);
        }
    }

    private static string? Secret(Exchange exchange) =>
        exchange.Request.Cookies[exchange.IsSecure ? SecureCookie : PlainCookie] is { Length: > 0 and < 100 } secret ? secret : null;

    private static CookieOptions Cookie(Exchange exchange) => new()
    {
        HttpOnly = true,
        Secure = exchange.IsSecure,
        SameSite = SameSiteMode.Strict,
        Path = "/",
        MaxAge = HttpLimits.SessionAbsolute,
    };

    private static string Random(int bytes) => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(bytes));

    private static string Key(string secret) => Convert.ToHexString(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(secret)));
}

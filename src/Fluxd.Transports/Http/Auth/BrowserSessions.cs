using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Accounts;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Transports.Http.Auth;

internal sealed class BrowserSession
{
    public required Principal Principal { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset SeenAt { get; set; }

    /// <summary>As it was last written down.</summary>
    public required DateTimeOffset KeptAt { get; set; }

    public IDisposable? Registration { get; set; }

    public DateTimeOffset ExpiresAt => Min(SeenAt + HttpLimits.SessionIdle, StartedAt + HttpLimits.SessionAbsolute);

    private static DateTimeOffset Min(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}

/// <param name="Csrf">Made from the cookie's secret, so that nothing of it need be kept.</param>
internal sealed record SignedInBrowser(BrowserSession Session, string Csrf);

/// <summary>
/// Sign-ins of browsers: an opaque cookie there, the session here and, by the cookie's hash, in the catalogue, so that a
/// restart ends none. They end at sign-out, by idling, by age, by an admin's kill, and when the account or its password
/// changes. Thread-safe.
/// </summary>
internal sealed class BrowserSessions
{
    public const string SecureCookie = "__Host-fluxd";
    public const string PlainCookie = "fluxd";

    private readonly HttpServices _services;
    private readonly ConcurrentDictionary<string, BrowserSession> _sessions = new();

    public BrowserSessions(HttpServices services)
    {
        _services = services;
        foreach (var kept in services.SignIns?.Kept ?? [])
        {
            Restore(kept);
        }
    }

    public async Task<SignedInBrowser> StartAsync(Exchange exchange, Principal who, CancellationToken ct)
    {
        MakeRoom();
        var secret = Random(32);
        var (id, now, client) = (Hash(secret), _services.Clock.GetUtcNow(), exchange.Header("User-Agent") ?? "");
        var session = new BrowserSession { Principal = who, StartedAt = now, SeenAt = now, KeptAt = now };
        Add(id, session, exchange.Peer, client);
        try
        {
            await (_services.SignIns?.KeepAsync(new SignIn(id, who, exchange.Peer.Address.ToString(), Short(client), now, now), ct) ?? Task.CompletedTask);
        }
        catch
        {
            End(id);
            throw;
        }

        if (!_sessions.ContainsKey(Key(id)))
        {
            // Killed while it was written down: the deletion may have come first.
            await (_services.SignIns?.ForgetAsync(id, ct) ?? Task.CompletedTask);
        }

        exchange.Response.Cookies.Append(exchange.IsSecure ? SecureCookie : PlainCookie, secret, Cookie(exchange));
        return new SignedInBrowser(session, CsrfOf(secret));
    }

    /// <summary>The live session of a request's cookie, or null.</summary>
    public SignedInBrowser? Find(Exchange exchange)
    {
        if (Secret(exchange) is not { } secret)
        {
            return null;
        }

        var (id, now) = (Hash(secret), _services.Clock.GetUtcNow());
        if (!_sessions.TryGetValue(Key(id), out var session))
        {
            return null;
        }

        if (now >= session.ExpiresAt || !_services.Authenticator.IsStillValid(session.Principal))
        {
            End(id);
            return null;
        }

        session.SeenAt = now;
        if (now - session.KeptAt >= HttpLimits.SessionSeenPrecision)
        {
            session.KeptAt = now;
            _services.SignIns?.Seen(id, now);
        }

        return new SignedInBrowser(session, CsrfOf(secret));
    }

    public async Task EndAsync(Exchange exchange, CancellationToken ct)
    {
        if (Secret(exchange) is { } secret)
        {
            var id = Hash(secret);
            Drop(id);
            await (_services.SignIns?.ForgetAsync(id, ct) ?? Task.CompletedTask);
        }

        exchange.Response.Cookies.Delete(exchange.IsSecure ? SecureCookie : PlainCookie, Cookie(exchange));
    }

    private void Restore(SignIn kept)
    {
        var session = new BrowserSession { Principal = kept.Principal, StartedAt = kept.StartedAt, SeenAt = kept.SeenAt, KeptAt = kept.SeenAt };
        if (_sessions.Count >= HttpLimits.BrowserSessionsMax || _services.Clock.GetUtcNow() >= session.ExpiresAt || !_services.Authenticator.IsStillValid(kept.Principal))
        {
            _services.SignIns!.Forget(kept.Key);
            return;
        }

        try
        {
            Add(kept.Key.ToArray(), session, new PeerInfo(IPAddress.TryParse(kept.Peer, out var address) ? address : IPAddress.None, "http"), kept.Client);
        }
        catch (FluxException)
        {
            // More than the account may have by now: the newest came first.
            End(kept.Key.ToArray());
        }
    }

    private void Add(byte[] id, BrowserSession session, PeerInfo peer, string client)
    {
        _sessions[Key(id)] = session;
        try
        {
            session.Registration = _services.Sessions.Register(session.Principal, peer, client, () => End(id));
        }
        catch (FluxException)
        {
            _sessions.TryRemove(Key(id), out _);
            throw;
        }
    }

    private void End(byte[] id)
    {
        Drop(id);
        _services.SignIns?.Forget(id);
    }

    private void Drop(byte[] id)
    {
        if (_sessions.TryRemove(Key(id), out var session))
        {
            session.Registration?.Dispose();
        }
    }

    private void MakeRoom()
    {
        if (_sessions.Count >= HttpLimits.BrowserSessionsMax)
        {
            var now = _services.Clock.GetUtcNow();
            foreach (var (key, _) in _sessions.Where(s => now >= s.Value.ExpiresAt))
            {
                End(Convert.FromHexString(key));
            }
        }

        if (_sessions.Count >= HttpLimits.BrowserSessionsMax)
        {
            throw new FluxException(FluxError.Busy, "Too many browsers are signed in; try again later.") { RetryAfter = TimeSpan.FromMinutes(1) };
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

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    private static string Key(byte[] id) => Convert.ToHexString(id);

    /// <summary>A page that reads it learns nothing about the cookie.</summary>
    private static string CsrfOf(string secret) => Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), "fluxd csrf"u8).AsSpan(0, 18));

    private static string Short(string client) => client.Length <= HttpLimits.ClientCharsKept ? client : client[..HttpLimits.ClientCharsKept];
}

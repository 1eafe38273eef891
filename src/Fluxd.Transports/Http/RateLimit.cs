using System.Globalization;
using Fluxd.Core.Coordination;

namespace Fluxd.Transports.Http;

/// <summary>429 with the header families in use: RateLimit (the IETF draft's), X-RateLimit-* and Retry-After.</summary>
internal static class RateLimit
{
    public static HttpRefusal Refuse(Limiter limiter, RateDecision decision)
    {
        var retry = Seconds(decision.RetryAfter);
        return new HttpRefusal(429, "rate_limited", $"Too many requests; try again in {retry} s.")
        {
            Headers = headers =>
            {
                headers.RetryAfter = retry;
                headers["RateLimit-Policy"] = $"\"{limiter.Name}\";q={Text(limiter.Count)};w={Seconds(limiter.Window)}";
                headers["RateLimit"] = $"\"{limiter.Name}\";r={Text(decision.Remaining)};t={retry}";
                headers["X-RateLimit-Limit"] = Text(decision.Limit);
                headers["X-RateLimit-Remaining"] = Text(decision.Remaining);
                headers["X-RateLimit-Reset"] = Seconds(decision.ResetAfter);
            },
        };
    }

    private static string Seconds(TimeSpan time) => Text(Math.Max(1, (int)Math.Ceiling(time.TotalSeconds)));

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}

using Fluxd.Core;
using Fluxd.Transports.Http.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Fluxd.Transports.Http;

/// <summary>A refusal that has no <see cref="FluxError"/>: HTTP's own conditions. Codes are stable.</summary>
internal sealed class HttpRefusal(int status, string code, string detail) : Exception(detail)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    /// <summary>An absolute problem type where a standard names one; else about:blank is implied by the code.</summary>
    public string? Type { get; init; }

    public long? ExpectedOffset { get; init; }

    public long? ProvidedOffset { get; init; }

    public Action<IHeaderDictionary>? Headers { get; init; }
}

/// <summary>The one map from errors to problem documents (RFC 9457).</summary>
internal static class HttpErrors
{
    /// <summary>tus 1.0: the checksum of a part did not match.</summary>
    public const int ChecksumMismatch = 460;

    public static (int Status, string Code) Map(FluxError error) => error switch
    {
        FluxError.NotFound => (404, "not_found"),
        FluxError.Exists => (409, "exists"),
        FluxError.Conflict => (409, "conflict"),
        FluxError.Denied => (403, "denied"),
        FluxError.Unauthenticated => (401, "unauthenticated"),
        FluxError.QuotaExceeded => (507, "quota_exceeded"),
        FluxError.NoSpace => (507, "no_space"),
        FluxError.TooLarge => (413, "too_large"),
        FluxError.Invalid => (400, "invalid"),
        FluxError.Gone => (410, "gone"),
        FluxError.Fenced => (409, "fenced"),
        FluxError.RateLimited => (429, "rate_limited"),
        FluxError.Corrupt => (500, "corrupt"),
        FluxError.Busy => (503, "busy"),
        FluxError.Unavailable => (503, "unavailable"),
        FluxError.LinkLoop => (409, "link_loop"),
        FluxError.IsFolder => (409, "is_folder"),
        FluxError.NotFolder => (409, "not_folder"),
        FluxError.NotEmpty => (409, "not_empty"),
        FluxError.Missing => (409, "missing"),
        _ => (500, "internal"),
    };

    /// <summary>What a caller is told about any exception; never a stack, a host path or another's text.</summary>
    public static Problem Describe(Exception error, string? transfer)
    {
        (int status, string code, string detail, string? type) = error switch
        {
            FluxException flux => Flux(flux),
            HttpRefusal refusal => (refusal.Status, refusal.Code, refusal.Message, refusal.Type),
            BadHttpRequestException bad => (bad.StatusCode, Bad(bad.StatusCode), Sentence(bad.StatusCode), null),
            System.Text.Json.JsonException => (400, "invalid", "The body is not the JSON that this call expects; see /v1/openapi.json.", null),
            _ => (500, "internal", "Something went wrong in the server; its log has the details under the transfer id.", null),
        };
        var inner = error as HttpRefusal;
        return new Problem
        {
            Type = type ?? $"urn:fluxd:{code}",
            Title = Title(status),
            Status = status,
            Code = code,
            Detail = detail,
            Transfer = transfer,
            ExpectedOffset = inner?.ExpectedOffset,
            ProvidedOffset = inner?.ProvidedOffset,
        };
    }

    private static (int, string, string, string?) Flux(FluxException error)
    {
        var (status, code) = Map(error.Error);
        return (status, code, error.Message, null);
    }

    private static string Bad(int status) => status == 413 ? "too_large" : status == 408 ? "too_slow" : "invalid";

    private static string Sentence(int status) => status switch
    {
        413 => "The request is larger than this call accepts.",
        408 => "The body came too slowly or stopped; what was durable is kept, so resume from there.",
        431 => "The request's headers are too long.",
        _ => "The request is malformed.",
    };

    public static string Title(int status) => status switch
    {
        400 => "Bad request",
        401 => "Sign in",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Method not allowed",
        408 => "Too slow",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition failed",
        413 => "Too large",
        415 => "Unsupported type",
        416 => "Range not satisfiable",
        426 => "Use HTTPS",
        429 => "Too many requests",
        431 => "Headers too long",
        460 => "Checksum mismatch",
        500 => "Server error",
        503 => "Try again",
        507 => "No space",
        _ => "Failed",
    };

    public static void SetRetry(HttpResponse response, Exception error)
    {
        if (error is FluxException { IsTransient: true } flux)
        {
            var seconds = Math.Max(1, (int)Math.Ceiling((flux.RetryAfter ?? TimeSpan.FromSeconds(1)).TotalSeconds));
            response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
        else if (error is HttpRefusal { Headers: { } headers })
        {
            headers(response.Headers);
        }
    }

    /// <summary>
    /// A page's own call. A browser that reads "Basic" in its answer opens a dialogue of its own, which holds the page up
    /// and whose password would go out with everything from then on.
    /// </summary>
    public static bool IsFromScript(HttpRequest request) => request.Headers.ContainsKey("X-CSRF-Token") || request.Headers["Sec-Fetch-Dest"] == "empty";

    public static void SetChallenge(HttpResponse response, bool basic)
    {
        response.Headers.Append(HeaderNames.WWWAuthenticate, "Bearer realm=\"fluxd\"");
        if (basic)
        {
            response.Headers.Append(HeaderNames.WWWAuthenticate, "Basic realm=\"fluxd\", charset=\"UTF-8\"");
        }
    }
}

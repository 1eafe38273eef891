using System.Globalization;
using Fluxd.Core;
using Fluxd.Core.Files;

namespace Fluxd.Transports.Http.Files;

internal enum ConditionResult
{
    Proceed,
    NotModified,
    Failed,
}

/// <summary>Conditional requests, evaluated in the order of RFC 9110, 13.2.2.</summary>
internal static class Conditions
{
    /// <summary>For reads: <paramref name="etag"/> and <paramref name="modified"/> describe what would be sent.</summary>
    public static ConditionResult Evaluate(Exchange x, string? etag, DateTimeOffset modified)
    {
        if (x.Header("If-Match") is { } match)
        {
            if (!Matches(match, etag, weak: false))
            {
                return ConditionResult.Failed;
            }
        }
        else if (Date(x.Header("If-Unmodified-Since")) is { } unmodified && Whole(modified) > unmodified)
        {
            return ConditionResult.Failed;
        }

        if (x.Header("If-None-Match") is { } none)
        {
            return !Matches(none, etag, weak: true) ? ConditionResult.Proceed
                : x.Method is "GET" or "HEAD" ? ConditionResult.NotModified : ConditionResult.Failed;
        }

        return x.Method is "GET" or "HEAD" && Date(x.Header("If-Modified-Since")) is { } since && Whole(modified) <= since
            ? ConditionResult.NotModified
            : ConditionResult.Proceed;
    }

    /// <summary>For writes: what the core checks again in the transaction that commits.</summary>
    public static Precondition ForWrite(Exchange x)
    {
        var condition = new Precondition();
        if (x.Header("If-Match") is { } match)
        {
            var tags = Split(match);
            condition = tags.Contains("*") ? condition with { MustExist = true } : condition with { MustExist = true, Tags = Parse(tags) };
        }

        if (x.Header("If-None-Match") is { } none)
        {
            var tags = Split(none);
            condition = tags.Contains("*") ? condition with { NotExists = true } : condition with { TagsNot = Parse(tags) };
        }

        return condition == Precondition.None ? Precondition.None : condition;
    }

    public static bool Any(Exchange x) => x.Request.Headers.IfMatch.Count > 0 || x.Request.Headers.IfNoneMatch.Count > 0;

    public static HttpRefusal Failed() =>
        new(412, "precondition_failed", "The file is not in the state that the request's conditions name; read it again.");

    /// <summary>Does a failed commit come from the conditions of this request?</summary>
    public static Exception Translate(FluxException error, Precondition condition) =>
        condition != Precondition.None && error.Error is FluxError.Conflict or FluxError.Exists ? Failed() : error;

    private static List<ReadOnlyMemory<byte>> Parse(List<string> tags) => [.. tags.Select(ETag.Parse).Where(t => t is not null).Select(t => (ReadOnlyMemory<byte>)t!)];

    private static List<string> Split(string header) => ETag.TrySplit(header, out var tags)
        ? tags
        : throw FluxException.Invalid("If-Match and If-None-Match hold \"*\" or quoted entity tags.");

    private static bool Matches(string header, string? etag, bool weak)
    {
        foreach (var tag in Split(header))
        {
            var plain = weak && tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;
            if (tag == "*" || (etag is not null && plain == etag))
            {
                return true;
            }
        }

        return false;
    }

    public static DateTimeOffset? Date(string? text) =>
        DateTimeOffset.TryParseExact(text, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) ? date : null;

    /// <summary>HTTP dates have whole seconds.</summary>
    public static DateTimeOffset Whole(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerSecond), TimeSpan.Zero);
}

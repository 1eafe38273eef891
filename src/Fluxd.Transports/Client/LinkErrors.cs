using System.Text.Json;
using Fluxd.Core;
using Fluxd.Transports.Http;
using Fluxd.Transports.Http.Wire;

namespace Fluxd.Transports.Client;

/// <summary>Turns an answer back into the core's error, also where a proxy and not fluxd gave it.</summary>
internal static class LinkErrors
{
    private const int BodyBytesMax = 64 << 10;

    private static readonly Dictionary<string, FluxError> ByCode =
        Enum.GetValues<FluxError>().ToDictionary(e => HttpErrors.Map(e).Code, e => e);

    public static async Task<FluxException> ReadAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        var problem = await ProblemAsync(answer, ct);
        var error = Error((int)answer.StatusCode, problem?.Code);
        var words = problem?.Detail ?? $"The server answered {(int)answer.StatusCode} {answer.ReasonPhrase}{(problem is null ? ", not in fluxd's words: a proxy before it may have spoken" : "")}.";
        if (problem?.Transfer is { } transfer)
        {
            words += $" (transfer {transfer})";
        }

        return new FluxException(error, words) { RetryAfter = answer.Headers.RetryAfter?.Delta };
    }

    /// <summary>One item's failure in an answer about many.</summary>
    public static FluxException Of(int status, string? code, string words) => new(Error(status, code), words);

    private static FluxError Error(int status, string? code) => code is not null && ByCode.TryGetValue(code, out var known) ? known : ByStatus(status);

    private static async Task<Problem?> ProblemAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json" || answer.Content.Headers.ContentLength > BodyBytesMax)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(await answer.Content.ReadAsByteArrayAsync(ct), WireJson.Default.Problem);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static FluxError ByStatus(int status) => status switch
    {
        400 or 405 or 411 or 414 or 415 or 431 => FluxError.Invalid,
        401 => FluxError.Unauthenticated,
        403 or 426 => FluxError.Denied,
        404 => FluxError.NotFound,
        409 or 412 or 416 => FluxError.Conflict,
        410 => FluxError.Gone,
        413 => FluxError.TooLarge,
        429 => FluxError.RateLimited,
        507 => FluxError.NoSpace,
        408 or >= 500 => FluxError.Unavailable,
        _ => FluxError.Invalid,
    };
}

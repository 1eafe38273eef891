using System.Text.Json;
using Fluxd.Core;
using Fluxd.Core.Admin;
using Microsoft.AspNetCore.Http;

namespace Fluxd.Daemon.AdminSocket;

/// <summary>The one place where the admin socket turns errors into problem+json.</summary>
internal static class AdminErrors
{
    public static int StatusOf(FluxError error) => error switch
    {
        FluxError.NotFound => StatusCodes.Status404NotFound,
        FluxError.Denied => StatusCodes.Status403Forbidden,
        FluxError.Unauthenticated => StatusCodes.Status401Unauthorized,
        FluxError.QuotaExceeded or FluxError.NoSpace => StatusCodes.Status507InsufficientStorage,
        FluxError.TooLarge => StatusCodes.Status413PayloadTooLarge,
        FluxError.Invalid => StatusCodes.Status400BadRequest,
        FluxError.Gone => StatusCodes.Status410Gone,
        FluxError.RateLimited => StatusCodes.Status429TooManyRequests,
        FluxError.Busy or FluxError.Unavailable => StatusCodes.Status503ServiceUnavailable,
        FluxError.Corrupt => StatusCodes.Status500InternalServerError,
        FluxError.Exists or FluxError.Conflict or FluxError.Fenced or FluxError.LinkLoop or FluxError.IsFolder
            or FluxError.NotFolder or FluxError.NotEmpty or FluxError.Missing => StatusCodes.Status409Conflict,
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, null),
    };

    public static string CodeOf(FluxError error) => JsonNamingPolicy.KebabCaseLower.ConvertName(error.ToString());

    public static async Task WriteAsync(HttpContext context, FluxError error, string detail, TimeSpan? retryAfter)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.Clear();
        context.Response.StatusCode = StatusOf(error);
        if (retryAfter is { } wait)
        {
            context.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        var code = CodeOf(error);
        var problem = new ProblemRecord("urn:fluxd:error:" + code, error.ToString(), StatusOf(error), detail, code);
        await context.Response.WriteAsJsonAsync(problem, AdminJson.Default.ProblemRecord, "application/problem+json", context.RequestAborted);
    }
}

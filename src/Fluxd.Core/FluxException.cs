namespace Fluxd.Core;

/// <summary>
/// An operation can't go on. The message is one plain sentence for the person at the other end:
/// it says what to do and never holds a host path, a stack or a secret.
/// </summary>
public sealed class FluxException : Exception
{
    public FluxException(FluxError error, string message, Exception? cause = null)
        : base(message, cause) => Error = error;

    public FluxError Error { get; }

    /// <summary>When a caller may come back, where the error knows it (RateLimited, Busy, Unavailable).</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>May the same call succeed later without a change by the caller?</summary>
    public bool IsTransient => Error is FluxError.RateLimited or FluxError.Busy or FluxError.Unavailable;

    public static FluxException NotFound(string message) => new(FluxError.NotFound, message);

    public static FluxException Invalid(string message) => new(FluxError.Invalid, message);

    public static FluxException Denied(string message) => new(FluxError.Denied, message);

    public static FluxException Conflict(string message) => new(FluxError.Conflict, message);
}

namespace Fluxd.Core;

/// <summary>
/// The closed list of ways an operation can fail. Every frontend maps it once, in its own <c>*Errors.cs</c>;
/// a test walks each code through each frontend.
/// </summary>
public enum FluxError
{
    /// <summary>No such file, folder, upload, user or version, or the caller may not know that it exists.</summary>
    NotFound,

    /// <summary>The name is taken and the caller asked not to replace.</summary>
    Exists,

    /// <summary>The state is not the one that the caller named (version, offset, digest, folder not empty).</summary>
    Conflict,

    /// <summary>The caller is known and may not do this.</summary>
    Denied,

    /// <summary>The caller did not prove who they are.</summary>
    Unauthenticated,

    /// <summary>The user's or folder's quota would be exceeded. What was accepted stays resumable.</summary>
    QuotaExceeded,

    /// <summary>The disk is too full to accept more.</summary>
    NoSpace,

    /// <summary>A size limit (body, name, frame, count) would be exceeded.</summary>
    TooLarge,

    /// <summary>The request makes no sense: the message says which part and what was expected.</summary>
    Invalid,

    /// <summary>It existed and has expired or was withdrawn.</summary>
    Gone,

    /// <summary>A newer writer took over this upload or handle.</summary>
    Fenced,

    /// <summary>A limiter or penalty refused; <see cref="FluxException.RetryAfter"/> says when to come back.</summary>
    RateLimited,

    /// <summary>Stored bytes do not match their checksum. Never repaired silently.</summary>
    Corrupt,

    /// <summary>A bounded resource is in use; try again.</summary>
    Busy,

    /// <summary>The part is stopping, read-only after a fault, or not there.</summary>
    Unavailable,

    /// <summary>A symbolic-link chain is too long or leads in a circle.</summary>
    LinkLoop,

    /// <summary>A folder was named where a file is needed.</summary>
    IsFolder,

    /// <summary>A file was named where a folder is needed.</summary>
    NotFolder,

    /// <summary>The folder still has entries.</summary>
    NotEmpty,

    /// <summary>The chunks or parts that this commit names are not all there; the caller sends them and asks again.</summary>
    Missing,
}

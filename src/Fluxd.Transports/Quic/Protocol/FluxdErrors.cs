using Fluxd.Core;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>The one map between the core's errors and the status byte of an answer. Numbers never change their meaning.</summary>
internal static class FluxdErrors
{
    public const byte Ok = 0;
    public const byte Internal = 255;

    public static byte Status(FluxError error) => error switch
    {
        FluxError.NotFound => 1,
        FluxError.Exists => 2,
        FluxError.Conflict => 3,
        FluxError.Denied => 4,
        FluxError.Unauthenticated => 5,
        FluxError.QuotaExceeded => 6,
        FluxError.NoSpace => 7,
        FluxError.TooLarge => 8,
        FluxError.Invalid => 9,
        FluxError.Gone => 10,
        FluxError.Fenced => 11,
        FluxError.RateLimited => 12,
        FluxError.Corrupt => 13,
        FluxError.Busy => 14,
        FluxError.Unavailable => 15,
        FluxError.LinkLoop => 16,
        FluxError.IsFolder => 17,
        FluxError.NotFolder => 18,
        FluxError.NotEmpty => 19,
        FluxError.Missing => 20,
        _ => Internal,
    };

    /// <summary>A status that we don't know yet counts as "try again later".</summary>
    public static FluxError Error(byte status) =>
        Enum.GetValues<FluxError>().Where(error => Status(error) == status).DefaultIfEmpty(FluxError.Unavailable).First();
}

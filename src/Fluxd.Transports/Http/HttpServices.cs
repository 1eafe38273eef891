using System.Net;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Fluxd.Core.Uploads;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Http;

/// <summary>Everything of the core that the HTTP frontend uses.</summary>
public sealed record HttpServices
{
    public required IFiles Files { get; init; }

    public required IUploads Uploads { get; init; }

    public required IChunkUploads Chunks { get; init; }

    public required IVersions Versions { get; init; }

    public required IChangeFeed Feed { get; init; }

    public required IAuthenticator Authenticator { get; init; }

    public required ICoordinator Coordinator { get; init; }

    public required ISessions Sessions { get; init; }

    /// <summary>Keeps browsers signed in over a restart; null: nothing does.</summary>
    public ISignIns? SignIns { get; init; }

    /// <summary>Keeps the answers to pushes over a restart; null: they are kept in memory.</summary>
    public IPushAnswers? PushAnswers { get; init; }

    public required ITransfers Transfers { get; init; }

    public required TimeProvider Clock { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Asked for each request, so that a reload works at once.</summary>
    public required Func<HttpOptions> Options { get; init; }

    /// <summary>Signs tokens and URLs: at least 32 random bytes that stay the same over restarts.</summary>
    public required ReadOnlyMemory<byte> Secret { get; init; }
}

/// <summary>What configuration decides about HTTP. Immutable; a reload makes a new one.</summary>
public sealed record HttpOptions
{
    public static readonly HttpOptions Default = new();

    /// <summary>Whose Forwarded or X-Forwarded-* headers are believed (<c>[http] trusted_proxies</c>).</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>Plain HTTP from beyond this machine is served too (<c>[http] allow_plain</c>).</summary>
    public bool AllowPlain { get; init; }

    /// <summary>Origins besides our own that browsers may call from; "*" for all, then without cookies.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>The address under which people reach the server (<c>[http] public_url</c>), for links; null: what the request names.</summary>
    public string? PublicUrl { get; init; }

    /// <summary>Where HTTPS is, for redirects; null when there is none.</summary>
    public int? TlsPort { get; init; }

    /// <summary>Send Strict-Transport-Security: right for a real certificate, a trap for a self-made one.</summary>
    public bool Hsts { get; init; }

    public int EventStreams { get; init; } = HttpLimits.EventStreamsMax;

    public Limiter Requests { get; init; } = Limiters.Requests;

    public Limiter Account { get; init; } = Limiters.Account;

    public LoggedRequests LogRequests { get; init; } = LoggedRequests.All;

    /// <summary>Whole paths in the log, with the names of files; else the route's pattern.</summary>
    public bool LogNames { get; init; }

    /// <summary>Accept PATCH, HEAD and DELETE as POST with X-HTTP-Method-Override.</summary>
    public bool MethodOverride { get; init; } = true;

    /// <summary>Largest part that one append may carry (Upload-Limit max-append-size); null for no bound.</summary>
    public long? PartBytesMax { get; init; }
}

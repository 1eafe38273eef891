using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Core.Transfers;
using Fluxd.Core.Uploads;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>Everything of the core that fluxd/1 uses.</summary>
public sealed record FluxdServices
{
    public required IAuthenticator Authenticator { get; init; }

    public required IFiles Files { get; init; }

    public required IUploads Uploads { get; init; }

    public required IChunkUploads Chunks { get; init; }

    public required IChangeFeed Feed { get; init; }

    /// <summary>Null where nobody lists sessions or transfers (tests).</summary>
    public ISessions? Sessions { get; init; }

    public ITransfers? Transfers { get; init; }

    /// <summary>Short-lived tokens for who is signed in, the same ones as HTTP's; null where none are issued.</summary>
    public Func<Principal, TimeSpan, string>? IssueToken { get; init; }

    /// <summary>Who a short-lived token stands for; null for a wrong, old or withdrawn one.</summary>
    public Func<string, Principal?>? VerifyToken { get; init; }

    public required ILoggerFactory Loggers { get; init; }
}

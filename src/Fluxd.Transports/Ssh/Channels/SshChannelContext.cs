using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;

namespace Fluxd.Transports.Ssh.Channels;

/// <summary>What a channel knows of its connection.</summary>
internal sealed record SshChannelContext(Principal Principal, PeerInfo Peer, string ClientVersion, IAuthenticator Authenticator, ICoordinator Coordinator, CancellationToken Draining)
{
    /// <summary>Why the server ended the connection; null while it has not.</summary>
    public Func<string?> EndedBecause { get; init; } = () => null;
}

using System.IO.Pipelines;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;

namespace Fluxd.Transports.Ssh.Channels;

/// <summary>
/// One open channel of a logged-in connection. <see cref="IDuplexPipe.Input"/> ends (IsCompleted) at the client's EOF;
/// reading it gives the window back, so what isn't read holds the client and never fills memory.
/// <see cref="IDuplexPipe.Output"/> waits in FlushAsync while the client's window or the socket is full. One reader and
/// one writer at a time. Neither need be completed: the session does it when the service returns.
/// </summary>
public interface ISshChannel : IDuplexPipe
{
    Principal Principal { get; }

    PeerInfo Peer { get; }

    /// <summary>The client's version line after <c>SSH-2.0-</c>, to know its habits by.</summary>
    string ClientVersion { get; }

    /// <summary>Standard error: a line for the person, without its line end.</summary>
    ValueTask WriteErrorAsync(string line, CancellationToken ct);

    /// <summary>Is the credential of this connection still good? Ask before each operation.</summary>
    bool IsStillValid { get; }

    /// <summary>Why the server ended the connection; null where it did not, so that the client is who closed.</summary>
    string? EndedBecause { get; }

    ICoordinator Coordinator { get; }

    /// <summary>Cancelled when the server stops: a service with nothing open returns at once, one with open files when they are closed.</summary>
    CancellationToken Draining { get; }
}

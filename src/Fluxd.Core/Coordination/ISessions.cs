using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Core.Coordination;

/// <summary>A live connection or browser session, for <c>fluxctl sessions</c>.</summary>
public sealed record SessionInfo(string Id, string Frontend, string UserName, string Peer, FileTime StartedAt, string Client);

/// <summary>Who is connected now. A session ends when its user is disabled or its credential revoked, or when an admin kills it.</summary>
public interface ISessions
{
    /// <param name="abort">Ends the connection; called at most once, from any thread, must not block.</param>
    /// <returns>Dispose when the session ends.</returns>
    IDisposable Register(Principal principal, PeerInfo peer, string client, Action abort);

    IReadOnlyList<SessionInfo> List();

    /// <summary>False when there is no such session.</summary>
    bool Kill(string id);

    /// <summary>Ends every session whose principal is no longer valid.</summary>
    int KillInvalid();
}

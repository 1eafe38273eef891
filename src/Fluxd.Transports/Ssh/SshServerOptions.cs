using System.Net;
using Fluxd.Core.Accounts;
using Fluxd.Core.Coordination;
using Fluxd.Transports.Net;
using Fluxd.Transports.Ssh.Auth;
using Fluxd.Transports.Ssh.Channels;
using Fluxd.Transports.Ssh.HostKeys;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Ssh;

/// <summary>What all connections of one server share. Immutable; the daemon owns what it points to.</summary>
public sealed record SshServerOptions
{
    public required HostKeyStore HostKeys { get; init; }

    public required IAuthenticator Authenticator { get; init; }

    public required ICoordinator Coordinator { get; init; }

    public required SshServices Services { get; init; }

    public required ILogger Logger { get; init; }

    /// <summary>Null: nobody lists or kills sessions.</summary>
    public ISessions? Sessions { get; init; }

    /// <summary>CAs whose user certificates are taken.</summary>
    public SshUserAuthorities Authorities { get; init; } = SshUserAuthorities.None;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary><c>[sftp] compat</c>: adds what old clients need and ssh-audit warns about.</summary>
    public bool Compat { get; init; }

    /// <summary>Own re-key limits; tests lower them.</summary>
    public long RekeyBytes { get; init; } = SshLimits.RekeyBytes;

    public TimeSpan LoginGrace { get; init; } = SshLimits.LoginGrace;

    public TimeSpan VersionGrace { get; init; } = SshLimits.VersionGrace;

    /// <summary>Connections of one source (/32 or /64) that have not logged in.</summary>
    public int UnauthenticatedPerSource { get; init; } = SshLimits.UnauthenticatedPerSourceMax;

    /// <summary>The same over all sources.</summary>
    public int Unauthenticated { get; init; } = SshLimits.UnauthenticatedMax;

    /// <summary>Who holds a port, for the sentence that a failed start ends with.</summary>
    public Func<IPEndPoint, string?> HolderOf { get; init; } = _ => null;

    /// <summary>What all frontends together may hold open.</summary>
    public ConnectionBudget Connections { get; init; } = ConnectionBudget.Unbounded;

    /// <summary>After <c>SSH-2.0-</c>. No version number: it would only help who looks for old ones.</summary>
    internal const string Software = "fluxd";

    internal SshAlgorithms Algorithms => Compat ? SshAlgorithms.Compat : SshAlgorithms.Default;
}

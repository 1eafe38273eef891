using System.Net;
using Fluxd.Transports.Ssh.KeyExchange;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Ssh;

/// <summary>Ids 4000 to 4099; next free: 4015.</summary>
internal static partial class SshLog
{
    [LoggerMessage(4000, LogLevel.Information, "SSH connection from {Address} ({Client}) ended: {Reason}")]
    public static partial void ProtocolError(ILogger logger, IPAddress address, string client, string reason);

    [LoggerMessage(4001, LogLevel.Information, "SSH connection from {Address} was ended: {Reason}")]
    public static partial void Aborted(ILogger logger, IPAddress address, string reason);

    [LoggerMessage(4002, LogLevel.Debug, "SSH connection from {Address} was lost: {Reason}")]
    public static partial void ConnectionLost(ILogger logger, IPAddress address, string reason);

    [LoggerMessage(4003, LogLevel.Debug, "SSH client at {Address} disconnected with reason {Reason}")]
    public static partial void PeerDisconnected(ILogger logger, IPAddress address, uint reason);

    [LoggerMessage(4004, LogLevel.Debug, "SSH keys exchanged with {Address} ({Client}): {Algorithms}")]
    public static partial void KeysExchanged(ILogger logger, IPAddress address, string client, Negotiated algorithms);

    [LoggerMessage(4005, LogLevel.Information, "SSH login of {User} from {Address} ({Client}) by {Method}")]
    public static partial void LoggedIn(ILogger logger, string user, IPAddress address, string client, string method);

    [LoggerMessage(4006, LogLevel.Information, "SSH certificate {KeyId} of {User} from {Address} was refused: {Reason}")]
    public static partial void CertificateRefused(ILogger logger, string keyId, string user, IPAddress address, string reason);

    [LoggerMessage(4007, LogLevel.Warning, "SSH channel service {Service} of {User} failed")]
    public static partial void ServiceFailed(ILogger logger, string service, string user, Exception error);

    [LoggerMessage(4008, LogLevel.Error, "SSH connection from {Address} ended by a fault of this server")]
    public static partial void Fault(ILogger logger, IPAddress address, Exception error);

    [LoggerMessage(4009, LogLevel.Debug, "SSH connection from {Address} refused for {Seconds} s more: too many failures")]
    public static partial void Penalized(ILogger logger, IPAddress address, int seconds);

    [LoggerMessage(4013, LogLevel.Information, "SSH session of {User} from {Remote} ended after {DurationMs} ms: {Reason}")]
    public static partial void SessionEnded(ILogger logger, string user, IPAddress remote, long durationMs, string reason);

    [LoggerMessage(4012, LogLevel.Warning, "SSH connection from {Address} turned away: [limits] connections is reached")]
    public static partial void Full(ILogger logger, IPAddress address);

    [LoggerMessage(4010, LogLevel.Information, "SSH listens on {Endpoint}; ML-KEM is done by {MlKem}")]
    public static partial void Listening(ILogger logger, string endpoint, string mlKem);

    [LoggerMessage(4011, LogLevel.Debug, "SSH link to {Address}: congestion control {Algorithm}")]
    public static partial void Link(ILogger logger, IPAddress address, string algorithm);

    [LoggerMessage(4014, LogLevel.Warning, "SSH can't accept a connection: {Reason}")]
    public static partial void AcceptFailed(ILogger logger, string reason);
}

using System.Net;
using Microsoft.Extensions.Logging;

namespace Fluxd.Transports.Quic.Protocol;

/// <summary>Ids 6020 to 6029; next free: 6024. The words and keys are those of SSH and SFTP.</summary>
internal static partial class FluxdLog
{
    [LoggerMessage(6020, LogLevel.Error, "A fluxd/1 operation failed unexpectedly")]
    public static partial void OperationFailed(ILogger logger, Exception exception);

    [LoggerMessage(6021, LogLevel.Information, "QUIC login of {User} from {Remote} ({Client}) by {Method}")]
    public static partial void LoggedIn(ILogger logger, string user, IPAddress remote, string client, string method);

    [LoggerMessage(6022, LogLevel.Information, "QUIC session of {User} from {Remote} ended after {DurationMs} ms: {Reason}")]
    public static partial void SessionEnded(ILogger logger, string user, IPAddress remote, long durationMs, string reason);

    [LoggerMessage(6023, LogLevel.Debug, "QUIC {Method} {Status} in {DurationMs} ms by {User} from {Remote}")]
    public static partial void Done(ILogger logger, FluxdOperation method, string status, double durationMs, string user, IPAddress remote);
}

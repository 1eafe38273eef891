namespace Fluxd.Transports.Net;

/// <summary>Bounds that all TCP listeners share.</summary>
internal static class NetLimits
{
    /// <summary>
    /// Connections that wait in the kernel while the daemon is restarted; the same as in the socket units, because the
    /// last to call listen(2) decides. The kernel cuts it to net.core.somaxconn.
    /// </summary>
    public const int AcceptQueueMax = 4096;
}

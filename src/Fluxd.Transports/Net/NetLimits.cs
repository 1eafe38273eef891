namespace Fluxd.Transports.Net;

/// <summary>Bounds that all TCP listeners share.</summary>
internal static class NetLimits
{
    /// <summary>
    /// Connections that wait in the kernel while the daemon is restarted; the same as in the socket units, because the
    /// last to call listen(2) decides. The kernel cuts it to net.core.somaxconn.
    /// </summary>
    public const int AcceptQueueMax = 4096;

    /// <summary>One block of a connection's memory: two TLS records of 16 KiB. An idle connection holds none.</summary>
    public const int BlockBytes = 32 << 10;

    /// <summary>Blocks kept for the next connection (16 MiB): sixteen uploads' full pipes. What a burst took beyond them goes back to the runtime.</summary>
    public const int SpareBlocksMax = 512;
}

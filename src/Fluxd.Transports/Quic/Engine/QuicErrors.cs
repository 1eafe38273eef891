using Microsoft.AspNetCore.Connections;

namespace Fluxd.Transports.Quic.Engine;

/// <summary>The engine's failures, in the two kinds that ASP.NET tells apart: reset by the peer, aborted by us or the network.</summary>
internal static class QuicErrors
{
    /// <summary>What a stream is reset with when its writer failed (H3_REQUEST_CANCELLED; fluxd/1 uses the same number).</summary>
    public const long WriterFailed = 0x10c;

    public static ConnectionResetException StreamReset(long code) => new($"The peer reset the stream with code 0x{code:x}.");

    public static ConnectionResetException ClosedByPeer(ulong code, bool isApplication) =>
        new($"The peer closed the connection with {(isApplication ? "application" : "transport")} code 0x{code:x}.");

    public static ConnectionResetException StatelessReset { get; } = new("The peer no longer knows this connection (it was restarted).");

    public static ConnectionAbortedException ClosedHere { get; } = new("The connection was closed on this side.");

    public static ConnectionAbortedException Lost(string what) => new($"The connection ended: {what}.");
}

namespace Fluxd.Transports.Client;

/// <summary>The client engine's bounds, with their reasons.</summary>
internal static class ClientLimits
{
    /// <summary>Below this one request carries a file; above it a session makes a cut connection cheap.</summary>
    public const int WholeFileBytesMax = 1 << 20;

    /// <summary>Bytes of a file that are cut, asked about and sent as one step; three such windows are in memory, and what a killed server forgets is two of them.</summary>
    public const int WindowBytes = 8 << 20;

    /// <summary>Chunks of one request: under the body caps that proxies have in practice; halved when one refuses.</summary>
    public const int BundleBytes = 4 << 20;

    public const int BundleBytesMin = 64 << 10;

    /// <summary>Files up to here travel in batches: beyond it a request of its own costs little beside its bytes.</summary>
    public const int BatchFileBytesMax = 128 << 10;

    /// <summary>Files of one batch: their heads alone, of 1.5 KiB each, would else make a large body.</summary>
    public const int BatchFilesMax = 1000;

    /// <summary>Requests of one transfer at once: two for each connection, so that the next is under way when one ends.</summary>
    public const int Parallel = 8;

    /// <summary>Chunks of one bundle that wait for their answers over QUIC: two megabytes of fine ones, a long link's round trip.</summary>
    public const int ChunksAtOnce = 64;

    /// <summary>Files of a tree at once: small files wait for commits, which the server groups.</summary>
    public const int ParallelFiles = 8;

    /// <summary>One piece of a download: what a cut connection loses at most.</summary>
    public const int PieceBytes = 2 << 20;

    /// <summary>Chunks of an older copy that are remembered while its new version is received, at about 70 bytes each: 64 GiB of it.</summary>
    public const int OlderChunksMax = 1 << 20;

    /// <summary>With the pauses below that is about five minutes of a dead link; then the state stays for the next run.</summary>
    public const int Attempts = 14;

    public static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);

    public static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>Nothing at all from the server for this long is a dead connection.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    /// <summary>No handshake over UDP for this long: it is blocked, as in many guest networks. Three lost flights still fit.</summary>
    public static readonly TimeSpan UdpPatience = TimeSpan.FromSeconds(5);

    /// <summary>Removing more than this at once is held back (a wrong folder, an unmounted disk) …</summary>
    public const int RemovalsMax = 500;

    /// <summary>… and more than this share of the other side, once there are more than a handful.</summary>
    public const double RemovalsShareMax = 0.2;

    public const int RemovalsFree = 10;
}

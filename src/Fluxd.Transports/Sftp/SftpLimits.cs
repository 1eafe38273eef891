using Fluxd.Core;

namespace Fluxd.Transports.Sftp;

/// <summary>The bounds of the SFTP engine. The first three are told to clients by limits@openssh.com.</summary>
internal static class SftpLimits
{
    /// <summary>What OpenSSH's server takes and advertises; a longer packet ends the channel there too.</summary>
    public const int PacketBytesMax = 256 * 1024;

    /// <summary>OpenSSH's figure: the packet less its header.</summary>
    public const int ReadBytesMax = PacketBytesMax - 1024;

    public const int WriteBytesMax = PacketBytesMax - 1024;

    public const int HandlesMax = Limits.OpenHandlesPerSessionMax;

    /// <summary>Operations of one channel that may wait for the disk at once: enough to share group commits, few enough to bound memory.</summary>
    public const int OperationsInFlightMax = 64;

    /// <summary>Entries in one READDIR answer, as OpenSSH sends them: keeps the packet far below its limit.</summary>
    public const int EntriesPerReadDir = 100;

    /// <summary>Names remembered for users-groups-by-id: ids come from listings of this session.</summary>
    public const int OwnersRememberedMax = 1024;

    /// <summary>Ids in one users-groups-by-id request: OpenSSH asks for one listing's worth.</summary>
    public const int IdsPerRequestMax = 1024;

    /// <summary>Blocks in one check-file answer: keeps the answer within a packet (SHA-512 is 64 bytes).</summary>
    public const int CheckFileBlocksMax = 2048;

    /// <summary>Smallest block of check-file that the draft allows.</summary>
    public const int CheckFileBlockBytesMin = 256;

    /// <summary>After a file is closed clients still set its time and rename it: a stop waits for that long after the last request.</summary>
    public static readonly TimeSpan QuietWhileDraining = TimeSpan.FromSeconds(2);

    /// <summary>Text of a status: one sentence.</summary>
    public const int StatusTextBytesMax = 512;
}

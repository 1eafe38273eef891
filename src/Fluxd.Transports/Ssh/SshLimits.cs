namespace Fluxd.Transports.Ssh;

/// <summary>Every bound of the SSH engine, with its reason.</summary>
internal static class SshLimits
{
    /// <summary>What OpenSSH takes (PACKET_MAX_SIZE): SFTP clients may send requests of that size.</summary>
    public const int PacketBytesMax = 256 * 1024;

    /// <summary>RFC 4253 (6): a packet is at least 16 bytes or one cipher block, without its MAC.</summary>
    public const int PacketBytesMin = 5;

    /// <summary>RFC 4251 (6): algorithm and extension names are at most 64 characters; requests of clients are a little longer.</summary>
    public const int NameBytesMax = 255;

    /// <summary>The longest list of today's clients is about 1 KiB.</summary>
    public const int NameListBytesMax = 8 * 1024;

    /// <summary>Negotiation compares lists pairwise: bounds its cost.</summary>
    public const int NamesPerListMax = 256;

    /// <summary>RFC 4253 (4.2): the version line with CR LF.</summary>
    public const int VersionLineBytesMax = 255;

    /// <summary>Lines that a client sends before its version: none do; a few are tolerated, then it is garbage.</summary>
    public const int BannerLinesMax = 8;

    /// <summary>RSA keys and DH values up to 16384 bit, as OpenSSH (SSHBUF_MAX_BIGNUM).</summary>
    public const int MpintBytesMax = 2048;

    /// <summary>Longer user names don't exist in this house (Core's limit is 64 characters), and hashing them costs.</summary>
    public const int UserNameBytesMax = 256;

    /// <summary>A public key or certificate as a user sends it; an RSA-4096 certificate with many principals is about 4 KiB.</summary>
    public const int PublicKeyBytesMax = 16 * 1024;

    /// <summary>As OpenSSH (MaxAuthTries). Probes of public keys count against their own, larger number.</summary>
    public const int AuthTriesMax = 6;

    /// <summary>Agents with many keys probe each; twenty is what OpenSSH users meet at worst with MaxAuthTries raised.</summary>
    public const int KeyProbesMax = 20;

    /// <summary>"none" and retries with unknown methods before it counts as an attack.</summary>
    public const int AuthRequestsMax = 64;

    /// <summary>From accept to login, whatever is sent meanwhile. OpenSSH waits 120 s; a person needs some time for a passphrase.</summary>
    public static readonly TimeSpan LoginGrace = TimeSpan.FromSeconds(60);

    /// <summary>From accept to the client's version line: it is sent at once by every client.</summary>
    public static readonly TimeSpan VersionGrace = TimeSpan.FromSeconds(10);

    /// <summary>A re-key that the peer doesn't finish would hold back everything.</summary>
    public static readonly TimeSpan RekeyGrace = TimeSpan.FromSeconds(60);

    /// <summary>Connections of one source (/32 or /64) that have not logged in: fifty parallel clients behind one address fit; the oldest silent one makes room.</summary>
    public const int UnauthenticatedPerSourceMax = 100;

    /// <summary>The same over all sources: each costs about 20 KiB.</summary>
    public const int UnauthenticatedMax = 2000;

    /// <summary>OpenSSH allows 10 (MaxSessions); some parallel SFTP libraries open a few more. Bounds memory: a window each.</summary>
    public const int ChannelsMax = 16;

    /// <summary>64 × 32 KiB as OpenSSH: 2 MiB at 50 ms allow 40 MiB/s; 4 MiB allow 80, and are held only while data waits.</summary>
    public const int WindowBytes = 4 * 1024 * 1024;

    /// <summary>What a peer may put into one CHANNEL_DATA. OpenSSH uses at most 32 KiB.</summary>
    public const int ChannelPacketBytesMax = 64 * 1024;

    /// <summary>What we put into one CHANNEL_DATA even if the peer takes more: keeps other channels' latency low.</summary>
    public const int SendDataBytesMax = 64 * 1024;

    /// <summary>A channel with a smaller maximum packet would send more header than data.</summary>
    public const int ChannelPacketBytesMin = 64;

    /// <summary>Encrypted bytes waiting for the socket before channels wait: two sends of a fast link.</summary>
    public const int OutboundBytesSoft = 256 * 1024;

    /// <summary>The same before reading stops: a peer that never reads its replies.</summary>
    public const int OutboundBytesHard = 2 * 1024 * 1024;

    /// <summary>Replies that wait for the end of a re-key; windows bound what a peer can ask for meanwhile.</summary>
    public const int RekeyQueueBytesMax = 1024 * 1024;

    /// <summary>Own re-key: well below every cipher's bound (2^32 blocks of AES, 2^64 nonces of GCM).</summary>
    public const long RekeyBytes = 1L << 30;

    /// <summary>RFC 4344 (3.1): re-key after 2^31 packets.</summary>
    public const uint RekeyPackets = 1u << 31;

    /// <summary>RFC 4253 (9): after each hour.</summary>
    public static readonly TimeSpan RekeyInterval = TimeSpan.FromHours(1);

    /// <summary>An exec request or subsystem name: paths of 4 KiB, quoted.</summary>
    public const int CommandBytesMax = 32 * 1024;

    /// <summary>Words of a command: no command of ours takes many.</summary>
    public const int CommandWordsMax = 256;

    /// <summary>Environment that a client may set on a channel is read and dropped.</summary>
    public const int EnvironmentBytesMax = 8 * 1024;

    /// <summary>Ping data is echoed: bounds what one costs.</summary>
    public const int PingBytesMax = 32 * 1024;
}

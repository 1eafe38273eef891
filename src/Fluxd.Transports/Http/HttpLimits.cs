namespace Fluxd.Transports.Http;

/// <summary>Every bound of the HTTP frontend, with its reason.</summary>
internal static class HttpLimits
{
    /// <summary>A JSON request: 500 pushed operations with long paths fit many times over.</summary>
    public const int JsonBodyBytesMax = 4 << 20;

    /// <summary>Ranges in one request: enough for any player or PDF viewer; more is only used to hurt servers.</summary>
    public const int RangesMax = 16;

    /// <summary>What one read of a stored file fills; with TLS larger pieces cost less CPU per byte.</summary>
    public const int ReadBufferBytes = 256 << 10;

    /// <summary>Below this a PUT goes through an open file: one transaction instead of a session's two.</summary>
    public const int SmallPutBytes = 1 << 20;

    /// <summary>A dropped plain PUT is worth keeping as a resumable upload from here on.</summary>
    public const long KeepPartialBytes = 4 << 20;

    /// <summary>A tus part with a checksum is held until its checksum is known: it bounds that memory.</summary>
    public const int ChecksummedPartBytesMax = 16 << 20;

    /// <summary>Checksummed parts held at once, in all requests together (with the above: 128 MiB).</summary>
    public const int ChecksummedPartsMax = 8;

    /// <summary>Content digests that a client wants of a part are computed by an extra read up to this size.</summary>
    public const long DigestOnDemandBytesMax = 64 << 20;

    /// <summary>Operations in one bulk request: one answer must fit in memory.</summary>
    public const int BulkMax = 1000;

    /// <summary>Operations in one push.</summary>
    public const int PushMax = 500;

    /// <summary>Results of pushed operations that are remembered for replays where nothing keeps them over a restart.</summary>
    public const int PushMemoryMax = 20_000;

    /// <summary>Open event streams of the daemon (each holds a connection).</summary>
    public const int EventStreamsMax = 1000;

    /// <summary>Proxies close streams that are silent for a minute; half of the strictest default leaves room.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>A long poll answers empty before the usual proxy gives up (60 s).</summary>
    public static readonly TimeSpan LongPollMax = TimeSpan.FromSeconds(50);

    /// <summary>Browser sessions of the daemon: each is a small record in memory and a row.</summary>
    public const int BrowserSessionsMax = 10_000;

    /// <summary>"Last seen" is kept to this: a write for each request would cost more than it is worth.</summary>
    public static readonly TimeSpan SessionSeenPrecision = TimeSpan.FromMinutes(10);

    /// <summary>Of a browser's name for itself.</summary>
    public const int ClientCharsKept = 128;

    public static readonly TimeSpan SessionIdle = TimeSpan.FromHours(24);

    public static readonly TimeSpan SessionAbsolute = TimeSpan.FromDays(30);

    public static readonly TimeSpan TokenLifetime = TimeSpan.FromHours(1);

    public static readonly TimeSpan TokenLifetimeMax = TimeSpan.FromHours(24);

    public static readonly TimeSpan SignedUrlLifetime = TimeSpan.FromMinutes(5);

    public static readonly TimeSpan SignedUrlLifetimeMax = TimeSpan.FromDays(7);

    /// <summary>HMAC-SHA-256 is only as strong as its key.</summary>
    public const int SecretBytesMin = 32;

    /// <summary>A JSON Web Token longer than this is none of ours.</summary>
    public const int TokenCharsMax = 4096;

    /// <summary>Entries of one archive request's selection.</summary>
    public const int ArchiveSelectionMax = 1000;

    /// <summary>A snapshot of nothing but folders is still walked: bounds the depth of the archive's stack.</summary>
    public const int ArchiveDepthMax = Core.Limits.PathDepthMax;

    /// <summary>One small file of a batch; larger ones are uploads of their own.</summary>
    public const int BatchFileBytesMax = 4 << 20;

    /// <summary>Files of one batch that are committed at once: they share a group commit.</summary>
    public const int BatchParallel = 64;

    /// <summary>Bytes of batch files held in memory at once, per request.</summary>
    public const int BatchBytesInFlightMax = 16 << 20;

    /// <summary>Header names and values of one batch entry.</summary>
    public const int BatchHeaderBytesMax = 16 << 10;

    /// <summary>Paths, tokens and digests fit; the same default as nginx's four buffers of 8 KiB.</summary>
    public const int RequestHeadersBytesMax = 32 << 10;

    public const int RequestHeadersMax = 100;

    /// <summary>A 4096-byte path percent-encoded whole, and a query.</summary>
    public const int RequestLineBytesMax = 16 << 10;

    /// <summary>HTTP/2 streams of one connection.</summary>
    public const int StreamsPerConnectionMax = 128;

    /// <summary>Slower bodies than this hold a connection for nothing; a bad mobile link does ten times as much.</summary>
    public const double MinimumRateBytesPerSecond = 240;

    public static readonly TimeSpan MinimumRateGrace = TimeSpan.FromSeconds(30);

    /// <summary>A reader takes a piece of <see cref="ReadBufferBytes"/> in this time (2 KiB/s) or is cut off; a download goes on by Range.</summary>
    public static readonly TimeSpan ReaderPatience = TimeSpan.FromMinutes(2);

    /// <summary>How often it is looked whether a reader still reads.</summary>
    public static readonly TimeSpan ReaderLook = TimeSpan.FromSeconds(30);

    public static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(90);

    /// <summary>From acceptance to the first request, TLS handshake included, when the daemon stops meanwhile: three lost packets' time.</summary>
    public static readonly TimeSpan FirstRequestGrace = TimeSpan.FromSeconds(10);

    public static readonly TimeSpan RequestHeadersTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Bytes that wait in front of a slow reader: lets disk reads overlap sends.</summary>
    public const long ResponseBufferBytes = 1 << 20;

    /// <summary>HTTP/2 window of one stream and of the connection: 50 Mbit/s over 300 ms need 2 MiB.</summary>
    public const int Http2WindowBytes = 4 << 20;

    /// <summary>Longest PROXY protocol v2 header that is accepted, TLVs included.</summary>
    public const int ProxyHeaderBytesMax = 1024;

    /// <summary>Addresses in a forwarding chain that are looked at.</summary>
    public const int ForwardedHopsMax = 16;

    /// <summary>Bytes of a file whose blocks one request asks about: two windows of a client.</summary>
    public const long PatchedBytesMax = 16 << 20;

    /// <summary>A chunk of any class (see ChunkSizes.LargestChunk).</summary>
    public const int ChunkBytesMax = Core.Chunking.ChunkSizes.LargestChunk;
}

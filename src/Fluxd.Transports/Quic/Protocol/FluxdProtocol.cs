namespace Fluxd.Transports.Quic.Protocol;

/// <summary>The numbers of fluxd/1; docs/quic-protocol.md is their specification.</summary>
internal static class FluxdProtocol
{
    public const string Alpn = "fluxd/1";
    public const byte Version = 1;

    /// <summary>A frame begins with its length, not counting these four bytes.</summary>
    public const int LengthBytes = 4;

    /// <summary>Behind length and version.</summary>
    public const int KindAt = LengthBytes + 1;

    /// <summary>Before authentication nobody needs more.</summary>
    public const int AuthenticateBytesMax = 8 * 1024;

    /// <summary>4,096 chunk references of 36 bytes, a path and some; also a page of 1,000 entries with long names.</summary>
    public const int FrameBytesMax = 1 << 20;

    /// <summary>Largest chunk of any size class.</summary>
    public const int ChunkBytesMax = 4 << 20;

    /// <summary>Operations that wait for the authentication that travels beside them.</summary>
    public static readonly TimeSpan AuthenticationTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Events stop this long before a client that reads none is cut off.</summary>
    public const int EventsPerFrameMax = 100;

    /// <summary>Of a client's own name; what the list of sessions shows.</summary>
    public const int ClientNameCharsMax = 128;

    public const int BodyBufferBytes = 256 * 1024;

    /// <summary>A login that is kept on a disk ends after a day; the same as HTTP's.</summary>
    public const int TokenSecondsMax = 24 * 3600;

    /// <summary>Uploads of one connection whose timelines are kept at once: clients run a few.</summary>
    public const int TimelinesPerConnectionMax = 256;
}

internal enum FluxdOperation : byte
{
    Authenticate = 1,
    Stat = 2,
    List = 3,
    Get = 4,
    OpenUpload = 5,
    GetUpload = 6,
    Append = 7,
    Have = 8,
    PutChunk = 9,
    AppendRecipe = 10,
    Commit = 11,
    CancelUpload = 12,
    ListUploads = 13,
    RemoveFile = 14,
    RemoveFolder = 15,
    Move = 16,
    MakeFolder = 17,
    Events = 18,
    Checksum = 19,
    IssueToken = 20,
    Recipe = 21,
}

/// <summary>Application codes of CONNECTION_CLOSE, RESET_STREAM and STOP_SENDING; docs/quic-protocol.md says which is sent where.</summary>
internal static class FluxdCodes
{
    public const long NoError = 0;
    public const long AuthenticationFailed = 2;
    public const long ShuttingDown = 3;
    public const long Cancelled = 0x10c;
}

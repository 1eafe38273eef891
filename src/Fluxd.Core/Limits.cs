namespace Fluxd.Core;

/// <summary>The bounds that every part shares. Each part keeps its own beside its code (<c>SshLimits</c>, <c>StoreLimits</c>, …).</summary>
public static class Limits
{
    /// <summary>Linux and every client's file system hold names to 255 bytes.</summary>
    public const int NameBytesMax = 255;

    /// <summary>PATH_MAX of Linux: longer paths could not be used by clients that mount the tree.</summary>
    public const int PathBytesMax = 4096;

    /// <summary>Deep enough for any real tree; bounds recursion and the cost of a walk.</summary>
    public const int PathDepthMax = 256;

    /// <summary>As Linux: more is taken for a circle.</summary>
    public const int SymlinkHopsMax = 40;

    /// <summary>PATH_MAX: a longer target could not be followed anywhere.</summary>
    public const int SymlinkTargetBytesMax = 4096;

    /// <summary>Entries in one page of any listing: bounds the memory of one answer.</summary>
    public const int ListPageMax = 1000;

    /// <summary>Open handles of one session: OpenSSH's sftp-server is bounded by nofile; clients use a few dozen.</summary>
    public const int OpenHandlesPerSessionMax = 1024;

    /// <summary>Unfinished uploads of one user: bounds rows and reserved space (a phone's camera roll in flight fits).</summary>
    public const int UploadsPerUserMax = 10_000;

    /// <summary>Opaque client metadata kept with an upload (tus metadata header).</summary>
    public const int UploadMetadataBytesMax = 8192;

    /// <summary>Changes in one page of the feed.</summary>
    public const int FeedPageMax = 1000;

    /// <summary>User, group and folder names: they appear in paths, logs and tables.</summary>
    public const int AccountNameCharsMax = 64;

    /// <summary>A password longer than this costs hash time without adding safety.</summary>
    public const int PasswordBytesMax = 1024;

    /// <summary>Shortest password accepted when one is set.</summary>
    public const int PasswordCharsMin = 8;

    /// <summary>SSH keys of one user: each login walks them.</summary>
    public const int SshKeysPerUserMax = 100;

    /// <summary>API keys of one user, revoked ones included (kept for audit).</summary>
    public const int TokensPerUserMax = 1000;

    /// <summary>Hashes in one question or recipe: 4096 chunks of 64 KiB are 256 MiB of file, in a frame of 150 KB.</summary>
    public const int ChunksPerCallMax = 4096;
}

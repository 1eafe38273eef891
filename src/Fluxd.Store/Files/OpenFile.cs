using Fluxd.Core.Files;
using Fluxd.Store.Catalog.Index;
using Fluxd.Store.Catalog.References;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>
/// What all handles of one user and frontend on one file share. <see cref="Gate"/> guards the draft and what hangs on
/// it. The place of a file that has no node yet (<see cref="NodeId"/> 0) changes only on the committer's thread, so a
/// commit and a rename can't miss each other.
/// </summary>
internal sealed class OpenFile(long user, string frontend) : IDisposable
{
    public long User => user;

    public string Frontend => frontend;

    /// <summary>One handle's own: nobody finds it, and it shows nothing before it is committed.</summary>
    public bool IsApart { get; init; }

    public SemaphoreSlim Gate { get; } = new(1, 1);

    /// <summary>0 until the first commit of a new file.</summary>
    public long NodeId { get; set; }

    public long Parent { get; set; }

    public FileName Name { get; set; }

    /// <summary>As the user named it: where the upload goes if the connection drops.</summary>
    public required FilePath Path { get; set; }

    public required long Root { get; set; }

    /// <summary>Whose chunks count for what is written.</summary>
    public required ChunkScope Scope { get; set; }

    public Draft? Draft { get; set; }

    /// <summary>What the draft began with: its size is already paid for.</summary>
    public long PaidBytes { get; set; }

    /// <summary>The length that the quota allows as far as was looked.</summary>
    public long AllowedLength { get; set; }

    /// <summary>What these handles committed last, newer than what they opened.</summary>
    public Committed? Own { get; set; }

    /// <summary>Holds <see cref="Own"/>'s content while there are handles.</summary>
    public Ticket? Held { get; set; }

    /// <summary>Attributes set before the commit that must survive it.</summary>
    public AttributeChange? Pinned { get; set; }

    public int ModeIfNew { get; set; } = Publisher.FileMode;

    public bool Exclusive { get; set; }

    /// <summary>Unlinked before it was ever committed, or a file being written took its name: there is nothing to publish any more.</summary>
    public bool IsGone { get; set; }

    /// <summary>The session row that keeps the streamed prefix, once there is one.</summary>
    public UploadRow? Kept { get; set; }

    /// <summary>So many streamed bytes could not be kept, because the file was removed: not to be tried again at each write.</summary>
    public long UnkeptUpTo { get; set; }

    /// <summary>While there is a session row: whoever takes the session over fences these handles.</summary>
    public UploadHold? Hold { get; set; }

    /// <summary>Another writer took the session: what these handles wrote is that writer's now.</summary>
    public bool IsFenced { get; set; }

    public int Handles { get; set; }

    public int Writers { get; set; }

    public void Dispose() => Gate.Dispose();
}

/// <summary>Committed content as one moment saw it.</summary>
internal sealed record Committed(long Version, ContentRef Content);

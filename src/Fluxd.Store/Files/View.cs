using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog.Index;

namespace Fluxd.Store.Files;

/// <summary>What one principal may see at one moment: who they are, their home, the folders shared with them.</summary>
internal sealed record View(Principal Who, UserInfo User, Mount Home, IReadOnlyList<Mount> Shared)
{
    private static readonly byte[] s_suffix = " (shared)"u8.ToArray();

    /// <summary>Own entries come first: a shared folder whose name is taken appears with a suffix.</summary>
    public Mount? FindShared(FileName asked, Func<FileName, bool> isTaken)
    {
        foreach (var mount in Shared)
        {
            if (asked == mount.Name || asked.Bytes.EndsWith(s_suffix))
            {
                if (asked == ShownName(mount, isTaken))
                {
                    return mount;
                }
            }
        }

        return null;
    }

    public static FileName ShownName(Mount mount, Func<FileName, bool> isTaken) =>
        isTaken(mount.Name) && FileName.TryFrom([.. mount.Name.Bytes, .. s_suffix], out var other) ? other : mount.Name;

    public Mount? MountOf(long root) => Home.Root == root ? Home : Shared.FirstOrDefault(mount => mount.Root == root);

    /// <summary>Whose chunks count for bytes that go into a tree.</summary>
    public ChunkScope ScopeIn(long root) => new(root, Home.Root) { Finds = Who.Has(Scopes.Read) };

    public NodeInfo Info(NodeRow node, Mount mount, bool isPast = false, FileName? shownAs = null) => new()
    {
        Id = node.Id,
        Name = shownAs ?? (node.Name.IsDefault ? (mount.IsShared ? mount.Name : HomeName) : node.Name),
        Kind = node.Kind,
        Size = node.Size,
        Version = node.Version,
        Revision = node.Revision,
        ContentTag = node.Tag,
        Mode = node.Mode,
        ModifiedAt = new FileTime(node.ModifiedAt),
        AccessedAt = new FileTime(node.AccessedAt),
        ChangedAt = new FileTime(node.ChangedAt),
        CreatedAt = new FileTime(node.CreatedAt),
        OwnerId = node.Owner,
        CanWrite = mount.CanWrite && !isPast && Who.Has(Scopes.Write),
        IsSharedFolder = mount.IsShared && node.Id == mount.Root,
    };

    /// <summary>The root has no name of its own.</summary>
    public static readonly FileName HomeName = FileName.From("home");

    public static readonly FileName SnapshotsName = FileName.From(".snapshots");

}

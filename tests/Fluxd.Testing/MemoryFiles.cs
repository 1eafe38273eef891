using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Testing;

/// <summary>
/// The plainest thing that keeps the contract of <see cref="IFiles"/>: trees in memory under one lock.
/// Protocol tests run over it, and the real store is compared with it. One tree per user; no shared folders,
/// no snapshots; the quota counts committed bytes.
/// </summary>
public sealed partial class MemoryFiles : IFiles
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, MemoryNode> _roots = [];
    private readonly TimeProvider _clock;
    private readonly Dictionary<(long Node, long Version, DigestAlgorithm Algorithm), ContentDigest> _digests = [];
    private long _nextId = 1;
    private long _nextVersion = 1;

    public MemoryFiles(TimeProvider? clock = null) => _clock = clock ?? TimeProvider.System;

    /// <summary>Bytes that each user may hold; what a test sets.</summary>
    public long QuotaBytes { get; set; } = 1L << 40;

    public ValueTask<NodeInfo> StatAsync(Principal who, FilePath path, bool followLink, CancellationToken ct) =>
        Read(who, () => Walk(who, path, followLink, partials: false).Info(who, withPending: false));

    public ValueTask<NodeInfo> StatWithPartialsAsync(Principal who, FilePath path, bool followLink, CancellationToken ct) =>
        Read(who, () => Walk(who, path, followLink, partials: true).Info(who, withPending: true));

    public ValueTask<FilePath> ResolveAsync(Principal who, FilePath path, bool lastMayBeMissing, CancellationToken ct) => Read(who, () =>
    {
        if (path.IsRoot)
        {
            return path;
        }

        var hops = 0;
        if (lastMayBeMissing)
        {
            var parent = Folder(Walk(who, path.Parent, true, false, ref hops));
            return parent.Children.TryGetValue(path.Name, out var child) && child.Kind == NodeKind.Symlink
                ? PathOf(Walk(who, path, true, true, ref hops))
                : PathOf(parent).Append(path.Name);
        }

        return PathOf(Walk(who, path, true, true, ref hops));
    });

    public ValueTask<ListPage> ListAsync(Principal who, FilePath folder, ListRequest request, CancellationToken ct) => Read(who, () =>
    {
        var all = Folder(Walk(who, folder, followLink: true, partials: false)).Children.Values
            .Where(node => node.Committed || request.IncludePartials)
            .Where(node => request.Kind is null || node.Kind == request.Kind)
            .Where(node => request.NameContains is null || node.Name.ToString().Contains(request.NameContains, StringComparison.OrdinalIgnoreCase))
            .Select(node => node.Info(who, request.IncludePartials));
        var sorted = request.Sort switch
        {
            ListSort.ModifiedAt => all.OrderBy(node => node.ModifiedAt).ThenBy(node => node.Name),
            ListSort.Size => all.OrderBy(node => node.Size).ThenBy(node => node.Name),
            _ => all.OrderBy(node => node.Name),
        };
        var list = (request.Descending ? sorted.Reverse() : sorted).ToList();
        var start = request.Cursor is null ? 0 : list.FindIndex(node => node.Id.ToString(null, null) == request.Cursor) + 1;
        var page = list.Skip(start).Take(Math.Clamp(request.Count, 1, Limits.ListPageMax)).ToList();
        return new ListPage(page, start + page.Count < list.Count ? page[^1].Id.ToString(null, null) : null);
    });

    public ValueTask<FoundPage> SearchAsync(Principal who, FilePath folder, string text, string? cursor, int count, CancellationToken ct) => Read(who, () =>
    {
        var found = new List<FoundNode>();
        Collect(Folder(Walk(who, folder, true, false)));
        return new FoundPage(found.Take(count).ToList(), null);

        void Collect(MemoryNode parent)
        {
            foreach (var node in parent.Children.Values.Where(n => n.Committed))
            {
                if (node.Name.ToString().Contains(text, StringComparison.OrdinalIgnoreCase))
                {
                    found.Add(new FoundNode(PathOf(node), node.Info(who, false)));
                }

                Collect(node);
            }
        }
    });

    public Task<NodeInfo> MakeFolderAsync(Principal who, FilePath path, AttributeChange? attributes, bool parents, CancellationToken ct) => Change(who, () =>
    {
        if (path.IsRoot)
        {
            return parents ? Root(who).Info(who, false) : throw Taken(path);
        }

        if (parents && !path.Parent.IsRoot)
        {
            MakeParents(who, path.Parent);
        }

        var parent = Folder(Walk(who, path.Parent, true, false));
        if (parent.Children.TryGetValue(path.Name, out var there))
        {
            return parents && there.Kind == NodeKind.Folder ? there.Info(who, false) : throw Taken(path);
        }

        var node = Add(parent, path.Name, NodeKind.Folder, attributes?.Mode ?? 0x1ED);
        node.Apply(attributes ?? new AttributeChange(), Now);
        return node.Info(who, false);
    });

    public Task RemoveFileAsync(Principal who, FilePath path, Precondition precondition, CancellationToken ct) => Change(who, () =>
    {
        var node = Walk(who, path, followLink: false, partials: true);
        if (node.Kind == NodeKind.Folder)
        {
            throw new FluxException(FluxError.IsFolder, "That is a folder; remove it as a folder.");
        }

        Check(precondition, node);
        return Detach(node);
    });

    public Task RemoveFolderAsync(Principal who, FilePath path, bool recursive, CancellationToken ct) => Change(who, () =>
    {
        var node = Folder(Walk(who, path, followLink: false, partials: false));
        if (node.Parent is null)
        {
            throw FluxException.Denied("The root can't be removed.");
        }

        if (!recursive && node.Children.Count > 0)
        {
            throw new FluxException(FluxError.NotEmpty, "The folder is not empty.");
        }

        return Detach(node);
    });

    public Task<NodeInfo> RenameAsync(Principal who, FilePath from, FilePath to, bool replace, CancellationToken ct) => Change(who, () =>
    {
        var node = Walk(who, from, followLink: false, partials: true);
        var (parent, name) = Place(who, node, to);
        parent.Children.TryGetValue(name, out var there);
        var isNew = !node.Committed;
        if (ReferenceEquals(there, node))
        {
            return node.Info(who, withPending: isNew);
        }

        if (there is not null)
        {
            MayReplace(node, there, replace, to);
            if (isNew && there is { Committed: true, Kind: NodeKind.File })
            {
                TakeOver(node, there);
            }

            Detach(there);
        }

        Detach(node);
        node.Name = name;
        node.Parent = parent;
        parent.Children[name] = node;
        node.ChangedAt = Now;
        node.Revision++;
        return node.Info(who, withPending: isNew);
    });

    public Task<NodeInfo> CopyAsync(Principal who, FilePath from, FilePath to, bool replace, CancellationToken ct) => Change(who, () =>
    {
        var node = Walk(who, from, followLink: true, partials: false);
        var (parent, name) = Place(who, node, to);
        if (parent.Children.TryGetValue(name, out var there))
        {
            if (there == node)
            {
                return replace ? node.Info(who, false) : throw Taken(to);
            }

            MayReplace(node, there, replace, to);
            Detach(there);
        }

        return Clone(node, parent, name).Info(who, false);
    });

    public async Task<long> CopyRangeAsync(IOpenFile from, long fromOffset, IOpenFile to, long toOffset, long count, CancellationToken ct)
    {
        var buffer = new byte[64 * 1024];
        var copied = 0L;
        while (count == 0 || copied < count)
        {
            var want = count == 0 ? buffer.Length : (int)Math.Min(buffer.Length, count - copied);
            var got = await from.ReadAsync(fromOffset + copied, buffer.AsMemory(0, want), ct);
            if (got == 0)
            {
                break;
            }

            await to.WriteAsync(toOffset + copied, buffer.AsMemory(0, got), ct);
            copied += got;
        }

        return copied;
    }

    public Task<NodeInfo> SetAttributesAsync(Principal who, FilePath path, AttributeChange change, bool followLink, CancellationToken ct) => Change(who, () =>
    {
        var node = Walk(who, path, followLink, partials: true);
        if (change.Size is { } size)
        {
            if (node.Kind != NodeKind.File)
            {
                throw new FluxException(FluxError.IsFolder, "Only a file has a size that can be set.");
            }

            // In place, as a handle would do it: with what handles have written and not committed.
            CheckQuota(who, size - node.Content.Length);
            var bytes = node is { Pending: { } pending, PendingIsPartial: false } ? pending : node.Content;
            Array.Resize(ref bytes, (int)size);
            Publish(node, bytes);
        }

        node.Pin(change);
        node.Apply(change, Now);
        return node.Info(who, withPending: !node.Committed);
    });

    public Task<NodeInfo> MakeSymlinkAsync(Principal who, FilePath path, ReadOnlyMemory<byte> target, CancellationToken ct) => Change(who, () =>
    {
        if (target.IsEmpty || target.Length > Limits.SymlinkTargetBytesMax || target.Span.Contains((byte)0))
        {
            throw FluxException.Invalid("A link's target must have 1 to 4096 bytes and no NUL.");
        }

        if (path.IsRoot)
        {
            throw Taken(path);
        }

        var parent = Folder(Walk(who, path.Parent, true, false));
        if (parent.Children.ContainsKey(path.Name))
        {
            throw Taken(path);
        }

        var node = Add(parent, path.Name, NodeKind.Symlink, 0x1FF);
        node.Content = target.ToArray();
        return node.Info(who, false);
    });

    public ValueTask<ReadOnlyMemory<byte>> ReadLinkAsync(Principal who, FilePath path, CancellationToken ct) => Read(who, () =>
    {
        var node = Walk(who, path, followLink: false, partials: false);
        return node.Kind == NodeKind.Symlink
            ? (ReadOnlyMemory<byte>)node.Content
            : throw FluxException.Invalid("That is not a symbolic link.");
    });

    public ValueTask<SpaceInfo> SpaceAsync(Principal who, FilePath path, CancellationToken ct) => Read(who, () =>
    {
        Walk(who, path, true, true);
        var used = Used(Root(who));
        return new SpaceInfo(QuotaBytes, Math.Max(0, QuotaBytes - used), 1_000_000, 1_000_000);
    });

    public ValueTask<ContentDigest?> FindDigestAsync(Principal who, FilePath path, DigestAlgorithm algorithm, CancellationToken ct) => Read(who, () =>
    {
        var node = Walk(who, path, true, false);
        return _digests.GetValueOrDefault((node.Id, node.Version, algorithm));
    });

    public Task RememberDigestAsync(Principal who, FilePath path, long version, ContentDigest digest, CancellationToken ct) => Change(who, () =>
    {
        var node = Walk(who, path, true, false);
        _digests[(node.Id, version, digest.Algorithm)] = digest;
        return 0;
    });
}

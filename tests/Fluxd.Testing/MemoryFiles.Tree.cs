using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;

namespace Fluxd.Testing;

public sealed partial class MemoryFiles
{
    private FileTime Now => FileTime.Now(_clock);

    private ValueTask<T> Read<T>(Principal who, Func<T> work)
    {
        who.Require(Scopes.Read);
        lock (_gate)
        {
            return new ValueTask<T>(work());
        }
    }

    private Task<T> Change<T>(Principal who, Func<T> work)
    {
        who.Require(Scopes.Write);
        lock (_gate)
        {
            return Task.FromResult(work());
        }
    }

    private MemoryNode Root(Principal who)
    {
        if (!_roots.TryGetValue(who.UserId, out var root))
        {
            _roots[who.UserId] = root = new MemoryNode(_nextId++, FileName.From("home"), NodeKind.Folder) { Mode = 0x1C0, CreatedAt = Now, ModifiedAt = Now };
        }

        return root;
    }

    private MemoryNode Walk(Principal who, FilePath path, bool followLink, bool partials)
    {
        var hops = 0;
        return Walk(who, path, followLink, partials, ref hops);
    }

    private MemoryNode Walk(Principal who, FilePath path, bool followLink, bool partials, ref int hops)
    {
        var at = Root(who);
        for (var i = 0; i < path.Names.Length; i++)
        {
            var isLast = i == path.Names.Length - 1;
            if (!Folder(at).Children.TryGetValue(path.Names[i], out var next) || !(next.Committed || (partials && isLast)))
            {
                throw FluxException.NotFound($"There is no \"{path.Names[i]}\" there.");
            }

            at = next.Kind == NodeKind.Symlink && (!isLast || followLink) ? Follow(who, next, partials && isLast, ref hops) : next;
        }

        return at;
    }

    private MemoryNode Follow(Principal who, MemoryNode link, bool partials, ref int hops)
    {
        if (++hops > Limits.SymlinkHopsMax)
        {
            throw new FluxException(FluxError.LinkLoop, "The symbolic links lead in a circle or are too many.");
        }

        return Walk(who, FilePath.Parse(link.Content, PathOf(link.Parent!)), true, partials, ref hops);
    }

    private static MemoryNode Folder(MemoryNode node) => node.Kind == NodeKind.Folder
        ? node
        : throw new FluxException(FluxError.NotFolder, $"\"{node.Name}\" is not a folder.");

    private static FilePath PathOf(MemoryNode node)
    {
        var names = new Stack<FileName>();
        for (var at = node; at.Parent is not null; at = at.Parent)
        {
            names.Push(at.Name);
        }

        return FilePath.From(names);
    }

    private MemoryNode Add(MemoryNode parent, FileName name, NodeKind kind, int mode)
    {
        var now = Now;
        var node = new MemoryNode(_nextId++, name, kind)
        {
            Parent = parent,
            Mode = mode & 0xFFF,
            ModifiedAt = now,
            AccessedAt = now,
            ChangedAt = now,
            CreatedAt = now,
        };
        parent.Children.Add(name, node);
        return node;
    }

    private static int Detach(MemoryNode node)
    {
        node.Parent?.Children.Remove(node.Name);
        node.Parent = null;
        return 0;
    }

    private void MakeParents(Principal who, FilePath path)
    {
        var at = Root(who);
        foreach (var name in path.Names)
        {
            if (!Folder(at).Children.TryGetValue(name, out var next))
            {
                next = Add(at, name, NodeKind.Folder, 0x1ED);
            }

            var hops = 0;
            at = next.Kind == NodeKind.Symlink ? Follow(who, next, true, ref hops) : next;
        }

        Folder(at);
    }

    private (MemoryNode Parent, FileName Name) Place(Principal who, MemoryNode node, FilePath to)
    {
        if (to.IsRoot)
        {
            throw Taken(to);
        }

        var parent = Folder(Walk(who, to.Parent, true, false));
        return parent.IsWithin(node)
            ? throw FluxException.Invalid("A folder can't be moved or copied into itself.")
            : (parent, to.Name);
    }

    private static void MayReplace(MemoryNode node, MemoryNode there, bool replace, FilePath to)
    {
        if (!replace)
        {
            throw Taken(to);
        }

        if (there.Kind == NodeKind.Folder && node.Kind != NodeKind.Folder)
        {
            throw new FluxException(FluxError.IsFolder, "A file can't replace a folder.");
        }

        if (there.Kind != NodeKind.Folder && node.Kind == NodeKind.Folder)
        {
            throw new FluxException(FluxError.NotFolder, "A folder can't replace a file.");
        }

        if (there.Children.Count > 0)
        {
            throw new FluxException(FluxError.NotEmpty, "The folder to replace is not empty.");
        }
    }

    private MemoryNode Clone(MemoryNode node, MemoryNode parent, FileName name)
    {
        var copy = Add(parent, name, node.Kind, node.Mode);
        copy.Content = node.Content;
        copy.ModifiedAt = node.ModifiedAt;
        copy.Version = node.Kind == NodeKind.File ? _nextVersion++ : 0;
        foreach (var child in node.Children.Values.Where(child => child.Committed).ToList())
        {
            Clone(child, copy, child.Name);
        }

        return copy;
    }

    /// <summary>Until its commit everybody sees what the new file replaces.</summary>
    private static void TakeOver(MemoryNode node, MemoryNode there)
    {
        (node.Content, node.Committed, node.Version, node.Mode) = (there.Content, true, there.Version, there.Mode);
        (node.ModifiedAt, node.AccessedAt) = (there.ModifiedAt, there.AccessedAt);
    }

    /// <summary>What is pending is published, or superseded by what is.</summary>
    private void Publish(MemoryNode node, byte[] bytes)
    {
        node.Content = bytes;
        node.Pending = null;
        node.PendingIsPartial = false;
        node.Committed = true;
        node.Version = _nextVersion++;
        node.Revision++;
        node.ChangedAt = Now;
        node.Mode = node.Pinned.Mode & 0xFFF ?? node.Mode;
        node.ModifiedAt = node.Pinned.ModifiedAt ?? node.ChangedAt;
        node.AccessedAt = node.Pinned.AccessedAt ?? node.AccessedAt;
        node.Pinned = new AttributeChange();
    }

    private void CheckQuota(Principal who, long more)
    {
        if (more > 0 && Used(Root(who)) + more > QuotaBytes)
        {
            throw new FluxException(FluxError.QuotaExceeded, $"The quota of {QuotaBytes} bytes would be exceeded.");
        }
    }

    private static long Used(MemoryNode node) =>
        (node.Kind == NodeKind.File ? node.Content.LongLength : 0) + node.Children.Values.Sum(Used);

    private static void Check(Precondition condition, MemoryNode? node)
    {
        if (condition.NotExists && node is { Committed: true })
        {
            throw new FluxException(FluxError.Exists, "The name is taken.");
        }

        if ((condition.MustExist && node is not { Committed: true })
            || (condition.Version is { } version && node?.Version != version)
            || (condition.Tags is { } tags && !tags.Any(tag => node is not null && tag.Span.SequenceEqual(Tag(node))))
            || (condition.TagsNot is { } not && not.Any(tag => node is not null && tag.Span.SequenceEqual(Tag(node)))))
        {
            throw FluxException.Conflict("The file changed since you looked.");
        }
    }

    private static byte[] Tag(MemoryNode node) => System.Security.Cryptography.SHA256.HashData(node.Content);

    private static FluxException Taken(FilePath path) =>
        new(FluxError.Exists, $"\"{(path.IsRoot ? "/" : path.Name.ToString())}\" exists already.");
}

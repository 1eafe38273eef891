using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>
/// Walks a path in the catalogue, with the reader's view. Links are resolved where they are: ".." and a leading "/"
/// stop at the root of the tree that holds the link (for a link in a shared folder that is the folder's top, so
/// nobody is led out of it; for one in the home it is the reader's root), and at most
/// <see cref="Limits.SymlinkHopsMax"/> are followed.
/// </summary>
internal sealed class PathWalk(View view, CatalogReader db)
{
    private readonly List<Step> _steps = [];
    private readonly Stack<Part> _rest = new();
    private int _hops;

    /// <param name="followLast">Follow a link in the last place too.</param>
    /// <param name="lastMayBeMissing">Without it a missing last name is NotFound.</param>
    public Spot Find(FilePath path, bool followLast, bool lastMayBeMissing = false)
    {
        _hops = 0;
        _rest.Clear();
        _steps.Clear();
        _steps.Add(new Step(default, view.Home, Top(view.Home), 0, null));
        for (var i = path.Names.Length - 1; i >= 0; i--)
        {
            _rest.Push(new Part(path.Names[i], PartKind.Name, 0));
        }

        while (_rest.TryPop(out var part))
        {
            if (!Take(part, followLast) && !(lastMayBeMissing && _rest.Count == 0))
            {
                throw FluxException.NotFound($"There is no \"{part.Name}\" there.");
            }
        }

        return Here();
    }

    /// <summary>The folder that the last name of a path is in, and what is there now, a link not followed.</summary>
    public Spot FindPlace(FilePath path) => Find(path, followLast: false, lastMayBeMissing: true);

    /// <summary>What a name in a folder that was found before leads to, nothing included; null for a link that is to be followed.</summary>
    public Spot? FindIn(Spot folder, FileName name, bool followLast)
    {
        var next = Child(new Step(default, folder.Mount, folder.Node, folder.Depth, folder.AsOf), name);
        return followLast && next.Node is { Kind: NodeKind.Symlink } ? null : new Spot
        {
            Path = folder.Path.Append(name),
            Mount = next.Mount,
            Node = next.Node,
            Parent = next.Depth == 0 ? 0 : folder.Node!.Id,
            Depth = next.Depth,
            AsOf = next.AsOf,
        };
    }

    private bool Take(Part part, bool followLast)
    {
        switch (part.Kind)
        {
            case PartKind.Root:
                _steps.RemoveRange(part.Floor + 1, _steps.Count - part.Floor - 1);
                return true;
            case PartKind.Up:
                if (_steps.Count - 1 > part.Floor)
                {
                    _steps.RemoveAt(_steps.Count - 1);
                }

                return true;
        }

        var folder = _steps[^1];
        if (folder.Node is { IsFolder: false })
        {
            throw Spot.NotFolder(folder.Name);
        }

        if (_steps.Count > Limits.PathDepthMax)
        {
            throw new FluxException(FluxError.TooLarge, $"The path is more than {Limits.PathDepthMax} folders deep.");
        }

        var next = Child(folder, part.Name);
        if (next.Node is { Kind: NodeKind.Symlink } link && (_rest.Count > 0 || followLast))
        {
            Follow(link, folder);
            return true;
        }

        _steps.Add(next);
        return next.Node is not null || next.Mount is null;
    }

    private void Follow(NodeRow link, Step folder)
    {
        if (++_hops > Limits.SymlinkHopsMax)
        {
            throw new FluxException(FluxError.LinkLoop, "The symbolic links lead in a circle or are too many.");
        }

        var floor = _steps.Count - 1 - folder.Depth;
        var target = link.Target.AsSpan();
        var parts = new List<Part>();
        if (target is [(byte)'/', ..])
        {
            parts.Add(new Part(default, PartKind.Root, floor));
        }

        foreach (var range in target.Split((byte)'/'))
        {
            var bytes = target[range];
            if (bytes.SequenceEqual(".."u8))
            {
                parts.Add(new Part(default, PartKind.Up, floor));
            }
            else if (!bytes.IsEmpty && !bytes.SequenceEqual("."u8))
            {
                parts.Add(new Part(FileName.From(bytes), PartKind.Name, floor));
            }
        }

        for (var i = parts.Count - 1; i >= 0; i--)
        {
            _rest.Push(parts[i]);
        }
    }

    private Step Child(Step folder, FileName name)
    {
        // /.snapshots: its children are full hours, each of them the root as it was then.
        if (folder.Mount is null)
        {
            return SnapshotName.TryParse(name, out var time)
                ? new Step(name, view.Home, Top(view.Home), 0, time)
                : throw FluxException.NotFound("There is no such snapshot; names are full hours in UTC like 2026-01-31T14-00-00Z.");
        }

        var own = Look(folder.Node!.Id, name, folder.AsOf);
        if (own is not null || folder.Node.Id != view.Home.Root)
        {
            return new Step(name, folder.Mount, own, folder.Depth + 1, folder.AsOf);
        }

        if (folder.AsOf is null && name == View.SnapshotsName)
        {
            return new Step(name, null, null, 0, null);
        }

        return view.FindShared(name, shared => Look(folder.Node.Id, shared, folder.AsOf) is not null) is { } mount
            ? new Step(name, mount, Top(mount), 0, folder.AsOf)
            : new Step(name, folder.Mount, null, folder.Depth + 1, folder.AsOf);
    }

    private NodeRow? Look(long parent, FileName name, long? asOf) =>
        asOf is { } time ? Past.Find(db, parent, name, time) : NodeTable.Find(db, parent, name);

    private NodeRow Top(Mount mount) =>
        NodeTable.Get(db, mount.Root) ?? throw new FluxException(FluxError.Corrupt, "The top of a tree is missing; run a check of the store.");

    private Spot Here()
    {
        var last = _steps[^1];
        return new Spot
        {
            Path = FilePath.From(_steps.Skip(1).Select(step => step.Name)),
            Mount = last.Mount,
            Node = last.Node,
            Parent = last.Depth == 0 ? 0 : _steps[^2].Node!.Id,
            Depth = last.Depth,
            AsOf = last.AsOf,
        };
    }

    /// <param name="Depth">Below the mount's top; the top is 0.</param>
    private readonly record struct Step(FileName Name, Mount? Mount, NodeRow? Node, int Depth, long? AsOf);

    private enum PartKind
    {
        Name,
        Up,
        Root,
    }

    /// <param name="Floor">Index of the step that ".." and "/" stop at.</param>
    private readonly record struct Part(FileName Name, PartKind Kind, int Floor);
}

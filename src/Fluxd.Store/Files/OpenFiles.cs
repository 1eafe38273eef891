using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Uploads;

namespace Fluxd.Store.Files;

/// <summary>
/// All files that are open, by user and node, or by user and place while they have no node. Thread-safe.
/// Files of different users and frontends share nothing: uncommitted bytes are their writer's own.
/// </summary>
internal sealed class OpenFiles
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(long User, long Node), OpenFile> _byNode = [];
    private readonly Dictionary<(long User, long Parent, FileName Name), OpenFile> _byPlace = [];

    public OpenFiles() => Partials = new Partials(this);

    public Partials Partials { get; }

    /// <summary>Joins the open file of this user, or makes it.</summary>
    public OpenFile Join(Spot spot, View view, bool writes, string frontend)
    {
        lock (_lock)
        {
            // A download or an upload of a whole file has one of its own. Others who joined it would change what it reads, or mix
            // their bytes into what it writes.
            var isApart = !ShowsWrites(frontend);
            var there = isApart ? null : FindLocked(view.User.Id, spot);
            if (there is null || (there.Frontend != frontend && !writes))
            {
                var made = Make(spot, view, frontend, isApart);
                if (there is null)
                {
                    Add(made);
                }

                there = made;
            }

            // A writer that may not read must not learn from the time of its writes either.
            there.Scope = there.Scope with { Finds = there.Scope.Finds && (!writes || view.ScopeIn(there.Root).Finds) };
            there.Handles++;
            there.Writers += writes ? 1 : 0;
            return there;
        }
    }

    /// <returns>True for the last writer: what it leaves uncommitted must be kept or dropped before <see cref="Leave"/>.</returns>
    public bool LeaveWriting(OpenFile file)
    {
        lock (_lock)
        {
            return --file.Writers == 0;
        }
    }

    public void Leave(OpenFile file)
    {
        lock (_lock)
        {
            if (--file.Handles == 0)
            {
                Remove(file);
                file.Held?.Dispose();
            }
        }
    }

    /// <summary>On the committer's thread: a new file got its node.</summary>
    public void Published(OpenFile file, long node)
    {
        lock (_lock)
        {
            Remove(file);
            file.NodeId = node;

            // If the name was removed in the same group, the node's own place says so.
            file.IsGone = false;
            Add(file);
        }
    }

    public OpenFile? Find(long user, Spot spot)
    {
        lock (_lock)
        {
            return FindLocked(user, spot);
        }
    }

    /// <summary>A file that the user writes and nobody committed: its name is taken, for them.</summary>
    public bool IsPending(long user, Spot spot)
    {
        lock (_lock)
        {
            return FindPlace(user, spot) is { Draft: not null };
        }
    }

    public bool IsPendingIn(long user, long folder)
    {
        lock (_lock)
        {
            return _byPlace.Any(entry => entry.Key.User == user && entry.Key.Parent == folder && entry.Value.Draft is not null);
        }
    }

    public List<OpenFile> BeingWritten(long user)
    {
        lock (_lock)
        {
            return [.. _byNode.Values.Concat(_byPlace.Values).Where(file => file.User == user && file.Draft is not null)];
        }
    }

    /// <summary>On the committer's thread. False when the user writes no such new file. What the user has open at the place loses its name.</summary>
    public bool MovePending(CatalogTransaction db, long user, Spot source, Spot place)
    {
        lock (_lock)
        {
            if (FindPlace(user, source) is not { } file)
            {
                return false;
            }

            if (place.Node is { } node && node.Id != source.Node?.Id && _byNode.GetValueOrDefault((user, node.Id)) is { } replaced)
            {
                Drop(db, replaced);
            }

            if (FindPlace(user, place) is { } pending && pending != file)
            {
                Drop(db, pending);
            }

            var (before, exclusive) = ((file.Parent, file.Name, file.Path, file.Root), file.Exclusive);
            Place((place.Parent, place.Path.Name, place.Path, place.Mount!.Root), isExclusive: false);
            db.OnRollback(() =>
            {
                lock (_lock)
                {
                    Place(before, exclusive);
                }
            });
            return true;

            void Place((long Parent, FileName Name, FilePath Path, long Root) at, bool isExclusive)
            {
                Remove(file);
                (file.Parent, file.Name, file.Path, file.Root) = at;
                file.Exclusive = isExclusive;
                Add(file);
            }
        }
    }

    /// <summary>On the committer's thread. The handles go on; their bytes go nowhere.</summary>
    public bool DropPending(CatalogTransaction db, long user, Spot spot)
    {
        lock (_lock)
        {
            if (FindPlace(user, spot) is not { } file)
            {
                return false;
            }

            Drop(db, file);
            return true;
        }
    }

    /// <summary>On the committer's thread: as <see cref="DropPending"/>, in one step with the look whether it may be done.</summary>
    /// <returns>False when the user writes a file there and it must not be replaced.</returns>
    public bool TryTakePlace(CatalogTransaction db, long user, Spot place, bool replace)
    {
        lock (_lock)
        {
            if (FindPlace(user, place) is { } file)
            {
                if (file.Draft is not null && !replace)
                {
                    return false;
                }

                Drop(db, file);
            }

            return true;
        }
    }

    /// <summary>
    /// Asked by who opens a file for writing when its draft is there: the name may have been taken before that, by somebody
    /// who saw nothing that is being written.
    /// </summary>
    public bool LostItsName(OpenFile file)
    {
        lock (_lock)
        {
            return file.IsGone;
        }
    }

    /// <summary>On the committer's thread: as <see cref="DropPending"/>, for all new files of the user that are in a folder or below it.</summary>
    public void DropPendingBelow(CatalogTransaction db, long user, long folder)
    {
        lock (_lock)
        {
            foreach (var file in _byPlace.Values.Where(file => file.User == user && NodeTable.IsWithin(db, file.Parent, folder)).ToList())
            {
                Drop(db, file);
            }
        }
    }

    /// <summary>Attributes for a file that is being written: they are set now and again with its commit.</summary>
    public bool Pin(long user, Spot spot, AttributeChange change)
    {
        if (Find(user, spot) is not { Draft: not null } file)
        {
            return false;
        }

        file.Pinned = Merge(file.Pinned, change);
        return true;
    }

    public static AttributeChange Merge(AttributeChange? old, AttributeChange change) => new()
    {
        Mode = change.Mode ?? old?.Mode,
        ModifiedAt = change.ModifiedAt ?? old?.ModifiedAt,
        AccessedAt = change.AccessedAt ?? old?.AccessedAt,
    };

    /// <summary>Handles by SFTP, and of callers inside the daemon, see what is being written; all other frontends serve and take whole files.</summary>
    private static bool ShowsWrites(string frontend) => frontend is "" or "sftp";

    private static OpenFile Make(Spot spot, View view, string frontend, bool isApart) => new(view.User.Id, frontend)
    {
        IsApart = isApart,
        NodeId = spot.Node?.Id ?? 0,
        Parent = spot.Parent,
        Name = spot.Path.Name,
        Path = spot.Path,
        Root = spot.Mount!.Root,
        Scope = view.ScopeIn(spot.Mount.Root),
        PaidBytes = spot.Node?.Size ?? 0,
    };

    /// <summary>What was kept of it goes too, or it would be offered where another file is now. Undone if the write is rolled back.</summary>
    private void Drop(CatalogTransaction db, OpenFile file)
    {
        Remove(file);
        file.IsGone = true;
        UploadTable.DeleteKept(db, file.Kept);
        db.OnRollback(() =>
        {
            lock (_lock)
            {
                file.IsGone = false;
                Add(file);
            }
        });
    }

    /// <summary>By node, or by place for a file without one: also where somebody else's file got the name first.</summary>
    private OpenFile? FindLocked(long user, Spot spot) =>
        (spot.Node is { } node ? _byNode.GetValueOrDefault((user, node.Id)) : null) ?? FindPlace(user, spot);

    private OpenFile? FindPlace(long user, Spot spot) =>
        spot.Path.IsRoot ? null : _byPlace.GetValueOrDefault((user, spot.Parent, spot.Path.Name));

    private void Add(OpenFile file)
    {
        if (file.IsApart)
        {
            return;
        }

        if (file.NodeId != 0)
        {
            _byNode.TryAdd((file.User, file.NodeId), file);
        }
        else
        {
            _byPlace.TryAdd((file.User, file.Parent, file.Name), file);
        }
    }

    private void Remove(OpenFile file)
    {
        if (_byNode.GetValueOrDefault((file.User, file.NodeId)) == file)
        {
            _byNode.Remove((file.User, file.NodeId));
        }

        if (_byPlace.GetValueOrDefault((file.User, file.Parent, file.Name)) == file)
        {
            _byPlace.Remove((file.User, file.Parent, file.Name));
        }
    }
}

using Fluxd.Core;
using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Feed;

namespace Fluxd.Store.Files;

/// <summary>Where content is to appear: over a node, or under a name that nothing has yet.</summary>
internal sealed record Target(Mount Mount, FilePath PathInTree, NodeRow? Node, long Parent)
{
    public LoggedPlace Place => new(Mount.Root, PathInTree);
}

internal sealed record Publication(ContentRef Content, long Author, long Now)
{
    public AttributeChange? Attributes { get; init; }

    public int ModeIfNew { get; init; } = Publisher.FileMode;

    /// <summary>The version that the same open handle committed before: the new one takes its place.</summary>
    public long ReplacesVersion { get; init; }

    /// <summary>The version before is kept in any case.</summary>
    public bool KeepsOld { get; init; }

    public long ModifiedAt => Attributes?.ModifiedAt?.Nanoseconds ?? Now;
}

/// <summary>
/// Makes content the current version of a name: one transaction whose time doesn't depend on the content's size.
/// Before it everybody sees the whole old file, after it the whole new one.
/// </summary>
internal static class Publisher
{
    public const int FileMode = 0x1A4;
    public const int FolderMode = 0x1ED;
    public const int LinkMode = 0x1FF;

    public static NodeRow Publish(CatalogTransaction db, ChangeLog log, Target target, Publication what)
    {
        if (target.Node is { Kind: not NodeKind.File })
        {
            throw new FluxException(FluxError.IsFolder, $"\"{target.PathInTree.Name}\" is not a file; choose another name.");
        }

        Quotas.Charge(db, target.Mount, what.Content.Size - (target.Node?.Size ?? 0), target.Node is null ? 1 : 0);
        db.KeepContent(what.Content.Id);
        var version = db.NextId("version");
        var published = target.Node is { } old ? Replace(db, old, target, version, what) : Insert(db, target, version, what);
        using (var insert = db.Sql("INSERT INTO version(id, node, content, size, mtime, created, author) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            .Bind(version).Bind(published.Id).Bind(what.Content.Id).Bind(what.Content.Size).Bind(published.ModifiedAt).Bind(what.Now).Bind(what.Author))
        {
            insert.Run();
        }

        log.Append(db, ChangeKind.Put, published, target.Place, null, what.Author, what.Now);
        return published;
    }

    public static void Check(Precondition condition, NodeRow? node)
    {
        if (condition.NotExists && node is not null)
        {
            throw new FluxException(FluxError.Exists, "The name is taken.");
        }

        if ((condition.MustExist && node is null)
            || (condition.Version is { } version && node?.Version != version)
            || (condition.Tags is { } tags && !tags.Any(tag => node is not null && tag.Span.SequenceEqual(node.Tag)))
            || (condition.TagsNot is { } not && node is not null && not.Any(tag => tag.Span.SequenceEqual(node.Tag))))
        {
            throw FluxException.Conflict("The file changed since you looked; read it again, then decide.");
        }
    }

    private static NodeRow Insert(CatalogTransaction db, Target target, long version, Publication what) => NodeTable.Insert(db, new NodeRow
    {
        Id = 0,
        Parent = target.Parent,
        Name = target.PathInTree.Name,
        Kind = NodeKind.File,
        Owner = what.Author,
        Version = version,
        Size = what.Content.Size,
        Content = what.Content.Id,
        Tag = what.Content.Tag,
        Mode = (what.Attributes?.Mode ?? what.ModeIfNew) & 0xFFF,
        ModifiedAt = what.ModifiedAt,
        AccessedAt = what.Attributes?.AccessedAt?.Nanoseconds ?? what.Now,
        ChangedAt = what.Now,
        CreatedAt = what.Now,
        Since = what.Now,
    });

    private static NodeRow Replace(CatalogTransaction db, NodeRow old, Target target, long version, Publication what)
    {
        if (old.Version > 0)
        {
            EndVersion(db, old, what, target.Mount.Root);
        }

        var now = old with
        {
            Version = version,
            Revision = old.Revision + 1,
            Size = what.Content.Size,
            Content = what.Content.Id,
            Tag = what.Content.Tag,
            Mode = what.Attributes?.Mode & 0xFFF ?? old.Mode,
            ModifiedAt = what.ModifiedAt,
            AccessedAt = what.Attributes?.AccessedAt?.Nanoseconds ?? old.AccessedAt,
            ChangedAt = what.Now,
        };
        using var update = db.Sql("UPDATE node SET version = ?2, size = ?3, mtime = ?4, atime = ?5, mode = ?6, ctime = ?7, revision = ?8 WHERE id = ?1")
            .Bind(now.Id).Bind(now.Version).Bind(now.Size).Bind(now.ModifiedAt).Bind(now.AccessedAt).Bind(now.Mode).Bind(now.ChangedAt).Bind(now.Revision);
        update.Run();
        return now;
    }

    /// <summary>
    /// The version before becomes the past, unless it is only a moment of the present: one that the same handle wrote,
    /// or one that came within <see cref="FilesLimits.VersionSpacing"/> of the last one kept and stood no longer itself.
    /// </summary>
    private static void EndVersion(CatalogTransaction db, NodeRow old, Publication what, long root)
    {
        if (!what.KeepsOld && (old.Version == what.ReplacesVersion || IsTooSoon(db, old, what.Now)))
        {
            using var drop = db.Sql("DELETE FROM version WHERE id = ?1").Bind(old.Version);
            drop.Run();
            OwnState.Lost(db, root);
            return;
        }

        using var end = db.Sql("UPDATE version SET replaced = ?2, root = ?3, mtime = ?4 WHERE id = ?1").Bind(old.Version).Bind(what.Now).Bind(root).Bind(old.ModifiedAt);
        end.Run();
    }

    private static bool IsTooSoon(CatalogReader db, NodeRow old, long now)
    {
        // The longer of both counts: what was the file for a month is no moment, however soon it came after another.
        using var row = db.Sql("""
            SELECT max(?3 - created, created - (SELECT max(created) FROM version WHERE node = ?1 AND replaced IS NOT NULL)) FROM version WHERE id = ?2
            """).Bind(old.Id).Bind(old.Version).Bind(now);
        return row.RunScalar() is { } gap && gap < FilesLimits.VersionSpacing.Ticks * 100;
    }
}

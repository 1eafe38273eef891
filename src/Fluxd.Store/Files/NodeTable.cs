using System.Buffers.Binary;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>Rows of <c>node</c> and <c>place</c>: what is where, and what was where before.</summary>
internal static class NodeTable
{
    private const string Select = "SELECT " + NodeRow.Columns + " FROM " + NodeRow.Tables;
    private const long NanosecondsPerHour = 3_600_000_000_000;

    public static NodeRow? Get(CatalogReader db, long id)
    {
        using var row = db.Sql(Select + " WHERE n.id = ?1").Bind(id);
        return row.Step() ? NodeRow.From(row) : null;
    }

    public static NodeRow? Find(CatalogReader db, long parent, FileName name)
    {
        using var row = db.Sql(Select + " WHERE n.parent = ?1 AND n.name = ?2").Bind(parent).Bind(name.Bytes);
        return row.Step() ? NodeRow.From(row) : null;
    }

    public static bool HasChildren(CatalogReader db, long parent)
    {
        using var row = db.Sql("SELECT 1 FROM node WHERE parent = ?1 LIMIT 1").Bind(parent);
        return row.Step();
    }

    /// <summary>Is the node <paramref name="ancestor"/> itself or below it?</summary>
    public static bool IsWithin(CatalogReader db, long node, long ancestor)
    {
        for (var at = node; at != 0; at = ParentOf(db, at))
        {
            if (at == ancestor)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The top of the tree that the node is in, and the way from there; null when it was removed.</summary>
    public static (long Root, FilePath Path)? Locate(CatalogReader db, long node)
    {
        var names = new Stack<FileName>();
        var at = node;
        while (true)
        {
            using var row = db.Sql("SELECT parent, name FROM node WHERE id = ?1").Bind(at);
            if (!row.Step())
            {
                return null;
            }

            var parent = row.Long(0);
            if (parent == 0)
            {
                return IsTop(db, at) ? (at, FilePath.From(names)) : null;
            }

            names.Push(FileName.From(row.Span(1)));
            at = parent;
        }
    }

    public static NodeRow Insert(CatalogTransaction db, NodeRow node)
    {
        var id = db.NextId("node");
        var name = node.Name.IsDefault ? IdName(id) : node.Name.Bytes.ToArray();
        using var insert = db.Sql("""
            INSERT INTO node(id, parent, name, kind, owner, version, revision, size, target, mode, mtime, atime, ctime, created, since)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
            """)
            .Bind(id).Bind(node.Parent).Bind(name).Bind((long)node.Kind).Bind(node.Owner).Bind(node.Version).Bind(node.Size)
            .Bind(node.Target).Bind(node.Mode).Bind(node.ModifiedAt).Bind(node.AccessedAt).Bind(node.ChangedAt).Bind(node.CreatedAt).Bind(node.Since);
        insert.Run();
        return node with { Id = id, Revision = 1 };
    }

    /// <summary>Gives the node another place, and remembers the one it had.</summary>
    public static void Move(CatalogTransaction db, NodeRow node, long parent, FileName name, long now)
    {
        Remember(db, node, now);
        using var move = db.Sql("UPDATE node SET parent = ?2, name = ?3, ctime = ?4, since = ?4, revision = revision + 1 WHERE id = ?1")
            .Bind(node.Id).Bind(parent).Bind(name.Bytes).Bind(now);
        move.Run();
    }

    /// <summary>Takes the node out of its tree; what is below it goes with it.</summary>
    public static void Detach(CatalogTransaction db, NodeRow node, long now)
    {
        Remember(db, node, now);
        using var move = db.Sql("UPDATE node SET parent = 0, name = ?2, ctime = ?3, since = ?3, revision = revision + 1 WHERE id = ?1")
            .Bind(node.Id).Bind(IdName(node.Id)).Bind(now);
        move.Run();
    }

    public static void Apply(CatalogTransaction db, long id, AttributeChange change, long now)
    {
        using var update = db.Sql("""
            UPDATE node SET mode = coalesce(?2, mode), mtime = coalesce(?3, mtime), atime = coalesce(?4, atime), ctime = ?5, revision = revision + 1
            WHERE id = ?1
            """)
            .Bind(id).Bind((long?)(change.Mode & 0xFFF)).Bind(change.ModifiedAt?.Nanoseconds).Bind(change.AccessedAt?.Nanoseconds).Bind(now);
        update.Run();
    }

    /// <summary>Bytes of files, and number of nodes of every kind, from here down.</summary>
    public static (long Bytes, long Files) Weigh(CatalogReader db, long node)
    {
        using var sum = db.Sql("""
            WITH RECURSIVE tree(id) AS (SELECT ?1 UNION ALL SELECT n.id FROM node n JOIN tree t ON n.parent = t.id)
            SELECT coalesce(sum(CASE WHEN n.kind = 1 THEN n.size END), 0), count(*) FROM tree t JOIN node n ON n.id = t.id
            """).Bind(node);
        sum.Step();
        return (sum.Long(0), sum.Long(1));
    }

    public static byte[] IdName(long id)
    {
        var name = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(name, id);
        return name;
    }

    public static long ParentOf(CatalogReader db, long node)
    {
        using var row = db.Sql("SELECT parent FROM node WHERE id = ?1").Bind(node);
        return row.RunScalar() ?? 0;
    }

    private static bool IsTop(CatalogReader db, long node)
    {
        using var row = db.Sql("SELECT 1 FROM tree WHERE node = ?1").Bind(node);
        return row.Step();
    }

    // Snapshots are named by full hours: a place that no full hour saw can't be looked at, and leaves no row.
    private static void Remember(CatalogTransaction db, NodeRow node, long now)
    {
        if (node.Parent == 0 || FullHour(node.Since) == FullHour(now))
        {
            return;
        }

        using var insert = db.Sql("INSERT OR IGNORE INTO place(parent, name, node, since, until) VALUES (?1, ?2, ?3, ?4, ?5)")
            .Bind(node.Parent).Bind(node.Name.Bytes).Bind(node.Id).Bind(node.Since).Bind(now);
        insert.Run();
    }

    private static long FullHour(long time) => Math.DivRem(time, NanosecondsPerHour).Quotient;
}

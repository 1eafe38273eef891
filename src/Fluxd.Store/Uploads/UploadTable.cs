using Fluxd.Core.Files;
using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Uploads;

/// <summary>Rows of <c>upload</c>.</summary>
internal static class UploadTable
{
    private const string Select = "SELECT " + UploadRow.Columns + " FROM upload";

    /// <summary>From the uploads to the folder, not the other way round: they are few, and each page of 100,000 files would read all ids.</summary>
    internal const string ShadowsOfNodesIn =
        Select + " WHERE owner = ?1 AND state = 0 AND node IS NOT NULL AND (SELECT parent FROM node WHERE id = upload.node) = ?2";

    public static UploadRow? Get(CatalogReader db, UploadId id)
    {
        using var row = db.Sql(Select + " WHERE id = ?1").Bind(id.ToBytes());
        return row.Step() ? UploadRow.From(row) : null;
    }

    public static void Insert(CatalogTransaction db, UploadRow upload)
    {
        KeepContent(db, upload);
        using var insert = db.Sql("INSERT INTO upload(" + UploadRow.Columns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
            .Bind(upload.Id.ToBytes()).Bind(upload.Owner).Bind((long)upload.State).Bind(upload.Target.ToBytes()).Bind(upload.Root)
            .Bind(NullIfZero(upload.Parent)).Bind(upload.Name.IsDefault ? null : upload.Name.Bytes.ToArray()).Bind(NullIfZero(upload.Node))
            .Bind(upload.Size).Bind(upload.Reserved).Bind(upload.Content).Bind(upload.Durable)
            .Bind((long?)upload.Digest?.Algorithm).Bind(upload.Digest?.Value.ToArray())
            .Bind((long?)upload.Hashing).Bind(upload.HashState)
            .Bind(upload.Request).Bind(upload.Metadata).Bind(upload.IsPart).Bind(upload.Frontend).Bind(upload.Transfer)
            .Bind(NullIfZero(upload.ResultNode)).Bind(NullIfZero(upload.ResultVersion))
            .Bind(upload.Created).Bind(upload.Updated).Bind(upload.Expires);
        insert.Run();
    }

    /// <summary>Writes all that changes in a session's life.</summary>
    public static void Update(CatalogTransaction db, UploadRow upload)
    {
        KeepContent(db, upload);
        using var update = db.Sql("""
            UPDATE upload SET state = ?2, parent = ?3, name = ?4, node = ?5, size = ?6, reserved = ?7, content = ?8, durable = ?9,
                hash_state = ?10, result_node = ?11, result_version = ?12, updated = ?13, expires = ?14, target = ?15, root = ?16
            WHERE id = ?1
            """)
            .Bind(upload.Id.ToBytes()).Bind((long)upload.State).Bind(NullIfZero(upload.Parent))
            .Bind(upload.Name.IsDefault ? null : upload.Name.Bytes.ToArray()).Bind(NullIfZero(upload.Node)).Bind(upload.Size).Bind(upload.Reserved)
            .Bind(upload.Content).Bind(upload.Durable).Bind(upload.HashState)
            .Bind(NullIfZero(upload.ResultNode)).Bind(NullIfZero(upload.ResultVersion)).Bind(upload.Updated).Bind(upload.Expires)
            .Bind(upload.Target.ToBytes()).Bind(upload.Root);
        update.Run();
    }

    /// <summary>The session goes, with its pieces and leases; its bytes are garbage then.</summary>
    public static void Delete(CatalogTransaction db, UploadRow upload)
    {
        Files.Quotas.Release(db, upload.Root, upload.Reserved);
        Files.OwnState.Lost(db, upload.Root);
        DeletePieces(db, upload.Id);
        using var delete = db.Sql("DELETE FROM upload WHERE id = ?1").Bind(upload.Id.ToBytes());
        delete.Run();
    }

    /// <summary>As <see cref="Delete"/>, of a row as it was seen before: it may have changed since, or gone.</summary>
    public static void DeleteKept(CatalogTransaction db, UploadRow? kept)
    {
        if (kept is not null && Get(db, kept.Id) is { } row)
        {
            Delete(db, row);
        }
    }

    public static void DeletePieces(CatalogTransaction db, UploadId id)
    {
        using (var parts = db.Sql("DELETE FROM upload_part WHERE upload = ?1").Bind(id.ToBytes()))
        {
            parts.Run();
        }

        using var leases = db.Sql("DELETE FROM lease WHERE session = ?1").Bind(id.ToBytes());
        leases.Run();
    }

    /// <summary>The user's unfinished file at a place or of a node: at most one, the newest.</summary>
    public static UploadRow? FindShadow(CatalogReader db, long owner, long node, long parent, FileName name)
    {
        using var row = node != 0
            ? db.Sql(Select + " WHERE owner = ?1 AND node = ?2 AND state = 0 ORDER BY updated DESC LIMIT 1").Bind(owner).Bind(node)
            : db.Sql(Select + " WHERE owner = ?1 AND parent = ?2 AND name = ?3 AND node IS NULL AND state = 0 ORDER BY updated DESC LIMIT 1")
                .Bind(owner).Bind(parent).Bind(name.Bytes);
        return row.Step() ? UploadRow.From(row) : null;
    }

    /// <summary>All unfinished files of the user in a folder.</summary>
    public static List<UploadRow> ShadowsIn(CatalogReader db, long owner, long parent)
    {
        var found = new List<UploadRow>();
        using (var row = db.Sql(Select + " WHERE owner = ?1 AND parent = ?2 AND node IS NULL AND state = 0").Bind(owner).Bind(parent))
        {
            while (row.Step())
            {
                found.Add(UploadRow.From(row));
            }
        }

        using var bound = db.Sql(ShadowsOfNodesIn).Bind(owner).Bind(parent);
        while (bound.Step())
        {
            found.Add(UploadRow.From(bound));
        }

        return found;
    }

    public static List<UploadRow> Page(CatalogReader db, long owner, byte[] after, int count)
    {
        var page = new List<UploadRow>();
        using var row = db.Sql(Select + " WHERE owner = ?1 AND id > ?2 ORDER BY id LIMIT ?3").Bind(owner).Bind(after).Bind(count);
        while (row.Step())
        {
            page.Add(UploadRow.From(row));
        }

        return page;
    }

    private static void KeepContent(CatalogTransaction db, UploadRow upload)
    {
        if (upload.Content is { } content)
        {
            db.KeepContent(content);
        }
    }

    private static long? NullIfZero(long value) => value == 0 ? null : value;
}

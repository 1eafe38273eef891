using Fluxd.Core.Feed;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Files;

namespace Fluxd.Store.Feed;

/// <summary>A place as the log keeps it: whose tree, and the way from its top.</summary>
internal readonly record struct LoggedPlace(long Root, FilePath Path);

/// <summary>Appends to the change log in the transaction of the change itself, so that the feed can't miss or invent one.</summary>
internal sealed class ChangeLog(ChangeSignal signal)
{
    public void Append(CatalogTransaction db, ChangeKind kind, NodeRow node, LoggedPlace place, LoggedPlace? from, long author, long now)
    {
        // Between two trees there is no move that one reader could follow: it leaves the one and comes into the other.
        if (from is { } there && there.Root != place.Root)
        {
            Insert(db, ChangeKind.Remove, node, there, null, author, now);
            from = null;
        }

        Insert(db, kind, node, place, from?.Path, author, now);
    }

    private void Insert(CatalogTransaction db, ChangeKind kind, NodeRow node, LoggedPlace place, FilePath? from, long author, long now)
    {
        var sequence = db.NextId("change");
        using var insert = db.Sql("""
            INSERT INTO change(seq, kind, node, node_kind, root, path, from_path, version, size, tag, mtime, at, author)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
            """)
            .Bind(sequence).Bind((long)kind).Bind(node.Id).Bind((long)node.Kind).Bind(place.Root).Bind(place.Path.ToBytes())
            .Bind(from?.ToBytes()).Bind(node.Version).Bind(node.Size).Bind(node.Tag).Bind(node.ModifiedAt).Bind(now).Bind(author);
        insert.Run();
        db.AfterCommit(() => signal.Announce(sequence));
    }
}

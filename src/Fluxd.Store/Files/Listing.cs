using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;
using Fluxd.Core;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;
using Fluxd.Store.Catalog.Sqlite;

namespace Fluxd.Store.Files;

/// <summary>
/// One page of a folder by keyset: a page begins behind the (key, name) where the one before ended, so entries that
/// come or go meanwhile never shift it. Only what the page shows is in memory.
/// </summary>
internal sealed class Listing(View view, CatalogReader db, ListRequest request)
{
    private const string Select = "SELECT " + NodeRow.Columns + " FROM " + NodeRow.Tables + " WHERE n.parent = ?1 ";

    /// <summary>Entries of the root that are no rows of the folder: shared folders; and unfinished files of the caller's.</summary>
    public IReadOnlyList<NodeInfo> Extra { get; init; } = [];

    /// <summary>Names whose row is shown differently (a file that the caller is writing), by name.</summary>
    public IReadOnlyDictionary<FileName, NodeInfo> Instead { get; init; } = new Dictionary<FileName, NodeInfo>();

    public ListPage Run(Spot folder)
    {
        var count = Math.Clamp(request.Count, 1, Limits.ListPageMax);
        var after = Cursor.Parse(request.Cursor);
        using var extra = Extra.Where(Wanted).Where(entry => after is null || Compare(KeyOf(entry), entry.Name, after.Value) > 0)
            .Order(Comparer<NodeInfo>.Create((a, b) => Compare(KeyOf(a), a.Name, new Cursor(KeyOf(b), b.Name)))).GetEnumerator();
        using var rows = Rows(folder, after).GetEnumerator();
        var page = new List<NodeInfo>(count);
        var last = 0L;
        var hasExtra = extra.MoveNext();
        var hasRow = rows.MoveNext();
        while ((hasExtra || hasRow) && page.Count < count)
        {
            if (hasExtra && (!hasRow || Compare(KeyOf(extra.Current), extra.Current.Name, new Cursor(KeyOf(rows.Current), rows.Current.Name)) < 0))
            {
                page.Add(extra.Current);
                last = KeyOf(extra.Current);
                hasExtra = extra.MoveNext();
            }
            else
            {
                // A row that is shown differently keeps its place in the order: its own key goes into the cursor.
                page.Add(Instead.GetValueOrDefault(rows.Current.Name, rows.Current));
                last = KeyOf(rows.Current);
                hasRow = rows.MoveNext();
            }
        }

        return new ListPage(page, hasExtra || hasRow ? new Cursor(last, page[^1].Name).ToString() : null);
    }

    private IEnumerable<NodeInfo> Rows(Spot folder, Cursor? after)
    {
        if (folder.AsOf is { } time)
        {
            foreach (var row in Past.List(db, folder.Node!.Id, time, after?.Name.Bytes.ToArray() ?? []))
            {
                var info = view.Info(row, folder.Mount!, isPast: true);
                if (Wanted(info))
                {
                    yield return info;
                }
            }

            yield break;
        }

        using var statement = Query(folder.Node!.Id, after);
        while (statement.Step())
        {
            var info = view.Info(NodeRow.From(statement), folder.Mount!);
            if (Wanted(info))
            {
                yield return info;
            }
        }
    }

    private Statement Query(long parent, Cursor? after)
    {
        var sql = (request.Sort, request.Descending) switch
        {
            (ListSort.ModifiedAt, false) => Select + "AND (?2 IS NULL OR (n.mtime, n.name) > (?3, ?2)) ORDER BY n.mtime, n.name",
            (ListSort.ModifiedAt, true) => Select + "AND (?2 IS NULL OR (n.mtime, n.name) < (?3, ?2)) ORDER BY n.mtime DESC, n.name DESC",
            (ListSort.Size, false) => Select + "AND (?2 IS NULL OR (n.size, n.name) > (?3, ?2)) ORDER BY n.size, n.name",
            (ListSort.Size, true) => Select + "AND (?2 IS NULL OR (n.size, n.name) < (?3, ?2)) ORDER BY n.size DESC, n.name DESC",
            (_, false) => Select + "AND n.name > ifnull(?2, x'') ORDER BY n.name",
            (_, true) when after is null => Select + "ORDER BY n.name DESC",
            (_, true) => Select + "AND n.name < ?2 ORDER BY n.name DESC",
        };
        var statement = db.Sql(sql).Bind(parent);
        if (request.Sort is ListSort.Name && request.Descending && after is null)
        {
            return statement;
        }

        statement.Bind(after?.Name.Bytes.ToArray());
        return request.Sort is ListSort.Name ? statement : statement.Bind(after?.Key ?? 0);
    }

    private bool Wanted(NodeInfo entry) =>
        (request.Kind is null || entry.Kind == request.Kind)
        && (request.NameContains is null || entry.Name.ToString().Contains(request.NameContains, StringComparison.OrdinalIgnoreCase));

    private long KeyOf(NodeInfo entry) => request.Sort switch
    {
        ListSort.ModifiedAt => entry.ModifiedAt.Nanoseconds,
        ListSort.Size => entry.Size,
        _ => 0,
    };

    private int Compare(long key, FileName name, Cursor other)
    {
        var order = key.CompareTo(other.Key);
        order = order != 0 ? order : name.CompareTo(other.Name);
        return request.Descending ? -order : order;
    }

    /// <summary>Where a page ended. Opaque to callers.</summary>
    internal readonly record struct Cursor(long Key, FileName Name)
    {
        public override string ToString()
        {
            var bytes = new byte[8 + Name.Bytes.Length];
            BinaryPrimitives.WriteInt64BigEndian(bytes, Key);
            Name.Bytes.CopyTo(bytes.AsSpan(8));
            return Base64Url.EncodeToString(bytes);
        }

        public static Cursor? Parse(string? text)
        {
            if (text is null)
            {
                return null;
            }

            if (!Base64Url.IsValid(text) || Base64Url.DecodeFromUtf8(Encoding.ASCII.GetBytes(text)) is not { Length: > 8 } bytes
                || !FileName.TryFrom(bytes.AsSpan(8), out var name))
            {
                throw FluxException.Invalid("The cursor is not one that this server gave; begin the listing anew.");
            }

            return new Cursor(BinaryPrimitives.ReadInt64BigEndian(bytes), name);
        }
    }
}

using Fluxd.Core;
using Fluxd.Core.Accounts;
using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Accounts;

/// <summary>The audit log's table: appended, read in pages from the newest, trimmed from the oldest.</summary>
internal static class AuditRows
{
    /// <summary>Trimming looks at every so many rows, not at each.</summary>
    private const int TrimEvery = 1000;

    public static void Add(CatalogTransaction transaction, AuditEntry entry)
    {
        var id = transaction.NextId("audit");
        using (var insert = transaction.Sql(
            "INSERT INTO audit(id, at, kind, actor, subject, peer, frontend, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"))
        {
            insert.Bind(id).Bind(entry.At.Nanoseconds).Bind(entry.Kind).Bind(entry.Actor).Bind(entry.Subject)
                .Bind(entry.Peer).Bind(entry.Frontend).Bind(Short(entry.Detail)).Run();
        }

        if (id % TrimEvery == 0)
        {
            using var trim = transaction.Sql("DELETE FROM audit WHERE id <= ?1").Bind(id - AccountLimits.AuditRowsMax);
            trim.Run();
        }
    }

    public static void AddLost(CatalogTransaction transaction, int count, FileTime at)
    {
        if (count > 0)
        {
            Add(transaction, new AuditEntry(0, at, "audit.lost", "fluxd", "", "", "", $"{count} lines came faster than they could be written"));
        }
    }

    public static AuditPage Read(CatalogReader reader, AuditQuery query)
    {
        var count = Math.Clamp(query.Count, 1, Limits.ListPageMax);
        using var rows = reader.Sql(
            """
            SELECT id, at, kind, actor, subject, peer, frontend, detail FROM audit
            WHERE id < ?1 AND (?2 IS NULL OR actor = ?2 OR subject = ?2) AND (?3 IS NULL OR kind = ?3 OR kind GLOB ?4)
            ORDER BY id DESC LIMIT ?5
            """);
        rows.Bind(query.Before ?? long.MaxValue).Bind(query.Who).Bind(query.KindPrefix).Bind(Glob(query.KindPrefix)).Bind(count + 1);
        var entries = new List<AuditEntry>();
        while (rows.Step())
        {
            entries.Add(new AuditEntry(
                rows.Long(0), new FileTime(rows.Long(1)), rows.Text(2), rows.Text(3), rows.Text(4), rows.Text(5), rows.Text(6), rows.Text(7)));
        }

        var hasMore = entries.Count > count;
        return new AuditPage(entries.GetRange(0, Math.Min(count, entries.Count)), hasMore ? entries[count - 1].Sequence : null);
    }

    // Only dotted words may be asked for, so nothing in it is a pattern.
    private static string? Glob(string? prefix) =>
        prefix is null ? null
        : prefix.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_') ? prefix.TrimEnd('.') + ".*"
        : throw FluxException.Invalid("A kind is made of words with dots, such as \"login\" or \"login.refused\".");

    private static string Short(string detail) =>
        detail.Length <= AccountLimits.AuditDetailCharsMax ? detail : detail[..AccountLimits.AuditDetailCharsMax];
}

using Fluxd.Core.Uploads;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Uploads;

/// <summary>Bytes [Start, Stop) of an upload are bytes [From, …) of sealed content.</summary>
internal sealed record UploadPart(long Start, long Stop, long Content, long From);

/// <summary>Rows of <c>upload_part</c>: pieces that came out of order. They never overlap: the newest bytes count.</summary>
internal static class PartTable
{
    public static List<UploadPart> Of(CatalogReader db, UploadId id)
    {
        var parts = new List<UploadPart>();
        using var row = db.Sql("SELECT start, stop, content, from_offset FROM upload_part WHERE upload = ?1 ORDER BY start").Bind(id.ToBytes());
        while (row.Step())
        {
            parts.Add(new UploadPart(row.Long(0), row.Long(1), row.Long(2), row.Long(3)));
        }

        return parts;
    }

    /// <summary>Durable ranges, neighbours joined.</summary>
    public static List<ByteRange> Ranges(IEnumerable<UploadPart> parts)
    {
        var ranges = new List<ByteRange>();
        foreach (var part in parts)
        {
            if (ranges.Count > 0 && ranges[^1].End == part.Start)
            {
                ranges[^1] = ranges[^1] with { End = part.Stop };
            }
            else
            {
                ranges.Add(new ByteRange(part.Start, part.Stop));
            }
        }

        return ranges;
    }

    /// <summary>Adds a piece; of older ones only what it doesn't cover stays.</summary>
    public static void Add(CatalogTransaction db, UploadId id, UploadPart part)
    {
        Cut(db, id, part.Start, part.Stop);
        Insert(db, id, part);
    }

    /// <summary>Forgets all pieces in a range.</summary>
    public static void Cut(CatalogTransaction db, UploadId id, long start, long stop)
    {
        foreach (var old in Of(db, id).Where(old => old.Start < stop && old.Stop > start))
        {
            using (var delete = db.Sql("DELETE FROM upload_part WHERE upload = ?1 AND start = ?2").Bind(id.ToBytes()).Bind(old.Start))
            {
                delete.Run();
            }

            if (old.Start < start)
            {
                Insert(db, id, old with { Stop = start });
            }

            if (old.Stop > stop)
            {
                Insert(db, id, old with { Start = stop, From = old.From + (stop - old.Start) });
            }
        }
    }

    private static void Insert(CatalogTransaction db, UploadId id, UploadPart part)
    {
        db.KeepContent(part.Content);
        using var insert = db.Sql("INSERT INTO upload_part(upload, start, stop, content, from_offset) VALUES (?1, ?2, ?3, ?4, ?5)")
            .Bind(id.ToBytes()).Bind(part.Start).Bind(part.Stop).Bind(part.Content).Bind(part.From);
        insert.Run();
    }
}

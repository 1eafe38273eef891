using Fluxd.Core.Files;
using Fluxd.Store.Catalog;

namespace Fluxd.Store.Files;

/// <summary>Whole-file digests that somebody computed once; they belong to the content, so every copy has them.</summary>
internal static class Digests
{
    public static ContentDigest? Find(CatalogReader db, long content, DigestAlgorithm algorithm)
    {
        using var row = db.Sql("SELECT value FROM digest WHERE content = ?1 AND algorithm = ?2").Bind(content).Bind((long)algorithm);
        return row.Step() ? new ContentDigest(algorithm, row.Bytes(0)) : null;
    }

    public static void Keep(CatalogTransaction db, long content, ContentDigest digest)
    {
        using var insert = db.Sql("INSERT OR IGNORE INTO digest(content, algorithm, value) VALUES (?1, ?2, ?3)")
            .Bind(content).Bind((long)digest.Algorithm).Bind(digest.Value);
        insert.Run();
    }
}
